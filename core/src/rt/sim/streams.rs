//! Sockets and standard streams in memory: what each connection gives is written down before the run, so every run and every replay finds it.
//!
//! Like real ones they are slow: every third read has nothing yet, every other one gives less than was asked for, and writes take a few
//! bytes at a time.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::io::{Address, ByteStream, Listener, ReadPoll, StandardOutput, Streams};

/// What comes of an attempt to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// Nobody listens.
    Refused,
    /// The peer sends these bytes and then closes; what it is sent it keeps.
    Gives(Vec<u8>),
    /// The peer takes this many bytes, and then resets the connection.
    ResetAfter(usize),
}

/// Byte streams that exist while the simulation does; clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryStreams {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    arriving: BTreeMap<String, Vec<Vec<u8>>>,
    attempts: BTreeMap<String, Vec<Attempt>>,
    /// What each connection was sent, in the order of the attempts that succeeded.
    sent: BTreeMap<String, Vec<Vec<u8>>>,
    input: Vec<u8>,
    output: Vec<u8>,
    error: Vec<u8>,
}

impl MemoryStreams {
    /// As [`Self::default`], to be shared by workers.
    pub(crate) fn shared() -> Arc<dyn Streams> {
        Arc::new(Self::default())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections that will arrive where a source listens at `address`, as in `tcp://127.0.0.1:9000`: what each of them sends.
    pub fn with_arriving(self, address: &str, connections: Vec<Vec<u8>>) -> Self {
        self.inner().arriving.insert(address.to_owned(), connections);
        self
    }

    /// What comes of the attempts to connect to `address`, one after the other; those after the last are refused.
    pub fn with_attempts(self, address: &str, attempts: Vec<Attempt>) -> Self {
        self.inner().attempts.insert(address.to_owned(), attempts);
        self
    }

    /// What standard input holds.
    pub fn with_input(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.inner().input = bytes.into();
        self
    }

    /// What was sent to `address`, connection by connection.
    pub fn sent(&self, address: &str) -> Vec<Vec<u8>> {
        self.inner().sent.get(address).cloned().unwrap_or_default()
    }

    /// What was written to standard output, or standard error.
    pub fn written(&self, which: StandardOutput) -> Vec<u8> {
        match which {
            StandardOutput::Output => self.inner().output.clone(),
            StandardOutput::Error => self.inner().error.clone(),
        }
    }

    fn stream(&self, bytes: Vec<u8>, to: To, room: Option<usize>) -> Box<dyn ByteStream> {
        Box::new(MemoryStream { bytes, at: 0, turn: 0, streams: self.clone(), to, room })
    }
}

impl Streams for MemoryStreams {
    fn listen(&self, _: &str, address: &Address) -> io::Result<Arc<dyn Listener>> {
        let address = address.clone();
        Ok(Arc::new(MemoryListener { streams: self.clone(), address, accepted: Mutex::default() }))
    }

    fn connect(&self, address: &Address, attempt: u64) -> io::Result<Box<dyn ByteStream>> {
        let name = address.to_string();
        let attempt = usize::try_from(attempt).map_err(io::Error::other)?;
        let found = self.inner().attempts.get(&name).and_then(|all| all.get(attempt)).cloned();
        let (bytes, room) = match found {
            None | Some(Attempt::Refused) => {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            Some(Attempt::Gives(bytes)) => (bytes, None),
            Some(Attempt::ResetAfter(room)) => (Vec::new(), Some(room)),
        };
        let mut inner = self.inner();
        let sent = inner.sent.entry(name.clone()).or_default();
        sent.push(Vec::new());
        let to = To::Peer(name, sent.len() - 1);
        drop(inner);
        Ok(self.stream(bytes, to, room))
    }

    fn input(&self) -> io::Result<Box<dyn ByteStream>> {
        let bytes = self.inner().input.clone();
        Ok(self.stream(bytes, To::Nobody, None))
    }

    fn output(&self, which: StandardOutput) -> io::Result<Box<dyn ByteStream>> {
        Ok(self.stream(Vec::new(), To::Standard(which), None))
    }

    fn is_recorded(&self) -> bool {
        true
    }
}

/// Hands the connections of one address out, each worker its own.
struct MemoryListener {
    streams: MemoryStreams,
    address: Address,
    /// For each worker how many it knows of.
    accepted: Mutex<BTreeMap<usize, u64>>,
}

impl MemoryListener {
    fn arriving(&self) -> Vec<Vec<u8>> {
        let name = self.address.to_string();
        self.streams.inner().arriving.get(&name).cloned().unwrap_or_default()
    }
}

impl Listener for MemoryListener {
    fn address(&self) -> Address {
        self.address.clone()
    }

    fn poll_accept(&self, worker: usize, workers: usize) -> io::Result<Option<u64>> {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let count = accepted.entry(worker).or_default();
        let number = *count * workers as u64 + worker as u64;
        if number >= self.arriving().len() as u64 {
            return Ok(None);
        }
        *count += 1;
        Ok(Some(number))
    }

    fn open(&self, number: u64) -> io::Result<Box<dyn ByteStream>> {
        let number = usize::try_from(number).map_err(io::Error::other)?;
        let bytes = self.arriving().get(number).cloned();
        let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
        Ok(self.streams.stream(bytes, To::Nobody, None))
    }
}

/// Where what is written goes.
#[derive(Debug)]
enum To {
    Nobody,
    Peer(String, usize),
    Standard(StandardOutput),
}

struct MemoryStream {
    bytes: Vec<u8>,
    at: usize,
    turn: u32,
    streams: MemoryStreams,
    to: To,
    /// Bytes until a reset.
    room: Option<usize>,
}

impl ByteStream for MemoryStream {
    fn poll_connected(&mut self) -> io::Result<bool> {
        self.turn += 1;
        Ok(self.turn > 2)
    }

    fn poll_read(&mut self, buffer: &mut Vec<u8>, max: usize) -> io::Result<ReadPoll> {
        self.turn += 1;
        if self.turn.is_multiple_of(3) {
            return Ok(ReadPoll::Pending);
        }
        let rest = &self.bytes[self.at..];
        let count = if self.turn.is_multiple_of(2) { max.min(100) } else { max };
        let count = count.min(rest.len());
        buffer.extend_from_slice(&rest[..count]);
        self.at += count;
        Ok(if count == 0 { ReadPoll::End } else { ReadPoll::Data(count) })
    }

    fn poll_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.turn += 1;
        if self.turn.is_multiple_of(3) {
            return Ok(0);
        }
        let mut count = bytes.len().min(150);
        if let Some(room) = &mut self.room {
            if *room == 0 {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            count = count.min(*room);
            *room -= count;
        }
        let mut inner = self.streams.inner();
        let into = match &self.to {
            To::Nobody => return Ok(count),
            To::Peer(name, index) => {
                &mut inner.sent.get_mut(name).expect("invariant: connected before")[*index]
            }
            To::Standard(StandardOutput::Output) => &mut inner.output,
            To::Standard(StandardOutput::Error) => &mut inner.error,
        };
        into.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
