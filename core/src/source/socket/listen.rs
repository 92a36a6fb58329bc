//! Listens: each connection is a split, found while the job runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{FromStream, Lines, StreamError};
use crate::error::OperatorFault;
use crate::io::{self, Address};
use crate::record::Record;
use crate::source::file::{FileReader, FileSplit, OnError};
use crate::source::{Discovered, OpenContext, Source, SplitEnumerator};

/// Lines from those who connect; made by [`super::Sockets::listen`].
///
/// The address is bound when the job is built, so one that is in use refuses the job. Connection `n` goes to worker `n % workers`. One that
/// is reset ends like one that is closed, but for a line that was not complete: that is left out.
pub struct Listen<T> {
    address: Address,
    lines: Lines<T>,
    connections: Option<u64>,
    announce: Option<BoundAddress>,
}

crate::operator::opaque_debug!(Listen<T>);

impl<T> Clone for Listen<T> {
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
            lines: self.lines.clone(),
            connections: self.connections,
            announce: self.announce.clone(),
        }
    }
}

/// Learns the address at which a source listens, once its job is built.
#[derive(Debug, Clone, Default)]
pub struct BoundAddress(Arc<Mutex<Option<Address>>>);

impl BoundAddress {
    /// Nothing is bound yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the source listens; `None` before its job was built.
    pub fn get(&self) -> Option<Address> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, address: Address) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
    }
}

impl<T: Record> Listen<T> {
    pub(super) fn new(address: Address, lines: Lines<T>) -> Self {
        Self { address, lines, connections: None, announce: None }
    }

    /// Ends the source when this many connections were accepted and have ended. Default: it never ends by itself.
    #[must_use]
    pub fn connections(mut self, count: u64) -> Self {
        self.connections = Some(count);
        self
    }

    /// Says where it listens: the port that the system chose.
    #[must_use]
    pub fn announce(mut self, bound: &BoundAddress) -> Self {
        self.announce = Some(bound.clone());
        self
    }

    /// What becomes of a line that is no record. Default: [`OnError::Fail`].
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.lines.on_error = on_error;
        self
    }

    /// The longest line, in bytes; a longer one is a bad line. Default: 1 MiB.
    #[must_use]
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.lines.max_line_bytes = bytes;
        self
    }

    fn listener(&self, context: &OpenContext) -> Result<Arc<dyn io::Listener>, OperatorFault> {
        let listener = context.streams.listen(&context.operator, &self.address);
        listener.map_err(|error| StreamError::fault("listen at", &self.address, error))
    }
}

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketSplit {
    /// Its number, from 0, in the order in which they arrived.
    pub number: u64,
}

impl fmt::Display for SocketSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.number)
    }
}

impl<T: Record + DeserializeOwned> Source for Listen<T> {
    type Out = T;
    type Split = SocketSplit;
    type Reader = FileReader<T>;

    fn splits(&self, _: &dyn io::Files) -> Result<Vec<SocketSplit>, OperatorFault> {
        Ok(Vec::new())
    }

    fn check(&self, context: &OpenContext) -> Result<(), OperatorFault> {
        let listener = self.listener(context)?;
        if let Some(bound) = &self.announce {
            bound.set(listener.address());
        }
        Ok(())
    }

    fn open(
        &self,
        split: &SocketSplit,
        context: &OpenContext,
    ) -> Result<FileReader<T>, OperatorFault> {
        let Lines { format, on_error, max_line_bytes, .. } = &self.lines;
        let name = format!("{} {split}", self.address);
        let stream = self.listener(context)?.open(split.number);
        let stream = stream.map_err(|error| StreamError::fault("open", &name, error))?;
        let bytes = Box::new(FromStream(Some(stream)));
        let number = usize::try_from(split.number)?;
        let split = FileSplit::stream(&name).numbered(number);
        Ok(FileReader::stream(&split, bytes, *max_line_bytes, *format, on_error, context)?)
    }

    fn enumerator(&self, context: &OpenContext) -> Option<Box<dyn SplitEnumerator<SocketSplit>>> {
        let (worker, workers) = (context.worker as u64, context.workers as u64);
        // This worker's share of the connections that are to come.
        let left = self.connections.map(|count| (count + workers - 1 - worker) / workers);
        Some(Box::new(Arrivals { source: self.clone(), context: context.clone(), left }))
    }

    fn is_replayable(&self, context: &OpenContext) -> bool {
        context.streams.is_recorded()
    }

    fn describe(&self) -> String {
        format!("{} from connections at {}", self.lines.format.name(), self.address)
    }
}

/// The connections of one worker, as they arrive.
struct Arrivals<T> {
    source: Listen<T>,
    context: OpenContext,
    left: Option<u64>,
}

impl<T: Record> SplitEnumerator<SocketSplit> for Arrivals<T> {
    fn discover(
        &mut self,
        _: u64,
        found: &mut Vec<SocketSplit>,
    ) -> Result<Discovered, OperatorFault> {
        let listener = self.source.listener(&self.context)?;
        while self.left != Some(0) {
            let accepted = listener.poll_accept(self.context.worker, self.context.workers);
            let accepted = accepted.map_err(|error| {
                StreamError::fault("accept connections at", &self.source.address, error)
            })?;
            let Some(number) = accepted else { return Ok(Discovered::MoreLater) };
            found.push(SocketSplit { number });
            self.left = self.left.map(|left| left - 1);
        }
        Ok(Discovered::All)
    }

    /// A peer that connects waits this long at most, and a look costs a system call.
    fn interval(&self) -> Duration {
        Duration::from_millis(1)
    }
}
