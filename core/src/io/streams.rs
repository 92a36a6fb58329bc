//! The seam to byte streams: sockets, and the program's standard input and output.
//!
//! No call waits. A stream that has nothing, or takes nothing, says so and is asked again; a connection that is being made is a stream that is
//! not connected yet.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::ReadPoll;

/// Where a socket is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// Host and port, as in `127.0.0.1:9000`.
    Tcp(String),
    /// A socket file.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// One of the two places for a program's own output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandardOutput {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// A stream of bytes from and to another process.
pub trait ByteStream: Send {
    /// True once it is connected; until then it neither gives nor takes anything.
    ///
    /// # Errors
    ///
    /// If the connection was refused.
    fn poll_connected(&mut self) -> io::Result<bool>;

    /// Appends up to `max` bytes to `buffer`.
    ///
    /// # Errors
    ///
    /// What the system said, such as a reset; the stream is not read on after that.
    fn poll_read(&mut self, buffer: &mut Vec<u8>, max: usize) -> io::Result<ReadPoll>;

    /// Takes some of `bytes` and says how many; 0 if it can take none now.
    ///
    /// # Errors
    ///
    /// What the system said; the stream is not written on after that.
    fn poll_write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Tells the other side that no more will be written. What was taken before still arrives.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn finish(&mut self) -> io::Result<()>;
}

/// An address at which connections arrive; shared by the workers of one job.
pub trait Listener: Send + Sync {
    /// Where it really is: the port that the system chose, if the address said 0.
    fn address(&self) -> Address;

    /// The number of the next connection that belongs to `worker`, if there is one. Connections are numbered from 0 in the order in which they
    /// arrive, and number `n` belongs to worker `n % workers`.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn poll_accept(&self, worker: usize, workers: usize) -> io::Result<Option<u64>>;

    /// Hands a connection out, once; of recorded streams as often as it is asked for.
    ///
    /// # Errors
    ///
    /// If it is not there any more.
    fn open(&self, number: u64) -> io::Result<Box<dyn ByteStream>>;
}

/// Byte streams, as a driver provides them; one for each job that runs.
pub trait Streams: Send + Sync {
    /// Listens at `address`. The plan and every worker of a job call this with the operator's name as `owner`; the first call binds, and
    /// the others get the same listener.
    ///
    /// # Errors
    ///
    /// If somebody else, another operator included, listens there already, or the address is not this machine's.
    fn listen(&self, owner: &str, address: &Address) -> io::Result<Arc<dyn Listener>>;

    /// Begins to connect; see [`ByteStream::poll_connected`]. `attempt` counts the caller's attempts from 0: recorded streams give the same
    /// attempt the same bytes.
    ///
    /// # Errors
    ///
    /// If the address cannot be resolved, or was refused at once.
    fn connect(&self, address: &Address, attempt: u64) -> io::Result<Box<dyn ByteStream>>;

    /// The program's standard input.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn input(&self) -> io::Result<Box<dyn ByteStream>>;

    /// The program's standard output or error.
    ///
    /// # Errors
    ///
    /// What the system said.
    fn output(&self, which: StandardOutput) -> io::Result<Box<dyn ByteStream>>;

    /// True if what is read here can be read again by a replay.
    fn is_recorded(&self) -> bool {
        false
    }
}
