//! The topology under construction: what every stream refers to.
//!
//! One and the same function of the user's builds the plan and each worker's tasks; only what an edge or a source's splits come
//! from differs ([`Mode`]).

mod tables;
pub(crate) mod build;

pub(crate) use tables::{KeyType, OperatorTables};

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use thalweg_storage::{RestoredParts, Store, TableConfig, TableName};

use super::source_stream::SourceStream;
use crate::checkpoint::{Declared, Restored};
use crate::config::JobConfig;
use crate::error::{BuildError, Result, error_chain};
use crate::exchange::host::PortMaker;
use crate::exchange::inbox::Inbox;
use crate::exchange::lane::Lane;
use crate::exchange::mesh::{AnyEnds, EdgeEnds, EdgeMaker, make_edge};
use crate::exchange::partition::Route;
use crate::exchange::{KeySelector, Pattern};
use crate::io::{Files, Streams};
use crate::operator::Chain;
use crate::operator::aggregate::Aggregator;
use crate::operator::outlet::{ChainOutlet, Outlet};
use crate::operator::output::{Outlets, Output};
use crate::operator::task::{Task, noted_watermark};
use crate::operator::two_phase::{Combiner, CombiningOutlet, EarlyOf, Pieces};
use crate::plan::{AnySplits, Edge, Graph, Node};
use crate::raw::claimed::Bare;
use crate::raw::doorbell::Ringer;
use crate::raw::layout::Layout;
use crate::record::Record;
use crate::sink::{InFlight, TABLE};
use crate::source::{Dealt, FOUND, OpenContext, OwnSplits, Source, deal};
use crate::state::{Claimed, Stored};
use crate::time::alignment::{AlignmentBoard, Boards};
use crate::time::{Clock, EventTime};

/// What a worker is built from.
pub(crate) struct WorkerParts {
    pub(crate) worker: usize,
    pub(crate) ends: VecDeque<AnyEnds>,
    pub(crate) splits: VecDeque<AnySplits>,
    /// Its ends of the ports to the host.
    pub(crate) ports: VecDeque<AnyEnds>,
    /// Whether what the host sends is kept for a replay.
    pub(crate) record: bool,
    pub(crate) streams: Arc<dyn Streams>,
    pub(crate) clock: Rc<dyn Clock>,
    /// Wakes the worker.
    pub(crate) ringer: Ringer,
    /// The checkpoint that the job goes on from, and this worker's state in it.
    pub(crate) restored: Option<Arc<Restored>>,
    pub(crate) state: RestoredParts,
}

/// For which of its two purposes the job's function runs.
enum Mode {
    /// To make the plan.
    Plan {
        makers: Vec<EdgeMaker>,
        splits: Vec<AnySplits>,
        ports: Vec<PortMaker>,
        inputs: Vec<(usize, usize)>,
        gone: Vec<String>,
    },
    /// To make one worker's tasks.
    Worker(WorkerParts),
}

struct Used {
    node: usize,
    output: usize,
    used: bool,
}

pub(crate) struct Build {
    mode: Mode,
    config: JobConfig,
    files: Rc<dyn Files>,
    streams: Arc<dyn Streams>,
    store: Store,
    /// The checkpoint that the job goes on from.
    restored: Option<Arc<Restored>>,
    /// How keys and values lie in each table.
    layouts: BTreeMap<TableName, Declared>,
    graph: Graph,
    names: HashSet<String>,
    outputs: Vec<Used>,
    /// For each node, on which workers it may get records: a worker without a split has nothing to say until keys are exchanged. Which
    /// records are late must not depend on when its end comes.
    speaks: Vec<Vec<bool>>,
    /// For each node whether it is in a loop, so that waves come to it.
    inside: Vec<bool>,
    errors: Vec<BuildError>,
    tasks: Vec<Box<dyn Task>>,
}

/// A job under construction; its streams start at [`Topology::source`].
pub struct Topology {
    pub(crate) build: Rc<RefCell<Build>>,
}

impl std::fmt::Debug for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Topology")
            .field("graph", &self.build.borrow().graph)
            .finish_non_exhaustive()
    }
}

