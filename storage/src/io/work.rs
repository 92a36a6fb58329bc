//! Several operations in a row, driven by their completions.

use super::{Answer, Buffer, Completion, Disk, DiskError, FileId, Operation, Ticket};

/// Something that takes several operations: it submits, and goes on when they complete.
///
/// On a worker, completions are handed to whoever [takes](Work::take) them; elsewhere [`drive`] waits.
pub trait Work {
    /// An operation without whose completion this does not get further; `None` once it has ended, well or badly.
    fn awaits(&self) -> Option<Ticket>;

    /// Takes a completion that is its own and goes on, or gives it back.
    fn take(&mut self, disk: &mut dyn Disk, completion: Completion) -> Option<Completion>;
}

/// Waits until `work` has ended. For callers off the record path.
pub fn drive(disk: &mut dyn Disk, work: &mut impl Work) {
    while let Some(ticket) = work.awaits() {
        let completion = disk.wait(ticket);
        let stranger = work.take(disk, completion);
        assert!(stranger.is_none(), "invariant: work takes what it awaits");
    }
}

/// Does one operation and waits for its end. For callers off the record path.
///
/// # Errors
///
/// The operation's own.
pub fn run(disk: &mut dyn Disk, operation: Operation) -> Result<Answer, DiskError> {
    let ticket = disk.submit(operation);
    disk.wait(ticket).result
}

/// Reads `bytes` bytes of `file` from `offset` on, or up to its end, whatever the device gives at a time; both are whole pages. Says how many
/// bytes the buffer holds. For callers off the record path.
///
/// # Errors
///
/// As a read.
pub fn read_exactly(
    disk: &mut dyn Disk,
    file: FileId,
    offset: u64,
    bytes: usize,
) -> Result<(Buffer, usize), DiskError> {
    let read = |disk: &mut dyn Disk, buffer, from: usize| {
        let at = offset + from as u64;
        match run(disk, Operation::Read { file, offset: at, buffer, bytes: bytes - from })? {
            Answer::Read { buffer, bytes } => Ok((buffer, bytes)),
            other => panic!("invariant: a read is answered by a read, not {other:?}"),
        }
    };
    let (mut whole, mut have) = read(disk, Buffer::zeroed(bytes), 0)?;
    let mut spare = None;
    let mut stalled = 0;
    while have > 0 && have < bytes && stalled < MOST_STALLED_READS {
        // Past the page cache a read starts at a page, so what came of a page's front is read again with the rest of it.
        let from = have - have % Buffer::ALIGNMENT;
        let buffer = spare.take().unwrap_or_else(|| Buffer::zeroed(bytes));
        let (buffer, got) = read(disk, buffer, from)?;
        if got == 0 {
            break;
        }
        if from + got > have {
            whole[from..from + got].copy_from_slice(&buffer[..got]);
            have = from + got;
        } else {
            stalled += 1;
        }
        spare = Some(buffer);
    }
    Ok((whole, have))
}

/// Reads in a row that give nothing new, in the middle of a page: that is its end.
const MOST_STALLED_READS: u32 = 8;
