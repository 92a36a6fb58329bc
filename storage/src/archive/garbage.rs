//! Segments of which little is live: what is live in them is written anew with the next checkpoint, so that the files become free.
//!
//! When less than half of what is used of all files is live, the ones with the least are emptied, a bounded share with each checkpoint: as much as the checkpoint writes
//! anyway, one segment at least. So the files take about twice what is live, and each byte is moved about once for each that is written.

use super::Archive;
use super::state::Held;
use crate::format::SegmentId;
use crate::freeze::{Content, Place};
use crate::io::Disk;
use crate::segment::{SegmentError, SegmentReader};

/// Segments that may be of any kind.
const TOLERATED: u64 = 4;

impl Archive {
    /// Makes what is live in mostly dead segments to be written. `true` if a batch of deaths is among it.
    pub(super) fn choose_garbage(&mut self, disk: &mut dyn Disk) -> bool {
        let mut budget = self.unwritten_bytes().max(self.config.segment_bytes);
        let mut rescue = false;
        let mut emptied = Vec::new();
        while let Some(id) = self.mostly_dead(&emptied) {
            let live = self.state.segments[&id].live;
            if live > budget {
                break;
            }
            budget -= live;
            if let Err(error) = self.lift(disk, id) {
                // It is as whole or damaged as it was; a restore will tell. What could not be read stays where it is.
                tracing::error!(%error, "what is live in a segment cannot be moved");
                break;
            }
            let batches = self.state.batches.iter();
            rescue |= batches.clone().any(|place| place.segment == id);
            emptied.push(id);
        }
        rescue
    }

    /// The segment with the smallest live share, if less than half is live of all.
    fn mostly_dead(&self, emptied: &[SegmentId]) -> Option<SegmentId> {
        let open = self.output.open_segment();
        let candidates = || {
            let held = self.state.segments.iter();
            held.filter(|(id, held)| Some(**id) != open && !emptied.contains(id) && held.live > 0)
        };
        let used: u64 = candidates().map(|(_, held)| held.reference.end).sum();
        let live: u64 = candidates().map(|(_, held)| held.live).sum();
        if used <= 2 * live + TOLERATED * self.config.segment_bytes {
            return None;
        }
        // Shares in thousandths: all that matters is which is the smallest.
        let share = |held: &Held| 1000 * held.live / held.reference.end.max(1);
        candidates().min_by_key(|(id, held)| (share(held), **id)).map(|(id, _)| *id)
    }

    fn unwritten_bytes(&self) -> u64 {
        let keys = self.state.unwritten();
        let contents = keys.iter().filter_map(|key| self.state.chunk(*key).content.as_ref());
        contents.map(|content| super::bytes_of(content).len() as u64).sum()
    }

    /// Reads the chunks that are live in a segment, to be written elsewhere.
    fn lift(&mut self, disk: &mut dyn Disk, id: SegmentId) -> Result<(), SegmentError> {
        let reference = self.state.segments[&id].reference;
        let path = self.directory.join(id.file_name());
        let reader = SegmentReader::open_as(disk, &path, &reference)?;
        let mut result = Ok(());
        for number in 0..reader.entries().len() {
            let (start, end) = (reader.entries()[number].offset, reader.entries()[number].end());
            let lies_in =
                |place: &Place| place.segment == id && place.offset >= start && place.offset < end;
            let chunks = self.state.tables.values_mut().flat_map(|table| table.chunks.values_mut());
            let chunks = chunks.filter(|chunk| chunk.content.is_none());
            let mut chunks =
                chunks.filter(|chunk| chunk.place.as_ref().is_some_and(lies_in)).peekable();
            let rosters = self.state.rosters.values_mut();
            let mut rosters = rosters.filter(|roster| lies_in(&roster.place)).peekable();
            if chunks.peek().is_none() && rosters.peek().is_none() {
                continue;
            }
            match reader.extent(disk, number) {
                Ok((extent, image)) => {
                    let bytes = |place: Place| {
                        let narrow = |number: u64| {
                            usize::try_from(number)
                                .expect("invariant: an extent fits the address space")
                        };
                        let at = narrow(place.offset - extent.offset);
                        &image[at..at + narrow(place.bytes)]
                    };
                    for chunk in chunks {
                        let place = chunk.place.expect("invariant: it lies there");
                        chunk.content = Some(Content::Copied(bytes(place).into()));
                        self.moved += place.bytes;
                    }
                    for roster in rosters {
                        roster.content = Some(bytes(roster.place).to_vec());
                        self.moved += roster.place.bytes;
                    }
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        reader.close(disk);
        result
    }
}
