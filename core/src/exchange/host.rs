//! Between a job and its host: what the handles of a job's inputs and outputs share with its workers.
//!
//! A handle is one end of rings whose other ends are with workers; both are made here, together, by a port that knows the record type
//! ([`crate::source::InputHandle`], [`crate::sink::OutputHandle`]), before the first record.
//!
//! # Invariants
//!
//! 1. When the last worker has ended, every bell of the host is rung: no handle waits for a job that is over.
//! 2. A failure is told before the rings' ends are dropped, so who finds a ring abandoned finds the reason.

use std::any::{Any, TypeId};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::mesh::AnyEnds;
use super::recorded::RecordedInput;
use crate::error::HandleError;
use crate::raw::doorbell::Ringer;

/// How a job has ended, for its handles.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    is_over: AtomicBool,
    failure: OnceLock<String>,
    bells: Mutex<Vec<Ringer>>,
}

impl Outcome {
    /// Rings `bell` when the job is over.
    pub(crate) fn watch(&self, bell: Ringer) {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).push(bell);
    }

    /// The job fails; the first message counts.
    pub(crate) fn fail(&self, message: String) {
        let _ = self.failure.set(message);
    }

    /// Why the job fails.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// The last worker has ended.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        let bells = std::mem::take(&mut *self.bells.lock().unwrap_or_else(PoisonError::into_inner));
        bells.iter().for_each(Ringer::ring);
    }

    /// True if the last worker has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

/// Rings when it is dropped: a handle has it behind its ends of rings, so that the worker finds them gone.
#[derive(Debug)]
pub(crate) struct RingWhenDropped(pub(crate) Ringer);

impl Drop for RingWhenDropped {
    fn drop(&mut self) {
        self.0.ring();
    }
}

/// What ports are made with.
#[derive(Debug)]
pub(crate) struct PortConfig<'a> {
    pub(crate) workers: usize,
    /// Sizes of the rings of inputs.
    pub(crate) input_pages: usize,
    pub(crate) input_page_bytes: usize,
    /// Sizes of the rings of outputs.
    pub(crate) ring_pages: usize,
    pub(crate) page_bytes: usize,
    /// One for each worker.
    pub(crate) ringers: &'a [Ringer],
    pub(crate) outcome: &'a Arc<Outcome>,
}

/// Both sides of a port.
pub(crate) struct PortEnds {
    /// One for each worker.
    pub(crate) workers: Vec<AnyEnds>,
    pub(crate) host: HostPort,
}

/// Makes a port of a type that only its task and its handle know.
pub(crate) type PortMaker = Arc<dyn Fn(&PortConfig<'_>) -> PortEnds + Send + Sync>;

/// Which way records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Input,
    Output,
}

impl Direction {
    fn word(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// A handle that was not taken yet.
pub(crate) trait AnyHandle: Any + Send {
    /// To find out its type.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
    /// What stands in for the host in a simulated run: an output is received and kept, an input gets what was recorded, or ends.
    fn into_player(self: Box<Self>, recorded: Option<&RecordedInput>) -> Box<dyn AnyPlayer>;
}

/// What stands in for the host in a simulated run.
pub(crate) trait AnyPlayer {
    /// Sends up to `most` records, or receives what there is; true if that was anything.
    fn play(&mut self, most: usize) -> bool;
    /// What was received, as a list of times and values of the output's type.
    fn received(self: Box<Self>) -> Box<dyn Any>;
}

/// The type of a port's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordType {
    id: TypeId,
    name: &'static str,
}

impl RecordType {
    pub(crate) fn of<T: 'static>() -> Self {
        Self { id: TypeId::of::<T>(), name: std::any::type_name::<T>() }
    }
}

/// The handles of one name.
pub(crate) struct HostPort {
    pub(crate) name: String,
    pub(crate) direction: Direction,
    /// The record's type.
    pub(crate) record: RecordType,
    pub(crate) handles: VecDeque<Box<dyn AnyHandle>>,
    pub(crate) declared: usize,
}

/// All handles of a job that were not taken yet.
#[derive(Default)]
pub(crate) struct HostPorts(pub(crate) Vec<HostPort>);

impl HostPorts {
    /// Takes the next handle of that name.
    pub(crate) fn take<H: 'static>(
        &mut self,
        direction: Direction,
        name: &str,
        asked: RecordType,
    ) -> Result<H, HandleError> {
        let port = self.port(direction, name)?;
        if port.record != asked {
            return Err(HandleError::WrongType {
                direction: direction.word(),
                name: name.to_owned(),
                declared: port.record.name,
                asked: asked.name,
            });
        }
        let handle = self.take_any(direction, name)?.into_any().downcast();
        Ok(*handle.expect("invariant: one name, one type"))
    }

    /// Takes the next handle of that name, of whatever type.
    pub(crate) fn take_any(
        &mut self,
        direction: Direction,
        name: &str,
    ) -> Result<Box<dyn AnyHandle>, HandleError> {
        let port = self.port(direction, name)?;
        let (name, handles) = (name.to_owned(), port.declared);
        let taken = HandleError::Taken { direction: direction.word(), name, handles };
        port.handles.pop_front().ok_or(taken)
    }

    fn port(&mut self, direction: Direction, name: &str) -> Result<&mut HostPort, HandleError> {
        let is_it = |port: &HostPort| port.direction == direction && port.name == name;
        match self.0.iter().position(is_it) {
            Some(index) => Ok(&mut self.0[index]),
            None => {
                let ports = self.0.iter().filter(|port| port.direction == direction);
                Err(HandleError::Unknown {
                    direction: direction.word(),
                    name: name.to_owned(),
                    known: ports.map(|port| port.name.clone()).collect(),
                })
            }
        }
    }
}
