//! Both ends of an input: handles for the host, and for each worker the rings that end there.

use std::any::Any;
use std::sync::{Arc, mpsc};

use super::InputHandle;
use super::player::Recorded;
use crate::exchange::host::{
    AnyHandle, AnyPlayer, Direction, HostPort, PortConfig, PortEnds, PortMaker, RecordType,
};
use crate::exchange::lane::LaneRx;
use crate::exchange::mesh::AnyEnds;
use crate::exchange::recorded::RecordedInput;
use crate::raw::page::page_ring;
use crate::raw::wake::HostBell;
use crate::record::Record;

/// One worker's ends of an input, each with the number of its handle.
pub(crate) type InputEnds<T> = Vec<(usize, LaneRx<T>)>;

/// The maker of an input with `handles` handles, which are dealt to the workers in turn.
pub(crate) fn input_port<T: Record>(name: &str, handles: usize) -> PortMaker {
    let name = name.to_owned();
    Arc::new(move |config| make::<T>(&name, handles, config))
}

fn make<T: Record>(name: &str, handles: usize, config: &PortConfig<'_>) -> PortEnds {
    let mut workers: Vec<InputEnds<T>> = (0..config.workers).map(|_| Vec::new()).collect();
    let handle = |number: usize| {
        let (tx, pages) = page_ring::<T>(config.input_pages, config.input_page_bytes);
        let (large_tx, large) = mpsc::channel();
        let bell = HostBell::new();
        config.outcome.watch(bell.ringer());
        let worker = number % config.workers;
        workers[worker].push((number, LaneRx { pages, large, sender: Some(bell.ringer()) }));
        let ringer = config.ringers[worker].clone();
        let outcome = Arc::clone(config.outcome);
        Box::new(InputHandle::new(tx, large_tx, bell, ringer, outcome)) as Box<dyn AnyHandle>
    };
    let host = HostPort {
        name: name.to_owned(),
        direction: Direction::Input,
        record: RecordType::of::<T>(),
        handles: (0..handles).map(handle).collect(),
        declared: handles,
    };
    let workers = workers.into_iter().map(|ends| Box::new(ends) as AnyEnds).collect();
    PortEnds { workers, host }
}

impl<T: Record> AnyHandle for InputHandle<T> {
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }

    fn into_player(self: Box<Self>, recorded: Option<&RecordedInput>) -> Box<dyn AnyPlayer> {
        Box::new(Recorded::new(*self, recorded.and_then(RecordedInput::log)))
    }
}
