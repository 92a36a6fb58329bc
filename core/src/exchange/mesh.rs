//! The mesh: the lanes of every edge between every pair of workers, made before the first record.
//!
//! An edge knows its record type where it is declared, so it leaves behind a maker; the mesh calls it with the number of
//! workers and hands every worker its ends. So both ends of a ring agree on the type by construction.

use std::any::Any;
use std::sync::mpsc;

use super::lane::{Lane, LaneRx};
use crate::raw::doorbell::Ringer;
use crate::raw::page::page_ring;
use crate::record::Record;

/// Which workers an edge connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Each worker to itself.
    Forward,
    /// Each worker to each worker, by key group.
    Exchange,
    /// Each worker to worker 0.
    Gather,
    /// Each worker to each worker, every record to all of them.
    Broadcast,
    /// Each worker to each worker, one record after the other in turn.
    Rebalance,
    /// Each worker to each worker, as a function of the user's says.
    Partition,
}

impl Pattern {
    /// Whether `from` sends to `to`.
    pub(crate) fn connects(self, from: usize, to: usize) -> bool {
        match self {
            Pattern::Forward => from == to,
            Pattern::Exchange | Pattern::Broadcast | Pattern::Rebalance | Pattern::Partition => {
                true
            }
            Pattern::Gather => to == 0,
        }
    }

    /// Rings that end at worker 0, the one with the most.
    pub(crate) fn rings_into_one(self, workers: usize) -> usize {
        match self {
            Pattern::Forward => 1,
            Pattern::Exchange
            | Pattern::Gather
            | Pattern::Broadcast
            | Pattern::Rebalance
            | Pattern::Partition => workers,
        }
    }
}

/// One worker's ends of one edge.
#[derive(Debug)]
pub(crate) struct EdgeEnds<T: Record> {
    pub(crate) senders: Vec<Lane<T>>,
    pub(crate) receivers: Vec<LaneRx<T>>,
}

/// [`EdgeEnds`] of some type; the topology knows which.
pub(crate) type AnyEnds = Box<dyn Any + Send>;

/// Sizes of the rings, and who wakes whom.
#[derive(Debug)]
pub(crate) struct MeshConfig<'a> {
    pub(crate) workers: usize,
    pub(crate) ring_pages: usize,
    pub(crate) page_bytes: usize,
    /// One for each worker.
    pub(crate) ringers: &'a [Ringer],
}

/// Makes the ends of one edge, one entry for each worker.
pub(crate) type EdgeMaker = fn(Pattern, &MeshConfig<'_>) -> Vec<AnyEnds>;

/// The maker of edges of `T`.
pub(crate) fn make_edge<T: Record>(pattern: Pattern, config: &MeshConfig<'_>) -> Vec<AnyEnds> {
    let mut ends: Vec<EdgeEnds<T>> = (0..config.workers)
        .map(|_| EdgeEnds { senders: Vec::new(), receivers: Vec::new() })
        .collect();
    for from in 0..config.workers {
        for to in (0..config.workers).filter(|&to| pattern.connects(from, to)) {
            let (tx, rx) = page_ring::<T>(config.ring_pages, config.page_bytes);
            let (large_tx, large_rx) = mpsc::channel();
            // A worker that writes to itself is awake.
            let ringer = |of: usize| (from != to).then(|| config.ringers[of].clone());
            ends[from].senders.push(Lane::new(tx, large_tx, ringer(to), config.page_bytes));
            ends[to].receivers.push(LaneRx { pages: rx, large: large_rx, sender: ringer(from) });
        }
    }
    ends.into_iter().map(|ends| Box::new(ends) as AnyEnds).collect()
}
