//! Connects: one split, whatever number of connections it takes.

use std::marker::PhantomData;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{FromStream, Lines, StreamError};
use crate::error::OperatorFault;
use crate::io::{self, Address, ByteStream};
use crate::record::Record;
use crate::source::file::{FileReader, FileSplit, OnError};
use crate::source::{Emitter, OpenContext, Polled, Source, SplitReader};

/// Lines from or to a peer that listens; made by [`super::Sockets::connect`], given to `Topology::source` or to `Stream::sink`.
///
/// # To read
///
/// The source ends when the peer closes, and fails when it refuses or resets; with [`Connect::reconnect`] it connects again instead. A line that a reset
/// has cut off is left out.
///
/// # To write
///
/// One writer, on worker 0, writes the records of all workers. While the peer takes nothing, up to [`Connect::buffer_bytes`] are kept, and
/// then the job waits. After a reset, with [`Connect::reconnect`], what was not handed to the system is sent again from the start of a line; what was
/// handed over and not read by the peer is lost.
pub struct Connect<T> {
    pub(crate) address: Address,
    pub(crate) lines: Lines<T>,
    pub(crate) reconnect: Reconnect,
    pub(crate) buffer_bytes: usize,
}

crate::operator::opaque_debug!(Connect<T>);

impl<T> Clone for Connect<T> {
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
            lines: self.lines.clone(),
            reconnect: self.reconnect,
            buffer_bytes: self.buffer_bytes,
        }
    }
}

/// Enough to keep a connection busy while the worker does something else.
const BUFFER_BYTES: usize = 256 << 10;

/// What becomes of a connection that was refused, closed or reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconnect {
    first: Duration,
    longest: Duration,
    /// Attempts in a row without success.
    attempts: u32,
}

impl Reconnect {
    /// The source ends, or the job fails.
    pub fn never() -> Self {
        Self { first: Duration::ZERO, longest: Duration::ZERO, attempts: 1 }
    }

    /// Tries again after `wait`, without end.
    pub fn every(wait: Duration) -> Self {
        Self::backoff(wait, wait)
    }

    /// Tries again after `first`, then after twice as long each time, up to `longest`; without end.
    pub fn backoff(first: Duration, longest: Duration) -> Self {
        Self { first, longest, attempts: u32::MAX }
    }

    /// Gives up, with an error, after this many attempts in a row without success; 1 or more.
    #[must_use]
    pub fn at_most(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    fn is_never(self) -> bool {
        self == Self::never()
    }

    /// How long to wait after `failed` attempts in a row.
    fn wait(self, failed: u32) -> Duration {
        let factor = 1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }
}

impl<T: Record> Connect<T> {
    pub(super) fn new(address: Address, lines: Lines<T>) -> Self {
        Self { address, lines, reconnect: Reconnect::never(), buffer_bytes: BUFFER_BYTES }
    }

    /// What becomes of a connection that was refused, closed or reset. Default: [`Reconnect::never`].
    #[must_use]
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// To read: what becomes of a line that is no record. Default: [`OnError::Fail`].
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.lines.on_error = on_error;
        self
    }

    /// To read: the longest line, in bytes; a longer one is a bad line. Default: 1 MiB.
    #[must_use]
    pub fn max_line_bytes(mut self, bytes: usize) -> Self {
        self.lines.max_line_bytes = bytes;
        self
    }

    /// To write: how much is kept while the peer takes nothing. Default: 256 KiB.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes.max(1);
        self
    }

    pub(crate) fn describe(&self) -> String {
        format!("{} {}", self.lines.format.name(), self.address)
    }
}

/// Connects, and connects again: the same for reading and for writing.
pub(crate) struct Attempts {
    address: Address,
    reconnect: Reconnect,
    context: OpenContext,
    /// Attempts so far.
    count: u64,
    /// Of these, those since the last success.
    failed: u32,
    state: State,
}

enum State {
    /// Wait until then.
    Waiting {
        until_ns: u64,
    },
    Connecting(Box<dyn ByteStream>),
}

impl Attempts {
    pub(crate) fn new(address: &Address, reconnect: Reconnect, context: &OpenContext) -> Self {
        let (address, context) = (address.clone(), context.clone());
        let state = State::Waiting { until_ns: 0 };
        Self { address, reconnect, context, count: 0, failed: 0, state }
    }

    /// A connection, when there is one. `at_once`: does not wait between attempts.
    pub(crate) fn poll(
        &mut self,
        at_once: bool,
    ) -> Result<Option<Box<dyn ByteStream>>, OperatorFault> {
        if let State::Waiting { until_ns } = self.state {
            if !at_once && self.context.clock.now_ns() < until_ns {
                return Ok(None);
            }
            self.count += 1;
            match self.context.streams.connect(&self.address, self.count - 1) {
                Ok(stream) => self.state = State::Connecting(stream),
                Err(error) => return self.on_refused(error),
            }
        }
        let State::Connecting(stream) = &mut self.state else {
            unreachable!("invariant: connecting since the lines above")
        };
        match stream.poll_connected() {
            Ok(false) => Ok(None),
            Ok(true) => {
                self.failed = 0;
                let waiting = State::Waiting { until_ns: 0 };
                match std::mem::replace(&mut self.state, waiting) {
                    State::Connecting(stream) => Ok(Some(stream)),
                    State::Waiting { .. } => Ok(None),
                }
            }
            Err(error) => self.on_refused(error),
        }
    }

