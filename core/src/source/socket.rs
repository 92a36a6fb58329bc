//! Lines through sockets, TCP or Unix: a source that listens or connects, and a sink that connects.
//!
//! Nobody waits for a socket: what is not there yet is asked for again. A line that is not complete is kept until it is, up to a bound.
//!
//! # Not here
//!
//! What a socket gave is gone: such a source keeps no positions, and a replay needs the recorded bytes. Nothing is acknowledged: what a peer
//! has sent and the job has not worked off when it fails is lost. For more, put a log in between. No encryption.

mod connect;
mod listen;

pub(crate) use connect::Attempts;
pub use connect::{Connect, ConnectReader, Reconnect};
pub use listen::{BoundAddress, Listen, SocketSplit};

use std::marker::PhantomData;
use std::path::Path;

use crate::error::OperatorFault;
use crate::format::csv::CsvOptions;
use crate::io::{Address, ByteStream, ReadFile, ReadPoll};
use crate::record::Record;
use crate::source::file::{FileFormat, OnError};

/// Where lines through sockets start: say the address, then the format.
///
/// ```no_run
/// use thalweg::prelude::*;
///
/// #[record]
/// struct Reading {
///     #[event_time]
///     at: EventTime,
///     value: i64,
/// }
///
/// fn relay(t: &mut Topology) -> Result<()> {
///     t.source("readings", Sockets::listen("0.0.0.0:9000").ndjson::<Reading>())
///         .watermarks(Monotonic)
///         .filter(|reading| reading.value() > 0)
///         .sink("upstream", Sockets::connect("10.0.0.7:9100").ndjson());
///     Ok(())
/// }
/// # Engine::builder().build().run("relay", relay).unwrap();
/// ```
#[derive(Debug)]
pub enum Sockets {}

impl Sockets {
    /// Accepts connections at a host and port; port 0 lets the system choose one ([`Listen::announce`]).
    pub fn listen(address: impl Into<String>) -> Listening {
        Listening(Address::Tcp(address.into()))
    }

    /// Accepts connections at a socket file; one that nobody listens at is replaced.
    pub fn listen_unix(path: impl AsRef<Path>) -> Listening {
        Listening(Address::Unix(path.as_ref().to_owned()))
    }

    /// Connects to a host and port. A name is looked up each time, and the worker waits for the answer; a numeric address waits for nothing.
    pub fn connect(address: impl Into<String>) -> Connecting {
        Connecting(Address::Tcp(address.into()))
    }

    /// Connects to a socket file.
    pub fn connect_unix(path: impl AsRef<Path>) -> Connecting {
        Connecting(Address::Unix(path.as_ref().to_owned()))
    }
}

/// An address to listen at; say what comes there.
#[derive(Debug, Clone)]
#[must_use = "say the format of the lines"]
pub struct Listening(Address);

/// An address to connect to; say what comes from there, or goes there.
#[derive(Debug, Clone)]
#[must_use = "say the format of the lines"]
pub struct Connecting(Address);

/// The formats, for both kinds of address.
macro_rules! formats {
    ($from:ident, $to:ident) => {
        impl $from {
            /// One JSON object a line.
            pub fn ndjson<T: Record>(self) -> $to<T> {
                $to::new(self.0, Lines::new(FileFormat::Ndjson))
            }

            /// CSV; each connection begins with a header.
            pub fn csv<T: Record>(self) -> $to<T> {
                self.csv_with(CsvOptions::default())
            }

            /// As [`Self::csv`], in another dialect.
            pub fn csv_with<T: Record>(self, options: CsvOptions) -> $to<T> {
                $to::new(self.0, Lines::new(FileFormat::Csv(options)))
            }

            /// Lines of text: a record is the text ([`crate::record::Str`]), or the text with its place
            /// ([`crate::format::text::TextLine`]).
            pub fn text<T: Record>(self) -> $to<T> {
                $to::new(self.0, Lines::new(FileFormat::Text))
            }
        }
    };
}
formats!(Listening, Listen);
formats!(Connecting, Connect);

/// How lines lie in a stream of bytes, and what becomes of those that are none.
#[derive(Debug)]
pub(crate) struct Lines<T> {
    pub(crate) format: FileFormat,
    pub(crate) on_error: OnError,
    pub(crate) max_line_bytes: usize,
    marker: PhantomData<fn() -> T>,
}

impl<T> Clone for Lines<T> {
    fn clone(&self) -> Self {
        let Self { format, on_error, max_line_bytes, marker } = self;
        Self {
            format: *format,
            on_error: on_error.clone(),
            max_line_bytes: *max_line_bytes,
            marker: *marker,
        }
    }
}

/// What a connection may keep of a line that is not complete; a thousand of them keep a gigabyte at most.
const LINE_BYTES: usize = 1 << 20;

impl<T> Lines<T> {
    pub(crate) fn new(format: FileFormat) -> Self {
        let marker = PhantomData;
        Self { format, on_error: OnError::Fail, max_line_bytes: LINE_BYTES, marker }
    }
}

/// What went wrong at a socket, or at the program's own input and output.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {address}")]
pub struct StreamError {
    /// What was attempted, as in "listen at" or "connect to".
    pub action: &'static str,
    /// Where.
    pub address: String,
    /// What the system said.
    pub source: std::io::Error,
}

impl StreamError {
    pub(crate) fn fault(
        action: &'static str,
        address: &impl ToString,
        source: std::io::Error,
    ) -> OperatorFault {
        Box::new(Self { action, address: address.to_string(), source })
    }
}

/// A stream that is read as a file is; it is closed at its end.
pub(crate) struct FromStream(pub(crate) Option<Box<dyn ByteStream>>);

impl ReadFile for FromStream {
    fn poll_read(&mut self, buffer: &mut Vec<u8>, max: usize) -> std::io::Result<ReadPoll> {
        let Some(stream) = &mut self.0 else { return Ok(ReadPoll::End) };
        let polled = stream.poll_read(buffer, max);
        if !matches!(polled, Ok(ReadPoll::Data(_) | ReadPoll::Pending)) {
            self.0 = None;
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::error_chain;

    #[test]
    fn what_went_wrong_at_a_socket_is_said_with_its_address() {
        let address = Address::Tcp("127.0.0.1:7".into());
        let refused = std::io::Error::other("too many open files");
        let fault = StreamError::fault("accept connections at", &address, refused);
        assert_eq!(
            error_chain(&*fault),
            "cannot accept connections at tcp://127.0.0.1:7: too many open files"
        );
    }
}
