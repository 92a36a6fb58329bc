//! Standard input and output, without waiting for them.
//!
//! The descriptors are shared with other programs, as a terminal is with the shell, so they are not switched to non-blocking: that would
//! change them for everybody. They are asked first whether they are ready. A pipe that is ready takes `PIPE_BUF` bytes at least, so as many
//! are written at once.
//!
//! # Not here
//!
//! Not `std::io::stdin()`: it reads ahead into a buffer of its own. A program that uses both loses bytes.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::event::PollFlags;

use super::connection::{if_now, is_ready, read_once};
use crate::io::{ByteStream, ReadPoll, StandardOutput};

/// Bytes that a pipe takes without blocking once it is writable (POSIX, `PIPE_BUF` of Linux).
const PIPE_BYTES: usize = 4096;

/// A descriptor that is polled before each call.
#[derive(Debug)]
pub(super) struct Standard {
    fd: BorrowedFd<'static>,
}

impl Standard {
    pub(super) fn input() -> Self {
        Self { fd: rustix::stdio::stdin() }
    }

    pub(super) fn output(which: StandardOutput) -> Self {
        let fd = match which {
            StandardOutput::Output => rustix::stdio::stdout(),
            StandardOutput::Error => rustix::stdio::stderr(),
        };
        Self { fd }
    }
}

/// Reads if there is something to read, or the end.
pub(super) fn read(fd: BorrowedFd<'_>, buffer: &mut Vec<u8>, max: usize) -> io::Result<ReadPoll> {
    if !is_ready(fd, PollFlags::IN)? {
        return Ok(ReadPoll::Pending);
    }
    read_once(buffer, max, |bytes| Ok(rustix::io::read(fd, bytes)?))
}

/// Writes some bytes if there is room.
pub(super) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() || !is_ready(fd, PollFlags::OUT)? {
        return Ok(0);
    }
    let written = rustix::io::write(fd, &bytes[..bytes.len().min(PIPE_BYTES)]);
    Ok(if_now(written.map_err(io::Error::from))?.unwrap_or(0))
}

impl ByteStream for Standard {
    fn poll_connected(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn poll_read(&mut self, buffer: &mut Vec<u8>, max: usize) -> io::Result<ReadPoll> {
        read(self.fd, buffer, max)
    }

    fn poll_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write(self.fd, bytes)
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
