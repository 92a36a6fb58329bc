//! Calls to the kernel's io_uring that own what the kernel touches.
//!
//! # Invariants
//!
//! 1. A [`Call`] that the kernel may look at lies in `calls`, from before its entry is in the queue until its completion was taken. Nobody
//!    refers to its buffers, paths or file meanwhile; they live on the heap, so moving the call does not move them.
//! 2. An entry's number is the place of its call.
//! 3. A ring that is dropped waits for the kernel first; where that fails, the memory is leaked rather than freed under it.
//!
//! # Not here
//!
//! No meaning: what a number means, what is tried again, and which file must not be written any more is [`crate::io`]'s.

use std::ffi::CString;
use std::fmt;
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::sync::Arc;

use io_uring::{IoUring, opcode, squeue, types};

use super::Buffer;
use crate::io::Bytes;

/// A call of the kernel, with everything it refers to.
#[derive(Debug)]
pub(crate) enum Call {
    /// `openat`; gives the descriptor.
    Open {
        /// What to open.
        path: CString,
        /// As of `open(2)`.
        flags: i32,
    },
    /// `fallocate` of the whole range, which becomes the file's length.
    Allocate {
        /// The file.
        file: Arc<File>,
        /// Its length to be, bytes.
        bytes: u64,
    },
    /// `pwrite` of `bytes` from byte `from` of them on.
    Write {
        /// The file.
        file: Arc<File>,
        /// Where in the file the first of `bytes` goes.
        offset: u64,
        /// What is written.
        bytes: Bytes,
        /// How many of them are there already.
        from: usize,
    },
    /// `pread` to the front of `buffer`.
    Read {
        /// The file.
        file: Arc<File>,
        /// Where in the file.
        offset: u64,
        /// Where to.
        buffer: Buffer,
        /// How many bytes; at most the buffer's length.
        bytes: usize,
    },
    /// `fsync` or `fdatasync`.
    Sync {
        /// The file or directory.
        file: Arc<File>,
        /// Without the metadata that reading the data does not need.
        data_only: bool,
    },
    /// `rename`.
    Rename {
        /// The old name.
        from: CString,
        /// The new name.
        to: CString,
    },
    /// `unlink`.
    Unlink {
        /// The file.
        path: CString,
    },
}

/// A call that the kernel is done with.
#[derive(Debug)]
pub(crate) struct Returned {
    /// As it was submitted with.
    pub(crate) token: u64,
    /// The call, with its memory.
    pub(crate) call: Call,
    /// What the kernel returned.
    pub(crate) result: io::Result<Done>,
}

/// What a call gave.
#[derive(Debug)]
pub(crate) enum Done {
    /// The file that was opened.
    Opened(File),
    /// How many bytes were moved; 0 for calls that move none.
    Bytes(usize),
}

/// A submission and a completion queue, and the calls between them.
pub(crate) struct Ring {
    ring: IoUring,
    calls: Vec<Option<(u64, Call)>>,
    /// Places of `calls` that hold none.
    free: Vec<usize>,
}

impl Ring {
    /// A ring for up to `depth` calls at a time.
    ///
    /// # Errors
    ///
    /// The system has no io_uring or does not permit it to this process, as containers often do not.
    pub(crate) fn new(depth: u32) -> io::Result<Self> {
        let ring = IoUring::new(depth)?;
        let mut probe = io_uring::Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        let needed = [
            opcode::OpenAt::CODE,
            opcode::Fallocate::CODE,
            opcode::Write::CODE,
            opcode::Read::CODE,
            opcode::Fsync::CODE,
            opcode::RenameAt::CODE,
            opcode::UnlinkAt::CODE,
        ];
        if !needed.into_iter().all(|code| probe.is_supported(code)) {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        }
        let depth = depth as usize;
        Ok(Self {
            ring,
            calls: (0..depth).map(|_| None).collect(),
            free: (0..depth).rev().collect(),
        })
    }

    /// Calls the kernel has not returned.
    pub(crate) fn in_flight(&self) -> usize {
        self.calls.len() - self.free.len()
    }

    /// Queues `call`; the kernel sees it at the next [`Ring::enter`]. Gives it back if there are as many as there may be.
    pub(crate) fn submit(&mut self, token: u64, call: Call) -> Result<(), Call> {
        let Some(place) = self.free.pop() else { return Err(call) };
        // Invariant 1: first the call into its place, then the entry that points into it.
        let (_, call) = self.calls[place].insert((token, call));
        let entry = entry_of(call).user_data(place as u64);
        // SAFETY: everything the entry points to is owned by the call, which stays until its completion is taken
        // (invariant 1), and is used for nothing else until then.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        pushed.expect(
            "invariant: there are no more calls than entries, and `enter` empties the queue",
        );
        Ok(())
    }

    /// Has the kernel start what was queued, and waits for one completion if `wait`.
    pub(crate) fn enter(&mut self, wait: bool) -> io::Result<()> {
        loop {
            let queued = !self.ring.submission().is_empty();
            let result = match (wait, queued) {
                (true, _) => self.ring.submit_and_wait(1),
                (false, true) => self.ring.submit(),
                (false, false) => return Ok(()),
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The completion queue is to be emptied first; the caller is about to.
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => return Ok(()),
                other => return other.map(drop),
            }
        }
    }

    /// A call that the kernel is done with, if there is one.
    pub(crate) fn returned(&mut self) -> Option<Returned> {
        let completion = self.ring.completion().next()?;
        let place = usize::try_from(completion.user_data()).expect("invariant 2");
        let (token, call) = self.calls[place].take().expect("invariant 2: a call completes once");
        self.free.push(place);
        let number = completion.result();
        let result = match (u32::try_from(number), &call) {
            (Err(_), _) => Err(io::Error::from_raw_os_error(-number)),
            // SAFETY: the kernel has just opened this descriptor for this call, which completes once: nobody else has it.
            (Ok(_), Call::Open { .. }) => Ok(Done::Opened(unsafe { File::from_raw_fd(number) })),
            (Ok(bytes), _) => Ok(Done::Bytes(bytes as usize)),
        };
        Some(Returned { token, call, result })
    }
}

