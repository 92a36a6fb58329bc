//! Byte-range splits: several readers share one plain file without asking each other.
//!
//! A split owns the lines that *start* in `[start, end)`; the first one also owns the header.
//! So the reader of a split that does not begin at 0 starts one byte early, drops everything up to
//! the first line break, and reads its last line past `end` as far as it goes. The early byte tells
//! whether a line starts exactly at `start`.
//!
//! # Not here
//!
//! Compressed files and CSV with line breaks inside quotes cannot be split: only a reader that
//! comes from the start knows where it is. They are read whole, by [`Extent::whole`].

use std::num::NonZeroU64;

use super::decode::Position;

/// A half open range of byte offsets in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ByteRange {
    /// The first offset.
    pub start: u64,
    /// The offset behind the last.
    pub end: u64,
}

impl ByteRange {
    /// A file from start to end, however long it is or becomes.
    pub const WHOLE: Self = Self { start: 0, end: u64::MAX };
}

/// Cuts a file of `file_bytes` into ranges of `split_bytes`; the last one may be shorter.
///
/// Together they cover the file, in order and without overlap; an empty file has none.
pub fn plan_splits(file_bytes: u64, split_bytes: NonZeroU64) -> Vec<ByteRange> {
    let size = split_bytes.get();
    (0..file_bytes.div_ceil(size))
        .map(|i| i * size)
        .map(|start| ByteRange { start, end: start.saturating_add(size).min(file_bytes) })
        .collect()
}

/// What one reader has to read: a split, and how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub(super) range: ByteRange,
    pub(super) at: Position,
}

impl Extent {
    /// The whole file, from its start.
    pub const fn whole() -> Self {
        Self { range: ByteRange::WHOLE, at: Position::START }
    }

    /// A split, from its start.
    pub fn of(range: ByteRange) -> Self {
        let at = match range.start.checked_sub(1) {
            None => Position::START,
            Some(early) => Position { byte: early, line: None },
        };
        Self { range, at }
    }

    /// A split, from a position that its decoder reported.
    pub fn resume(range: ByteRange, at: Position) -> Self {
        Self { range, at }
    }

    /// The file offset of the first byte that the decoder must be fed.
    ///
    /// For a compressed file it counts inflated bytes: inflate from the start and drop as many.
    pub fn read_from(&self) -> u64 {
        self.at.byte
    }

    /// Whether the reader starts at the file's first byte, where the header stands.
    pub fn starts_file(&self) -> bool {
        self.at.byte == 0 && self.range.start == 0
    }

    /// Only the early byte lies before `start`; every later position is the start of a line.
    pub(super) fn starts_inside_line(&self) -> bool {
        self.at.byte < self.range.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::line::{LineSplitter, MAX_LINE_BYTES};
    use proptest::prelude::*;

    fn lines_of(extent: Extent, content: &[u8], chunk: usize) -> Vec<(u64, Vec<u8>)> {
        let mut splitter = LineSplitter::new(&extent, MAX_LINE_BYTES, None);
        let mut lines = Vec::new();
        let from = usize::try_from(extent.read_from()).unwrap();
        for mut part in content[from..].chunks(chunk) {
            while let Some(line) = splitter.next_line(&mut part) {
                let line = line.unwrap();
                lines.push((line.position.byte, line.bytes.to_vec()));
            }
            if splitter.is_done() {
                return lines;
            }
            assert!(part.is_empty());
        }
        if let Some(line) = splitter.finish() {
            let line = line.unwrap();
            lines.push((line.position.byte, line.bytes.to_vec()));
        }
        lines
    }

    fn content() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'a'), Just(0xEF), any::<u8>()];
        (any::<bool>(), prop::collection::vec(byte, 0..80)).prop_map(|(mark, mut bytes)| {
            if mark {
                bytes.splice(0..0, [0xEF, 0xBB, 0xBF]);
            }
            bytes
        })
    }

    proptest! {
        #[test]
        fn splits_of_any_size_give_every_line_once_and_in_order(
            content in content(), split in 1_u64..40, chunk in 1_usize..20,
        ) {
            let whole = lines_of(Extent::whole(), &content, chunk);
            let planned = plan_splits(content.len() as u64, NonZeroU64::new(split).unwrap());
            let parts: Vec<_> = planned
                .into_iter()
                .flat_map(|range| lines_of(Extent::of(range), &content, chunk))
                .collect();
            prop_assert_eq!(parts, whole);
        }

        #[test]
        fn a_split_resumed_anywhere_gives_the_rest_of_its_lines(
            content in content(), split in 1_u64..40, taken in 0_usize..6, chunk in 1_usize..9,
        ) {
            for range in plan_splits(content.len() as u64, NonZeroU64::new(split).unwrap()) {
                let extent = Extent::of(range);
                let all = lines_of(extent, &content, chunk);
                let mut splitter = LineSplitter::new(&extent, MAX_LINE_BYTES, None);
                let mut rest = &content[usize::try_from(extent.read_from()).unwrap()..];
                let mut seen = 0;
                while seen < taken && splitter.next_line(&mut rest).is_some() {
                    seen += 1;
                }
                let resumed = Extent::resume(range, splitter.position());
                prop_assert_eq!(lines_of(resumed, &content, chunk), &all[seen..]);
            }
        }
    }

    #[test]
    fn an_empty_file_has_no_splits_and_a_short_one_has_one() {
        let size = NonZeroU64::new(10).unwrap();
        assert_eq!(plan_splits(0, size), []);
        assert_eq!(plan_splits(3, size), [ByteRange { start: 0, end: 3 }]);
        let ends: Vec<_> = plan_splits(21, size).iter().map(|range| range.end).collect();
        assert_eq!(ends, [10, 20, 21]);
    }
}
