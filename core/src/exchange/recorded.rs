//! What a handle of the host has sent into a job, kept for a replay: with the decisions it is the whole of what the job was given.
//!
//! # Invariants
//!
//! 1. Pages are kept as they were grouped: a replay fills pages with the same elements, so that a decision to read so many elements of a
//!    page means the same.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::raw::page::{Control, Element, PageBuf, PageView};
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::time::EventTime;

/// What one handle of an input has sent, as its worker read it.
#[derive(Clone)]
pub struct RecordedInput {
    pub(crate) name: String,
    pub(crate) handle: usize,
    log: Arc<dyn AnyLog>,
}

impl RecordedInput {
    pub(crate) fn new<T: Record>(name: String, handle: usize, log: PageLog<T>) -> Self {
        Self { name, handle, log: Arc::new(log) }
    }

    /// What came in another shape than pages.
    pub(crate) fn of_log(name: String, handle: usize, log: impl AnyLog) -> Self {
        Self { name, handle, log: Arc::new(log) }
    }

    /// The name of the input.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which of its handles, from 0.
    pub fn handle(&self) -> usize {
        self.handle
    }

    /// Records and control elements.
    pub fn elements(&self) -> usize {
        self.log.elements()
    }

    /// What was recorded, if it is of that type.
    pub(crate) fn log<T: Record>(&self) -> Option<Arc<PageLog<T>>> {
        self.log_as()
    }

    /// As [`Self::log`], in any shape.
    pub(crate) fn log_as<L: AnyLog>(&self) -> Option<Arc<L>> {
        Arc::clone(&self.log).into_any().downcast().ok()
    }
}

impl fmt::Debug for RecordedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedInput")
            .field("name", &self.name)
            .field("handle", &self.handle)
            .field("elements", &self.elements())
            .finish_non_exhaustive()
    }
}

/// Equal names and equal bytes.
impl PartialEq for RecordedInput {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.handle) == (&other.name, other.handle) && self.log.equals(&*other.log)
    }
}

impl Eq for RecordedInput {}

/// A [`PageLog`], or another log, whatever its type.
pub(crate) trait AnyLog: Any + Send + Sync {
    fn elements(&self) -> usize;
    fn equals(&self, other: &dyn AnyLog) -> bool;
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// Elements, one after the other, and where pages ended among them.
#[derive(Debug)]
pub(crate) struct PageLog<T: Record> {
    blocks: Vec<PageBuf<T>>,
    /// For each page that was read, its elements.
    pages: Vec<usize>,
    /// Elements of the page that is being read.
    open: usize,
}

/// Bytes of a block of the log.
const BLOCK_BYTES: usize = 16 << 10;

impl<T: Record> Default for PageLog<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), pages: Vec::new(), open: 0 }
    }
}

impl<T: Record> PageLog<T> {
    pub(crate) fn record(&mut self, record: &Rec<T>, at: EventTime) {
        let bytes = record.archive().len();
        self.push(bytes, |block| block.push_archived(record, at, KeyHash(0)));
    }

    pub(crate) fn control(&mut self, control: Control) {
        self.push(0, |block| block.push_control(control));
    }

    /// The page that is being read has been read.
    pub(crate) fn end_page(&mut self) {
        self.pages.push(std::mem::take(&mut self.open));
    }

    fn push(&mut self, bytes: usize, write: impl Fn(&mut PageBuf<T>) -> bool) {
        self.open += 1;
        if self.blocks.last_mut().is_some_and(&write) {
            return;
        }
        let large = PageBuf::<T>::for_archive(bytes);
        let is_large = large.page_bytes() > BLOCK_BYTES;
        let mut block = if is_large { large } else { PageBuf::new(BLOCK_BYTES) };
        assert!(write(&mut block), "invariant: a block made for an element holds it");
        self.blocks.push(block);
    }

    /// Elements of page `page`; `None` behind the last. What was read of the last page in part counts as a page.
    pub(crate) fn page(&self, page: usize) -> Option<usize> {
        let rest = (page == self.pages.len() && self.open > 0).then_some(self.open);
        self.pages.get(page).copied().or(rest)
    }

    /// The block and the place in it that follow `place`.
    pub(crate) fn element(&self, place: &mut (usize, usize)) -> Option<Element<'_, T>> {
        let view: PageView<'_, T> = self.blocks.get(place.0)?.view();
        let element = view.element(place.1);
        place.1 += 1;
        if place.1 == view.len() {
            *place = (place.0 + 1, 0);
        }
        Some(element)
    }
}

impl<T: Record> AnyLog for PageLog<T> {
    fn elements(&self) -> usize {
        self.pages.iter().sum::<usize>() + self.open
    }

    fn equals(&self, other: &dyn AnyLog) -> bool {
        let Some(other) = other.as_any().downcast_ref::<Self>() else { return false };
        let blocks = self.blocks.iter().map(|block| block.view().bytes());
        (&self.pages, self.open) == (&other.pages, other.open)
            && blocks.eq(other.blocks.iter().map(|block| block.view().bytes()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Str;

    fn log(values: &[&str]) -> PageLog<Str> {
        let mut log = PageLog::default();
        for value in values {
            let value = Str::from(*value);
            let mut page = PageBuf::for_value(&value);
            assert!(page.push(&value, EventTime::from_nanos(7), KeyHash(0)));
            log.record(page.view().record(0), EventTime::from_nanos(7));
            log.control(Control::Watermark(EventTime::from_nanos(7)));
        }
        log.end_page();
        log
    }

    #[test]
    fn elements_come_back_in_order_however_large_they_are() {
        let long = "x".repeat(40_000);
        let values = ["a", &long, "b", "longer than eight"].repeat(300);
        let log = log(&values);
        assert_eq!((log.page(0), log.page(1)), (Some(2_400), None));
        let mut place = (0, 0);
        for value in values {
            match log.element(&mut place) {
                Some(Element::Record(record, at, _)) => {
                    assert_eq!((record.to_value(), at.as_nanos()), (Str::from(value), 7));
                }
                other => panic!("{other:?}"),
            }
            assert!(matches!(log.element(&mut place), Some(Element::Control(_))));
        }
        assert!(log.element(&mut place).is_none());
    }

    #[test]
    fn recordings_are_equal_when_their_bytes_are() {
        let input = |log| RecordedInput::new("in".into(), 0, log);
        assert_eq!(input(log(&["a", "b"])), input(log(&["a", "b"])));
        assert_ne!(input(log(&["a", "b"])), input(log(&["a", "c"])));
        assert_ne!(input(log(&["a"])), RecordedInput::new("in".into(), 1, log(&["a"])));
        assert_ne!(input(log(&[])), RecordedInput::new("in".into(), 0, PageLog::<u64>::default()));
        assert_eq!(input(log(&["a", "b"])).elements(), 4);
    }
}
