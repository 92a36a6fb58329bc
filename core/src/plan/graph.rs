//! The graph as it was written: operators and the edges between them.

use crate::exchange::Pattern;

/// An operator that is a task of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name; unique in the job.
    pub name: String,
    /// What it is, as in "source" or "tumbling window".
    pub kind: &'static str,
    /// Its settings, in words.
    pub detail: String,
    /// Its outputs, by name.
    pub outputs: Vec<&'static str>,
}

/// A stream from one operator to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Index of the sending node.
    pub from: usize,
    /// Which of its outputs.
    pub output: usize,
    /// Index of the receiving node.
    pub to: usize,
    /// Which of its ports.
    pub port: usize,
    /// How records find their worker.
    pub pattern: Pattern,
    /// The stateless operators on the way, fused, run by the sender.
    pub chain: Vec<&'static str>,
    /// The type of its records.
    pub record: &'static str,
}

/// All of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// The operators, senders before receivers.
    pub nodes: Vec<Node>,
    /// The edges, in the order in which they were written.
    pub edges: Vec<Edge>,
}
