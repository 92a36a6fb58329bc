//! The two things that a job's function is good for: a plan, and each worker's tasks.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use thalweg_storage::{Store, StoreConfig};

use super::{Build, JobFn, Mode, Topology, WorkerParts};
use crate::checkpoint::Restored;
use crate::config::JobConfig;
use crate::error::{JobError, Result};
use crate::io::{Files, Streams};
use crate::operator::task::Task;
use crate::plan::{Graph, Plan};

/// A plan, and the tasks of a worker that never runs.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    tasks: Vec<Box<dyn Task>>,
}

impl Planned {
    /// Before the job begins: sees to what the job before it has left outside.
    ///
    /// # Errors
    ///
    /// What an operator says of it.
    pub(crate) fn recover(&mut self, from: &Restored) -> Result<()> {
        for task in &mut self.tasks {
            let name = task.name().to_string();
            task.recover(from).map_err(|fault| JobError::of_task(name, fault))?;
        }
        Ok(())
    }
}

/// The plan, checked.
pub(crate) fn plan(
    job: &JobFn,
    config: &JobConfig,
    files: Rc<dyn Files>,
    streams: Arc<dyn Streams>,
    restored: Option<Arc<Restored>>,
) -> Result<Planned> {
    config.check().map_err(JobError::from)?;
    let mode = Mode::Plan {
        makers: Vec::new(),
        splits: Vec::new(),
        ports: Vec::new(),
        inputs: Vec::new(),
        gone: Vec::new(),
    };
    let build = run(job, mode, config, (files, Arc::clone(&streams)), restored)?;
    let Build { graph, layouts, tasks, .. } = build;
    let plan = match build.mode {
        Mode::Plan { makers, splits, ports, inputs, gone } => {
            Plan { graph, makers, splits, ports, inputs, streams, gone, layouts: Arc::new(layouts) }
        }
        Mode::Worker(_) => unreachable!("invariant: the mode does not change"),
    };
    Ok(Planned { plan, tasks })
}

/// One worker's tasks, senders before receivers, and the store that their state lies in.
pub(crate) fn tasks(
    job: &JobFn,
    config: &JobConfig,
    files: Rc<dyn Files>,
    parts: WorkerParts,
) -> Result<(Vec<Box<dyn Task>>, Store)> {
    let streams = Arc::clone(&parts.streams);
    let restored = parts.restored.clone();
    let build = run(job, Mode::Worker(parts), config, (files, streams), restored)?;
    Ok((build.tasks, build.store))
}

fn run(
    job: &JobFn,
    mut mode: Mode,
    config: &JobConfig,
    (files, streams): (Rc<dyn Files>, Arc<dyn Streams>),
    restored: Option<Arc<Restored>>,
) -> Result<Build> {
    let store = match &mut mode {
        Mode::Plan { .. } => Store::default(),
        Mode::Worker(parts) => {
            let reserve = config.state_reserve_bytes_a_worker();
            let resident = config.state_resident_bytes;
            let config = StoreConfig::default().reserve_bytes(reserve).resident_bytes(resident);
            let mut store = Store::restore(config, std::mem::take(&mut parts.state));
            for name in restored.iter().flat_map(|restored| restored.retired()) {
                store.forget(name);
            }
            store
        }
    };
    let build = Rc::new(RefCell::new(Build {
        mode,
        config: config.clone(),
        files,
        streams,
        store,
        restored,
        layouts: BTreeMap::new(),
        graph: Graph::default(),
        names: HashSet::new(),
        outputs: Vec::new(),
        speaks: Vec::new(),
        inside: Vec::new(),
        errors: Vec::new(),
        tasks: Vec::new(),
    }));
    job(&mut Topology { build: Rc::clone(&build) })?;
    let mut build = Rc::into_inner(build)
        .ok_or_else(|| JobError::Program("a stream was kept after the job was built; use streams within the job's function alone".into()))?
        .into_inner();
    build.check();
    match build.errors.is_empty() {
        true => Ok(build),
        false => Err(JobError::Build(build.errors)),
    }
}