    fn on_refused(
        &mut self,
        error: std::io::Error,
    ) -> Result<Option<Box<dyn ByteStream>>, OperatorFault> {
        self.failed += 1;
        if self.failed >= self.reconnect.attempts {
            return Err(self.fault(error));
        }
        self.wait(self.failed);
        tracing::warn!(address = %self.address, %error, "cannot connect; trying again");
        Ok(None)
    }

    /// A connection was lost or closed. True if there will be another one.
    pub(crate) fn on_lost(&mut self) -> bool {
        self.wait(1);
        !self.reconnect.is_never()
    }

    fn wait(&mut self, failed: u32) {
        let wait = self.reconnect.wait(failed);
        let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = self.context.clock.now_ns().saturating_add(wait_ns);
        self.state = State::Waiting { until_ns };
    }

    pub(crate) fn fault(&self, error: std::io::Error) -> OperatorFault {
        StreamError::fault("connect to", &self.address, error)
    }
}

impl<T: Record + DeserializeOwned> Source for Connect<T> {
    type Out = T;
    type Split = u64;
    type Reader = ConnectReader<T>;

    fn splits(&self, _: &dyn io::Files) -> Result<Vec<u64>, OperatorFault> {
        Ok(vec![0])
    }

    fn open(&self, _: &u64, context: &OpenContext) -> Result<ConnectReader<T>, OperatorFault> {
        Ok(ConnectReader {
            source: self.clone(),
            context: context.clone(),
            attempts: Attempts::new(&self.address, self.reconnect, context),
            reader: None,
            connections: 0,
            rejected: 0,
            bytes: 0,
            marker: PhantomData,
        })
    }

    fn is_replayable(&self, context: &OpenContext) -> bool {
        context.streams.is_recorded()
    }

    fn describe(&self) -> String {
        self.describe()
    }
}

/// Reads one connection after the other.
pub struct ConnectReader<T> {
    source: Connect<T>,
    context: OpenContext,
    attempts: Attempts,
    reader: Option<FileReader<T>>,
    connections: usize,
    /// Lines rejected in connections that have ended, and bytes read of them.
    rejected: u64,
    bytes: u64,
    marker: PhantomData<fn() -> T>,
}

crate::operator::opaque_debug!(ConnectReader<T>);

impl<T: Record + DeserializeOwned> ConnectReader<T> {
    fn read_from(&mut self, stream: Box<dyn ByteStream>) -> Result<(), OperatorFault> {
        let Lines { format, on_error, max_line_bytes, .. } = &self.source.lines;
        let address = &self.source.address;
        let split = match (self.connections, self.source.reconnect.is_never()) {
            (_, true) => FileSplit::stream(&address.to_string()),
            (again, _) => {
                FileSplit::stream(&format!("{address} connection {again}")).numbered(again)
            }
        };
        self.connections += 1;
        let bytes = Box::new(FromStream(Some(stream)));
        let mut reader =
            FileReader::stream(&split, bytes, *max_line_bytes, *format, on_error, &self.context)?;
        if self.source.reconnect.is_never() {
            reader.fail_on_reset();
        }
        self.reader = Some(reader);
        Ok(())
    }
}

impl<T: Record + DeserializeOwned> SplitReader<T> for ConnectReader<T> {
    fn poll(&mut self, out: &mut Emitter<'_, T>) -> Result<Polled, OperatorFault> {
        loop {
            let Some(reader) = &mut self.reader else {
                match self.attempts.poll(out.is_replay())? {
                    None => return Ok(Polled::Dry),
                    Some(stream) => self.read_from(stream)?,
                }
                continue;
            };
            match reader.poll(out)? {
                Polled::End => {
                    self.rejected += reader.rejected();
                    self.bytes += reader.bytes();
                    self.reader = None;
                    if !self.attempts.on_lost() {
                        // Closed for good: whoever polls again is told the same.
                        self.reader = Some(FileReader::stream(
                            &FileSplit::stream(&self.source.address.to_string()),
                            Box::new(FromStream(None)),
                            self.source.lines.max_line_bytes,
                            self.source.lines.format,
                            &self.source.lines.on_error,
                            &self.context,
                        )?);
                        return Ok(Polled::End);
                    }
                }
                other => return Ok(other),
            }
        }
    }

    fn rejected(&self) -> u64 {
        self.rejected + self.reader.as_ref().map_or(0, SplitReader::rejected)
    }

    fn bytes(&self) -> u64 {
        self.bytes + self.reader.as_ref().map_or(0, SplitReader::bytes)
    }
}
