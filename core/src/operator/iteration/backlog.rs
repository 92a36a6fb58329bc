//! What was fed back on a worker and has not been sent round again; its feedback puts it there, its head takes it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::raw::page::{PageBuf, PageView, Wave};
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::time::EventTime;

/// A page, and the least event time of its records.
#[derive(Debug)]
struct Page<T: Record> {
    page: PageBuf<T>,
    least: EventTime,
}

/// Shared by the head and the feedback of a loop on one worker.
#[derive(Debug)]
pub(crate) struct Backlog<T: Record> {
    page_bytes: usize,
    pages: VecDeque<Page<T>>,
    spare: Vec<PageBuf<T>>,
    records: usize,
    /// A barrier is on its way round, and nothing is taken before it is back.
    awaits: Option<u64>,
    /// Waves that have come round.
    pub(super) waves: VecDeque<Wave>,
    /// The latest round for which a wave was called.
    pub(super) called: u64,
    /// The head has passed its end on: nothing goes round any more.
    pub(super) is_over: bool,
}

/// Pages that are kept for what comes next.
const SPARE: usize = 64;

impl<T: Record> Backlog<T> {
    pub(crate) fn shared(page_bytes: usize) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self {
            page_bytes,
            pages: VecDeque::new(),
            spare: Vec::new(),
            records: 0,
            awaits: None,
            waves: VecDeque::new(),
            called: 0,
            is_over: false,
        }))
    }

    /// Puts a record at the end, by copying it.
    #[inline]
    pub(super) fn push(&mut self, record: &Rec<T>, at: EventTime) {
        self.records += 1;
        if let Some(last) = self.pages.back_mut()
            && last.page.push_archived(record, at, KeyHash(0))
        {
            last.least = last.least.min(at);
            return;
        }
        self.push_page(record, at);
    }

    #[cold]
    fn push_page(&mut self, record: &Rec<T>, at: EventTime) {
        let mut page = self.spare.pop().unwrap_or_else(|| PageBuf::new(self.page_bytes));
        if !page.push_archived(record, at, KeyHash(0)) {
            self.spare.push(page);
            page = PageBuf::for_archive(record.archive().len());
            let is_pushed = page.push_archived(record, at, KeyHash(0));
            assert!(is_pushed, "invariant: a page made for a record holds it");
        }
        self.pages.push_back(Page { page, least: at });
    }

    /// Records that wait.
    pub(super) fn len(&self) -> usize {
        self.records
    }

    /// True if a record is there to be taken.
    pub(super) fn has_next(&self) -> bool {
        self.records > 0 && self.awaits.is_none()
    }

    /// The least event time of what waits.
    ///
    /// Cost: O(pages).
    pub(super) fn least(&self) -> Option<EventTime> {
        self.pages.iter().map(|page| page.least).min()
    }

    /// Takes the first page out, and shows it with the least event time of its records; false if there is none to be taken.
    pub(super) fn take(&mut self, show: impl FnOnce(PageView<'_, T>, EventTime)) -> bool {
        if !self.has_next() {
            return false;
        }
        let Page { mut page, least } =
            self.pages.pop_front().expect("invariant: records are in pages");
        show(page.view(), least);
        self.records -= page.view().len();
        if page.page_bytes() == self.page_bytes && self.spare.len() < SPARE {
            page.clear();
            self.spare.push(page);
        }
        true
    }

    /// The barrier of `epoch` is on its way round.
    pub(super) fn await_barrier(&mut self, epoch: u64) {
        self.awaits = Some(epoch);
    }

    /// True if a barrier is on its way round.
    pub(super) fn awaits_barrier(&self) -> bool {
        self.awaits.is_some()
    }

    /// The barrier of `epoch` is back; earlier ones that have not come were given up.
    pub(super) fn barrier_is_back(&mut self, epoch: u64) {
        self.awaits.take_if(|awaited| *awaited <= epoch);
    }

    /// Shows all that waits, in order.
    pub(super) fn for_each(&self, mut each: impl FnMut(&Rec<T>, EventTime)) {
        for Page { page, .. } in &self.pages {
            let view = page.view();
            view.records(0, view.len()).for_each(|(record, at)| each(record, at));
        }
    }
}
