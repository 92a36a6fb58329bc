//! Records that a source has beforehand, as archives: emitted without being serialised again.
//!
//! They lie in pages of as many records as there are between two watermarks, so that a page that begins at a watermark goes to the operators behind the source as it is:
//! not a byte of it is copied before the first of them has looked at it.

use crate::raw::page::PageBuf;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::time::{EventTime, WATERMARK_STRIDE};

/// Records of a page.
#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
pub(super) const PAGE_RECORDS: usize = WATERMARK_STRIDE as usize;

/// The room of a page that nothing is known of yet.
const FIRST_BYTES: usize = 16 << 10;

/// A list of archived records, for [`Emitter::emit_archives`](super::Emitter::emit_archives).
///
/// ```
/// use thalweg::source::Archives;
///
/// let numbers: Archives<u64> = (0..1_000).collect();
/// assert_eq!((numbers.len(), numbers.get(7).map(|n| n.to_value())), (1_000, Some(7)));
/// ```
///
/// Cost: the bytes of the archives and 24 more a record.
#[derive(Debug)]
pub struct Archives<T: Record> {
    /// Each but the last with [`PAGE_RECORDS`] records, and as large as they are.
    full: Vec<PageBuf<T>>,
    last: PageBuf<T>,
}

impl<T: Record> Default for Archives<T> {
    fn default() -> Self {
        Self { full: Vec::new(), last: PageBuf::new(FIRST_BYTES) }
    }
}

impl<T: Record> Archives<T> {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the archive of a value.
    pub fn push(&mut self, value: &T) {
        let time = |record: &Rec<T>| T::event_time(record).unwrap_or(EventTime::MIN);
        while !self.last.push_timed(value, time) {
            self.last = copy(&self.last, 2 * self.last.page_bytes());
        }
        if self.last.slots() as usize == PAGE_RECORDS {
            let bytes = self.last.view().whole_bytes().next_multiple_of(64);
            let full = copy(&self.last, bytes);
            self.full.push(full);
            self.last.clear();
        }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.full.len() * PAGE_RECORDS + self.last.slots() as usize
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Rec<T>> {
        (index < self.len()).then(|| {
            let (page, place) = self.page_of(index);
            page.view().record(place)
        })
    }

    /// The page of record `index`, and its place there. There may be no such record.
    pub(super) fn page_of(&self, index: usize) -> (&PageBuf<T>, usize) {
        let page = self.full.get(index / PAGE_RECORDS).unwrap_or(&self.last);
        (page, index % PAGE_RECORDS)
    }
}

/// The same records in a page of `bytes`, which has room for them.
fn copy<T: Record>(from: &PageBuf<T>, bytes: usize) -> PageBuf<T> {
    let mut page = PageBuf::new(bytes);
    let view = from.view();
    for (record, at) in view.records(0, view.len()) {
        let is_there = page.push_archived(record, at, KeyHash(0));
        assert!(is_there, "invariant: there is room for them");
    }
    page
}

impl<T: Record> Extend<T> for Archives<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push(&value));
    }
}

impl<T: Record> FromIterator<T> for Archives<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut archives = Self::new();
        archives.extend(values);
        archives
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::rig::{Seen, at, lane, output, receive};
    use crate::record::Str;
    use crate::source::{Emitter, SourceOutputs};

    #[thalweg::record]
    struct Word {
        #[event_time]
        at: EventTime,
        text: Str,
    }

    fn word(n: usize) -> Word {
        // Some are larger than a page that nothing is known of.
        let length = if n % 97 == 50 { 20_000 } else { n % 40 };
        Word { at: at(i64::try_from(n * 7 % 100).unwrap()), text: "x".repeat(length).into() }
    }

    #[test]
    fn records_come_back_in_their_order() {
        for count in [0, 1, 63, 64, 65, 300] {
            let words: Archives<Word> = (0..count).map(word).collect();
            assert_eq!((words.len(), words.is_empty()), (count, count == 0));
            for n in 0..count {
                assert_eq!(words.get(n).unwrap().to_value(), word(n));
            }
            assert!(words.get(count).is_none());
        }
    }

    #[test]
    fn what_is_emitted_are_the_same_records_however_many_are_wanted_at_a_time() {
        let words: Archives<Word> = (0..300).map(word).collect();
        let expected: Vec<_> = (0..300).map(|n| Seen::Record(word(n), word(n).at)).collect();
        for wanted in [1, 7, 64, 65, 1_000] {
            let (lane, mut rx) = lane::<Word>(1_000);
            let mut outputs = SourceOutputs::new(output(vec![lane]), None);
            let mut next = 0;
            while next < words.len() {
                let mut emitter = Emitter::alone(&mut outputs, wanted);
                let emitted = emitter.emit_archives(&words, next);
                assert_eq!(emitted, wanted.min(words.len() - next));
                assert_eq!(emitter.wanted(), wanted - emitted);
                next += emitted;
                assert_eq!(emitter.emit_archives(&words, words.len()), 0);
                outputs.end_step().unwrap();
            }
            outputs.each(&mut |out| {
                out.flush();
            });
            assert_eq!(receive(&mut rx), expected, "{wanted} at a time");
        }
    }
}