/// What the kernel is told; it points into `call`, and into memory that `call` owns.
fn entry_of(call: &mut Call) -> squeue::Entry {
    let here = types::Fd(libc::AT_FDCWD);
    let of = |file: &File| types::Fd(file.as_raw_fd());
    match call {
        Call::Open { path, flags } => {
            opcode::OpenAt::new(here, path.as_ptr()).flags(*flags).mode(0o600).build()
        }
        Call::Allocate { file, bytes } => opcode::Fallocate::new(of(file), *bytes).build(),
        Call::Write { file, offset, bytes, from } => {
            let rest = &bytes[*from..];
            opcode::Write::new(of(file), rest.as_ptr(), length(rest.len()))
                .offset(*offset + *from as u64)
                .build()
        }
        Call::Read { file, offset, buffer, bytes } => {
            assert!(*bytes <= buffer.len(), "invariant: what is read fits the buffer");
            opcode::Read::new(of(file), buffer.start_mut(), length(*bytes)).offset(*offset).build()
        }
        Call::Sync { file, data_only } => {
            let flags =
                if *data_only { types::FsyncFlags::DATASYNC } else { types::FsyncFlags::empty() };
            opcode::Fsync::new(of(file)).flags(flags).build()
        }
        Call::Rename { from, to } => {
            opcode::RenameAt::new(here, from.as_ptr(), here, to.as_ptr()).build()
        }
        Call::Unlink { path } => opcode::UnlinkAt::new(here, path.as_ptr()).build(),
    }
}

/// The kernel moves at most this much at once, and says how much it was.
fn length(bytes: usize) -> u32 {
    const MOST: usize = 1 << 30;
    u32::try_from(bytes.min(MOST)).expect("invariant: a GiB fits 32 bits")
}

impl Drop for Ring {
    fn drop(&mut self) {
        while self.in_flight() > 0 {
            if self.enter(true).is_err() {
                mem::forget(mem::take(&mut self.calls));
                return;
            }
            while self.returned().is_some() {}
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("in_flight", &self.in_flight()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `None` where the system does not permit a ring: the tests of the disk say so.
    fn ring(depth: u32) -> Option<Ring> {
        Ring::new(depth).ok()
    }

    fn finish(ring: &mut Ring) -> Returned {
        loop {
            if let Some(returned) = ring.returned() {
                return returned;
            }
            ring.enter(true).unwrap();
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let Some(mut ring) = ring(4) else { return };
        let file = Arc::new(tempfile::tempfile().unwrap());
        let bytes = Bytes::from(Buffer::holding(b"thalweg"));
        let write = Call::Write { file: Arc::clone(&file), offset: 4096, bytes, from: 0 };
        ring.submit(1, write).unwrap();
        let written = finish(&mut ring);
        assert_eq!(written.token, 1);
        assert!(matches!(written.result, Ok(Done::Bytes(4096))));
        let read = Call::Read { file, offset: 4096, buffer: Buffer::zeroed(4096), bytes: 4096 };
        ring.submit(2, read).unwrap();
        let returned = finish(&mut ring);
        let Call::Read { buffer, .. } = returned.call else { panic!("a read returns a read") };
        assert_eq!(&buffer[..8], b"thalweg\0");
    }

    #[test]
    fn a_full_ring_gives_the_call_back_and_a_dropped_one_waits() {
        let Some(mut ring) = ring(2) else { return };
        let file = Arc::new(tempfile::tempfile().unwrap());
        let write = |at: u64| {
            let bytes = Bytes::from(Buffer::zeroed(1 << 20));
            Call::Write { file: Arc::clone(&file), offset: at << 20, bytes, from: 0 }
        };
        ring.submit(0, write(0)).unwrap();
        ring.submit(1, write(1)).unwrap();
        assert!(ring.submit(2, write(2)).is_err());
        ring.enter(false).unwrap();
        drop(ring);
        assert_eq!(Arc::strong_count(&file), 1);
        assert_eq!(file.metadata().unwrap().len(), 2 << 20);
    }

    #[test]
    fn an_error_is_the_kernels_number() {
        let Some(mut ring) = ring(2) else { return };
        let path = CString::new("/no/such/place").unwrap();
        ring.submit(9, Call::Unlink { path }).unwrap();
        assert_eq!(finish(&mut ring).result.unwrap_err().raw_os_error(), Some(libc::ENOENT));
    }
}
