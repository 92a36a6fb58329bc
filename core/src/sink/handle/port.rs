//! Both ends of an output: for each worker the ring that starts there, and handles for the host.

use std::any::Any;
use std::sync::{Arc, mpsc};

use super::OutputHandle;
use super::outbox::OutputEnds;
use crate::exchange::host::{
    AnyHandle, AnyPlayer, Direction, HostPort, PortConfig, PortEnds, PortMaker, RecordType,
};
use crate::exchange::lane::LaneRx;
use crate::exchange::mesh::AnyEnds;
use crate::exchange::recorded::RecordedInput;
use crate::raw::page::page_ring;
use crate::raw::wake::HostBell;
use crate::record::Record;
use crate::time::EventTime;

/// The maker of an output: one handle for all workers, or one for each.
pub(crate) fn output_port<T: Record>(name: &str, per_worker: bool) -> PortMaker {
    let name = name.to_owned();
    Arc::new(move |config| make::<T>(&name, per_worker, config))
}

fn make<T: Record>(name: &str, per_worker: bool, config: &PortConfig<'_>) -> PortEnds {
    let declared = if per_worker { config.workers } else { 1 };
    let bells: Vec<HostBell> = (0..declared).map(|_| HostBell::new()).collect();
    let mut received: Vec<Vec<LaneRx<T>>> = (0..declared).map(|_| Vec::new()).collect();
    let lane = |worker: usize| {
        let handle = worker % declared;
        let (tx, pages) = page_ring::<T>(config.ring_pages, config.page_bytes);
        let (large_tx, large) = mpsc::channel();
        let sender = Some(config.ringers[worker].clone());
        received[handle].push(LaneRx { pages, large, sender });
        let receiver = bells[handle].ringer();
        Box::new(OutputEnds { tx, large: large_tx, receiver }) as AnyEnds
    };
    let workers = (0..config.workers).map(lane).collect();
    let handle = |(lanes, bell): (Vec<LaneRx<T>>, HostBell)| {
        config.outcome.watch(bell.ringer());
        let handle = OutputHandle::new(lanes, bell, Arc::clone(config.outcome));
        Box::new(handle) as Box<dyn AnyHandle>
    };
    let handles = received.into_iter().zip(bells).map(handle).collect();
    let record = RecordType::of::<T>();
    let host =
        HostPort { name: name.to_owned(), direction: Direction::Output, record, handles, declared };
    PortEnds { workers, host }
}

impl<T: Record> AnyHandle for OutputHandle<T> {
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }

    fn into_player(self: Box<Self>, _: Option<&RecordedInput>) -> Box<dyn AnyPlayer> {
        Box::new(Received { handle: *self, values: Vec::new() })
    }
}

/// Receives in a simulated run, and keeps what came.
struct Received<T: Record> {
    handle: OutputHandle<T>,
    values: Vec<(EventTime, T)>,
}

impl<T: Record> AnyPlayer for Received<T> {
    /// A page of nothing but control elements is something too: the worker has it back, and more may come.
    fn play(&mut self, most: usize) -> bool {
        let has_pages = self.handle.lanes.iter_mut().any(|lane| lane.rx.pages.is_ready());
        for _ in 0..most {
            let next = self.handle.try_recv_with(|record, at| (at, record.to_value()));
            let Ok(Some(next)) = next else { break };
            self.values.push(next);
        }
        has_pages
    }

    fn received(self: Box<Self>) -> Box<dyn Any> {
        Box::new(self.values)
    }
}
