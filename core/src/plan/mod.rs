//! From what was written to what runs.
//!
//! The job's function is run once to make a [`Graph`], which is checked and can be shown, and once on each worker to make its tasks. Both
//! runs see the same calls in the same order, so the n-th edge of one is the n-th edge of the other.

mod graph;
mod explain;
mod shape;

pub use graph::{Edge, Graph, Node};

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use thalweg_storage::TableName;

use crate::checkpoint::Declared;
use crate::exchange::host::PortMaker;
use crate::exchange::mesh::EdgeMaker;
use crate::io::Streams;
use crate::time::alignment::Boards;

/// The splits of one source.
#[derive(Clone)]
pub(crate) struct AnySplits {
    /// The source's node.
    pub(crate) node: usize,
    pub(crate) names: Vec<String>,
    /// A `Vec` of a type that only the source's task knows.
    pub(crate) splits: Arc<dyn Any + Send + Sync>,
    /// Where its workers say how far they are, and where those of the sources do that it is aligned with.
    pub(crate) boards: Boards,
    /// Which sources those are: all that say the same.
    pub(crate) group: Option<&'static str>,
}

/// A checked job.
#[derive(Clone)]
pub struct Plan {
    pub(crate) graph: Graph,
    pub(crate) makers: Vec<EdgeMaker>,
    pub(crate) splits: Vec<AnySplits>,
    pub(crate) ports: Vec<PortMaker>,
    /// The operators that are inputs of the host, each with the number of its handles.
    pub(crate) inputs: Vec<(usize, usize)>,
    /// What listens already; the job's workers share it.
    pub(crate) streams: Arc<dyn Streams>,
    /// The sources whose records a replay would not find again.
    pub(crate) gone: Vec<String>,
    /// How keys and values lie in each table.
    pub(crate) layouts: Arc<BTreeMap<TableName, Declared>>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("graph", &self.graph).finish_non_exhaustive()
    }
}

impl Plan {
    /// The operators and edges.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The plan as text, one line an operator.
    pub fn explain(&self) -> String {
        explain::text(&self.graph)
    }

    /// The plan in Graphviz's language.
    pub fn dot(&self) -> String {
        explain::dot(&self.graph)
    }
}
