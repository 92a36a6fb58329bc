//! A place to archive one value, to look at it as a record.

use super::page::PageBuf;
use super::view::Rec;
use crate::record::{ArchivesAs, KeyHash, Record};
use crate::time::EventTime;

/// A reusable page for one archive; allocates on first use and when a larger value comes.
#[derive(Debug)]
pub(crate) struct Scratch<T: Record> {
    page: Option<PageBuf<T>>,
}

impl<T: Record> Default for Scratch<T> {
    fn default() -> Self {
        Self { page: None }
    }
}

impl<T: Record> Scratch<T> {
    /// The archive of `value`, until the next call.
    ///
    /// Cost: one serialisation.
    #[inline]
    pub(crate) fn archive<V: ArchivesAs<T>>(&mut self, value: &V) -> &Rec<T> {
        let page = self.page.get_or_insert_with(|| PageBuf::for_archive(1024));
        page.clear();
        if !page.push(value, EventTime::MIN, KeyHash(0)) {
            *page = PageBuf::for_value(value);
            let pushed = page.push(value, EventTime::MIN, KeyHash(0));
            assert!(pushed, "invariant: a page made for a value holds it");
        }
        page.view().record(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_larger_than_the_page_gets_a_larger_page_and_smaller_ones_follow() {
        let mut scratch = Scratch::<Vec<u16>>::default();
        for length in [0, 3, 5_000, 1, 20_000, 0] {
            let value = vec![7u16; length];
            assert_eq!(scratch.archive(&value).to_value(), value);
        }
    }
}