impl Topology {
    /// A stream that starts at a source; say next how its watermarks are made.
    pub fn source<S: Source>(&mut self, name: &str, source: S) -> SourceStream<S> {
        SourceStream::new(Rc::clone(&self.build), name, source)
    }

    /// How many workers the job runs on.
    pub fn workers(&self) -> usize {
        self.build.borrow().config.workers
    }
}

/// One output of an operator, to which streams refer.
pub(crate) struct Port<T: Record> {
    pub(crate) node: usize,
    pub(crate) output: usize,
    pub(crate) outlets: Outlets<T>,
}

impl<T: Record> Clone for Port<T> {
    fn clone(&self) -> Self {
        Self { node: self.node, output: self.output, outlets: Rc::clone(&self.outlets) }
    }
}

impl Build {
    /// Adds an operator and reserves its name.
    pub(crate) fn node(
        &mut self,
        name: &str,
        kind: &'static str,
        detail: String,
        outputs: &[&'static str],
    ) -> usize {
        if name.is_empty() {
            self.refuse(BuildError::EmptyName { kind });
        } else if !self.names.insert(name.to_owned()) {
            self.refuse(BuildError::DuplicateName { name: name.to_owned() });
        }
        self.graph.nodes.push(Node {
            name: name.to_owned(),
            kind,
            detail,
            outputs: outputs.to_vec(),
        });
        self.speaks.push(vec![false; self.config.workers]);
        self.inside.push(false);
        self.graph.nodes.len() - 1
    }

    /// A name for an operator that the user need not name: "kind" or "kind 2".
    pub(crate) fn fresh_name(&self, kind: &str) -> String {
        (1..)
            .map(|n| if n == 1 { kind.to_owned() } else { format!("{kind} {n}") })
            .find(|name| !self.names.contains(name))
            .expect("invariant: numbers do not run out")
    }

    /// The next output of `node`.
    pub(crate) fn output<T: Record>(&mut self, node: usize, output: usize) -> (Output<T>, Port<T>) {
        let outlets = Outlets::<T>::default();
        self.outputs.push(Used { node, output, used: false });
        let port = Port { node, output, outlets: Rc::clone(&outlets) };
        (Output::new(self.config.page_bytes, outlets), port)
    }

    /// Notes that somebody reads, or knowingly drops, an output.
    pub(crate) fn mark_used(&mut self, node: usize, output: usize) {
        for used in &mut self.outputs {
            used.used |= used.node == node && used.output == output;
        }
    }

    /// Connects a stream to port `port` of node `to`; returns the inbox's lanes.
    pub(crate) fn connect<C: Chain, R: Route<C::Out>>(
        &mut self,
        from: &Port<C::In>,
        chain: C,
        route: R,
        pattern: Pattern,
        (to, port): (usize, usize),
    ) -> Vec<crate::exchange::lane::LaneRx<C::Out>> {
        let mut names = Vec::new();
        chain.describe(&mut names);
        self.edge::<C::In, C::Out>(from, (pattern, names), (to, port), |senders| {
            outlet(chain, route, senders)
        })
    }

    /// Adds an edge that brings records of type `T`; `make` makes the outlet at its beginning.
    fn edge<I: Record, T: Record>(
        &mut self,
        from: &Port<I>,
        (pattern, chain): (Pattern, Vec<&'static str>),
        (to, port): (usize, usize),
        make: impl FnOnce(Vec<Lane<T>>) -> Box<dyn Outlet<I>>,
    ) -> Vec<crate::exchange::lane::LaneRx<T>> {
        self.mark_used(from.node, from.output);
        let (from_node, output) = (from.node, from.output);
        let record = T::NAME;
        self.graph.edges.push(Edge { from: from_node, output, to, port, pattern, chain, record });
        let EdgeEnds { senders, receivers } = self.ends::<T>();
        from.outlets.borrow_mut().push(make(senders));
        receivers
    }

    /// As [`Self::connect`], as a whole inbox.
    pub(crate) fn inbox<C: Chain, R: Route<C::Out>>(
        &mut self,
        from: &Port<C::In>,
        chain: C,
        route: R,
        pattern: Pattern,
        to: (usize, usize),
    ) -> Inbox<C::Out> {
        let speakers = self.pass_on_speakers(from.node, pattern, to.0);
        let lanes = self.connect(from, chain, route, pattern, to);
        self.with_knowledge(Inbox::new(lanes), from.node, &speakers, pattern)
    }

    /// As [`Self::inbox`] of a stream with a key, whose records become accumulators on the way; see [`crate::operator::two_phase`]. `name` is the operator that
    /// merges them.
    pub(crate) fn combining_inbox<C, S, A, P>(
        &mut self,
        from: &Port<C::In>,
        chain: C,
        (selector, aggregator, pieces): (Rc<S>, A, P),
        (name, to): (&str, (usize, usize)),
    ) -> Inbox<EarlyOf<C::Out, S, A>>
    where
        C: Chain,
        S: KeySelector<C::Out>,
        A: Aggregator<C::Out>,
        P: Pieces,
    {
        // What cannot be read is an error when the operator goes on from it.
        let restored = self.restored.as_deref();
        let watermark = restored.and_then(|restored| noted_watermark(restored, name).ok());
        let watermark = watermark.unwrap_or(EventTime::MIN);
        let combiner = Combiner::new(selector, aggregator, pieces, watermark);
        let speakers = self.pass_on_speakers(from.node, Pattern::Exchange, to.0);
        let mut names = Vec::new();
        chain.describe(&mut names);
        names.push("combine");
        let lanes = self.edge(from, (Pattern::Exchange, names), to, |senders| {
            Box::new(CombiningOutlet::new(chain, combiner, senders))
        });
        self.with_knowledge(Inbox::new(lanes), from.node, &speakers, Pattern::Exchange)
    }

    /// Which workers of `from` have records to send; those of `to` that they reach have some too. What a loop's operators send to is in the loop.
    fn pass_on_speakers(&mut self, from: usize, pattern: Pattern, to: usize) -> Vec<bool> {
        self.inside[to] |= self.is_inside(from);
        // A stream of another topology was refused, and may be of a node that is not here.
        let senders = self.speaks.get(from).cloned().unwrap_or_default();
        for (worker, speaks) in self.speaks[to].iter_mut().enumerate() {
            let reaches =
                |(from, speaks): (usize, &bool)| *speaks && pattern.connects(from, worker);
            *speaks |= senders.iter().enumerate().any(reaches);
        }
        senders
    }

    /// The inbox, which knows the lanes on which nothing comes, and whether waves come on them.
    fn with_knowledge<T: Record>(
        &self,
        inbox: Inbox<T>,
        from: usize,
        senders: &[bool],
        pattern: Pattern,
    ) -> Inbox<T> {
        let Mode::Worker(parts) = &self.mode else { return inbox };
        let inbox = if self.is_inside(from) { inbox.inside() } else { inbox };
        let senders = (0..senders.len())
            .filter(|&from| pattern.connects(from, parts.worker))
            .map(|from| senders[from]);
        let silent = senders.enumerate().filter(|(_, speaks)| !speaks);
        silent.fold(inbox, |inbox, (lane, _)| inbox.with_silent(lane))
    }

    fn ends<T: Record>(&mut self) -> EdgeEnds<T> {
        match &mut self.mode {
            Mode::Plan { makers, .. } => {
                makers.push(make_edge::<T>);
                EdgeEnds { senders: Vec::new(), receivers: Vec::new() }
            }
            Mode::Worker(parts) => {
                let ends = parts.ends.pop_front().and_then(|ends| ends.downcast().ok());
                *ends.expect("a job's function must build the same topology each time it is called")
            }
        }
    }

    /// The splits of the source that was just added that this worker reads; `group` are the sources that it is aligned with.
    pub(crate) fn splits<S: Source>(
        &mut self,
        name: &str,
        source: &S,
        group: Option<&'static str>,
    ) -> OwnSplits<S::Split> {
        let workers = self.config.workers;
        let node = self.graph.nodes.len() - 1;
        let context = self.open_context(name);
        let discovers = source.enumerator(&context).is_some();
        match &mut self.mode {
            Mode::Plan { splits, gone, .. } => {
                let found = source.splits(&*self.files).unwrap_or_else(|error| {
                    let (operator, message) = (name.to_owned(), error_chain(&*error));
                    self.errors.push(BuildError::Source { operator, message });
                    Vec::new()
                });
                if let Err(error) = source.check(&context) {
                    let (name, message) = (name.to_owned(), error_chain(&*error));
                    self.errors.push(BuildError::Setting { name, message });
                }
                if !source.is_replayable(&context) {
                    gone.push(name.to_owned());
                }
                let names = found.iter().map(|split| source.split_name(split)).collect();
                let boards = Boards::of(Arc::new(AlignmentBoard::new(workers)));
                let (none, done) = (VecDeque::new(), Vec::new());
                let none = OwnSplits { splits: none, done, boards: boards.clone() };
                splits.push(AnySplits { node, names, splits: Arc::new(found), boards, group });
                none
            }
            Mode::Worker(parts) => {
                let next =
                    parts.splits.pop_front().and_then(|AnySplits { splits, boards, .. }| {
                        Some((splits.downcast::<Vec<S::Split>>().ok()?, boards))
                    });
                let (all, boards) = next
                    .expect("a job's function must build the same topology each time it is called");
                let place = (parts.worker, workers);
                let dealt = deal((source, name), &all, self.restored.as_deref(), place, FOUND);
                let Dealt { splits, done, left } = dealt.unwrap_or_else(|error| {
                    let (operator, message) = (name.to_owned(), error_chain(&*error));
                    self.errors.push(BuildError::Source { operator, message });
                    Dealt { splits: VecDeque::new(), done: Vec::new(), left: 0 }
                });
                if let Some(speaks) = self.speaks.last_mut() {
                    // Where splits may appear, any worker may get one.
                    let speakers = if discovers { workers } else { left };
                    speaks.iter_mut().take(speakers).for_each(|speaks| *speaks = true);
                }
                OwnSplits { splits, done, boards }
            }
        }
    }

    /// Whether `node` is in a loop.
    pub(crate) fn is_inside(&self, node: usize) -> bool {
        self.inside.get(node).copied().unwrap_or(false)
    }

    /// Says that a loop begins at `node`: it may have records to send on any worker, whatever comes to it.
    pub(crate) fn begins_loop(&mut self, node: usize) {
        self.inside[node] = true;
        self.speaks[node].fill(true);
    }

    /// Says that the loop ends at `node`: no wave leaves it.
    pub(crate) fn ends_loop(&mut self, node: usize) {
        self.inside[node] = false;
    }

    /// Says that `node` may have records of its own to send when the job goes on from a checkpoint, also on a worker that no source reads on: event time has to wait for them.
    pub(crate) fn holds_records(&mut self, node: usize) {
        if self.restored.is_some() {
            self.speaks[node].fill(true);
        }
    }

    /// This worker's end of the next port to the host; none while the plan is made.
    pub(crate) fn port<E: 'static>(&mut self, maker: PortMaker) -> Option<E> {
        match &mut self.mode {
            Mode::Plan { ports, .. } => {
                ports.push(maker);
                None
            }
            Mode::Worker(parts) => {
                let end = parts.ports.pop_front().and_then(|end| end.downcast().ok());
                Some(
                    *end.expect(
                        "a job's function must build the same topology each time it is called",
                    ),
                )
            }
        }
    }

    /// Says that the last node is an input of the host, with so many handles.
    pub(crate) fn host_input(&mut self, handles: usize) {
        let node = self.graph.nodes.len() - 1;
        if let Mode::Plan { inputs, .. } = &mut self.mode {
            inputs.push((node, handles));
        }
        self.speaks[node].iter_mut().take(handles).for_each(|speaks| *speaks = true);
    }

    /// Whether what the host sends is kept for a replay.
    pub(crate) fn is_recorded(&self) -> bool {
        matches!(&self.mode, Mode::Worker(parts) if parts.record)
    }

    /// What checkpoints have of records that wait before the outside; none in a job without.
    pub(crate) fn in_flight<T: Record>(&mut self, operator: &str) -> Option<InFlight<T>> {
        let place = (self.worker(), self.config.workers);
        let is_kept = self.config.checkpoints;
        is_kept.then(|| InFlight::new(self.state::<u64, _>(operator, TABLE), place))
    }

    /// What the operator's source or sink is opened with.
    pub(crate) fn open_context(&self, name: &str) -> OpenContext {
        let (worker, clock) = match &self.mode {
            Mode::Plan { .. } => (0, Rc::new(NoClock) as Rc<dyn Clock>),
            Mode::Worker(parts) => (parts.worker, Rc::clone(&parts.clock)),
        };
        OpenContext {
            worker,
            workers: self.config.workers,
            operator: name.into(),
            files: Rc::clone(&self.files),
            streams: Arc::clone(&self.streams),
            clock,
            checkpoints: self.config.checkpoints,
            restored: Rc::default(),
        }
    }

    /// The worker whose tasks are made; 0 while the plan is.
    pub(crate) fn worker(&self) -> usize {
        match &self.mode {
            Mode::Plan { .. } => 0,
            Mode::Worker(parts) => parts.worker,
        }
    }

    /// Wakes the worker whose tasks are made; none while the plan is.
    pub(crate) fn ringer(&self) -> Option<Ringer> {
        match &self.mode {
            Mode::Plan { .. } => None,
            Mode::Worker(parts) => Some(parts.ringer.clone()),
        }
    }

    pub(crate) fn config(&self) -> &JobConfig {
        &self.config
    }

    /// State of an operator, with the content that a checkpoint has for this worker if the job goes on from one. `K` is the type of its keys.
    pub(crate) fn state<K: Record, S: Stored>(&mut self, operator: &str, state: &str) -> S {
        let layout = S::layout();
        S::open(self.claim((operator, state), (KeyType::of::<K>(), &layout), false))
    }

    /// A table by its name, and by how keys and values lie in it; `is_replicated`: every worker has all of it.
    ///
    /// What a checkpoint has in it is taken as it is if it lies so, and rewritten if it was of an older version of the types.
    fn claim<T: Bare>(
        &mut self,
        (operator, state): (&str, &str),
        (key, layout): (KeyType, &Layout),
        is_replicated: bool,
    ) -> Claimed<T> {
        let (name, config) = self.state_name(operator, state);
        let config = config.is_copied(is_replicated);
        let declared =
            Declared { layout: layout.keyed(key.hash), schema: layout.schema((key.ty)()) };
        let restored = self.restored.as_ref();
        let found = restored.and_then(|restored| restored.state(&name));
        let has_content = restored.is_some_and(|restored| restored.holds(&name));
        let claimed = match found {
            Some(found) if found.layout != declared.layout && has_content => {
                self.rewrite((&name, config), &found, (&declared, layout))
            }
            found => {
                // Equal with the keys', so it was written by a view of this layout; what was of other types and is empty is as good as new.
                let is_same = found.as_ref().map(|found| found.layout == declared.layout);
                if is_same == Some(false) {
                    self.store.forget(&name);
                }
                let content = is_same.unwrap_or(false).then(|| layout.hash());
                Claimed::of(&mut self.store, name.clone(), config, content)
                    .map_err(|error| error.to_string())
            }
        };
        self.layouts.insert(name.clone(), declared);
        claimed.unwrap_or_else(|message| {
            let (operator, state) = (operator.to_owned(), state.to_owned());
            self.refuse(BuildError::StateChanged { operator, state, message });
            // Whatever it is, the job is not run.
            let mut none = Store::default();
            Claimed::of(&mut none, name, config, None)
                .expect("invariant: an empty store gives any table")
        })
    }

    /// A table whose content is of other types than those that are declared.
    fn rewrite<T: Bare>(
        &mut self,
        (name, config): (&TableName, TableConfig),
        found: &Declared,
        (declared, layout): (&Declared, &Layout),
    ) -> Result<Claimed<T>, String> {
        declared.schema.reads(&found.schema)?;
        if let Mode::Plan { .. } = &self.mode {
            let mut none = Store::default();
            return Claimed::of(&mut none, name.clone(), config, None)
                .map_err(|error| error.to_string());
        }
        let rewriter = layout.rewriter(&found.schema);
        let layout = (found.schema.form, layout);
        Claimed::rewritten(&mut self.store, name.clone(), config, layout, rewriter)
            .map_err(|error| error.to_string())
    }

    /// The state's name; where it is a duplicate, the build fails anyway, but not here.
    fn state_name(&self, operator: &str, state: &str) -> (TableName, TableConfig) {
        let mut name = TableName::new(operator, state);
        if self.layouts.contains_key(&name) {
            let (errors, nodes) = (self.errors.len(), self.graph.nodes.len());
            name.operator = format!("{operator} (refused {errors}, {nodes})");
        }
        // A plan is not run: what it makes is thrown away.
        let keys = match &self.mode {
            Mode::Plan { .. } => 0,
            Mode::Worker(_) => self.config.expected_keys_a_worker(operator),
        };
        (name, TableConfig::default().expected_keys(keys))
    }

    pub(crate) fn task(&mut self, task: impl Task + 'static) {
        self.tasks.push(Box::new(task));
    }

    pub(crate) fn refuse(&mut self, error: BuildError) {
        self.errors.push(error);
    }

    /// Refuses how an operator, or something else of that name, is set; `message` says what is allowed.
    pub(crate) fn refuse_setting(&mut self, name: &str, message: impl Into<String>) {
        self.refuse(BuildError::Setting { name: name.to_owned(), message: message.into() });
    }

    /// Shows the boards of sources that are aligned with each other to each other.
    fn align(&mut self) {
        let Mode::Plan { splits, .. } = &mut self.mode else { return };
        let all = splits.clone();
        for (index, source) in splits.iter_mut().enumerate() {
            let Some(group) = source.group else { continue };
            let others = all
                .iter()
                .enumerate()
                .filter(|(other, with)| *other != index && with.group == Some(group));
            let aligned = others.map(|(_, with)| source.boards.align_with(&with.boards)).count();
            if aligned == 0 {
                let name = self.graph.nodes[source.node].name.clone();
                let message = format!(
                    "no other source of the job is aligned with \"{group}\"; say the same name there, or leave aligned_with() out"
                );
                self.errors.push(BuildError::Setting { name, message });
            }
        }
    }

    /// Looks for what only the whole shows.
    fn check(&mut self) {
        self.align();
        if self.graph.nodes.is_empty() {
            self.errors.push(BuildError::NoSource);
        }
        for operator in self.config.expected_keys.keys() {
            if !self.graph.nodes.iter().any(|node| node.name == *operator) {
                let message = "keys are expected of an operator that the job does not have; use the name of one".into();
                self.errors.push(BuildError::Setting { name: operator.clone(), message });
            }
        }
        if let (Mode::Plan { .. }, Some(restored)) = (&self.mode, &self.restored) {
            let nodes = &self.graph.nodes;
            let unclaimed = restored.unclaimed(
                |name| self.layouts.contains_key(name),
                |source| nodes.iter().any(|node| node.name == source),
            );
            self.errors.extend(unclaimed);
        }
        for output in self.outputs.iter().filter(|output| !output.used) {
            let node = &self.graph.nodes[output.node];
            self.errors.push(BuildError::Unused {
                operator: node.name.clone(),
                output: match node.outputs[output.output] {
                    "" => "stream",
                    name => name,
                },
            });
        }
    }
}

/// With a route and a chain, the outlet; its only use is to keep the types out of [`Build::connect`].
fn outlet<C: Chain, R: Route<C::Out>>(
    chain: C,
    route: R,
    lanes: Vec<Lane<C::Out>>,
) -> Box<dyn Outlet<C::In>> {
    Box::new(ChainOutlet::new(chain, route, lanes))
}

/// Nothing runs while a plan is made.
struct NoClock;

impl Clock for NoClock {
    fn now_ns(&self) -> u64 {
        0
    }
}

/// A job's function.
pub(crate) type JobFn = dyn Fn(&mut Topology) -> Result<()>;
