//! An operator's output: the page it fills, and who gets it.
//!
//! An operator emits into a page of its own; the page goes to each outlet when it is full and at the end of every step,
//! so nothing stays here between steps. With one outlet this page is a copy in the L1 (about 2 ns a record); it buys
//! dyn calls per batch, one loop per chain, and several consumers of one stream without a word about it.

use std::cell::RefCell;
use std::rc::Rc;

use crate::error::OperatorFault;
use crate::operator::outlet::Outlet;
use crate::raw::page::{Control, PageBuf, PageView};
use crate::raw::view::Rec;
use crate::record::{ArchivesAs, KeyHash, Record};
use crate::time::EventTime;

/// The outlets of one output; shared with the topology while a job is built.
pub(crate) type Outlets<T> = Rc<RefCell<Vec<Box<dyn Outlet<T>>>>>;

/// Where an operator puts its results.
pub(crate) struct Output<T: Record> {
    page: PageBuf<T>,
    outlets: Outlets<T>,
    fault: Option<OperatorFault>,
    records: u64,
    bytes: u64,
}

super::opaque_debug!(Output<T: Record>);

impl<T: Record> Output<T> {
    /// An output without outlets; the topology adds them through the shared list.
    pub(crate) fn new(page_bytes: usize, outlets: Outlets<T>) -> Self {
        Self { page: PageBuf::new(page_bytes), outlets, fault: None, records: 0, bytes: 0 }
    }

    /// Records emitted since the start.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// From now on records are said to have entered the engine at `origin_ns`.
    pub(crate) fn stamp(&mut self, origin_ns: u64) {
        self.page.stamp(origin_ns);
    }

    /// Emits a value.
    #[inline(always)]
    pub(crate) fn value<V: ArchivesAs<T>>(&mut self, value: &V, at: EventTime) {
        self.records += 1;
        if !self.page.push(value, at, KeyHash(0)) {
            self.value_into_next(value, at);
        }
    }

    #[cold]
    fn value_into_next<V: ArchivesAs<T>>(&mut self, value: &V, at: EventTime) {
        self.dispatch();
        if !self.page.push(value, at, KeyHash(0)) {
            let mut page = PageBuf::for_value(value);
            page.stamp(self.page.origin_ns());
            assert!(
                page.push(value, at, KeyHash(0)),
                "invariant: a page made for a value holds it"
            );
            self.send(&page);
        }
    }

    /// Emits a value whose event time is read from its archive.
    #[inline(always)]
    pub(crate) fn timed<V: ArchivesAs<T>>(
        &mut self,
        value: &V,
        mut time: impl FnMut(&Rec<T>) -> EventTime,
    ) {
        self.records += 1;
        if !self.page.push_timed(value, &mut time) {
            self.timed_into_next(value, &mut time);
        }
    }

    #[cold]
    fn timed_into_next<V: ArchivesAs<T>>(
        &mut self,
        value: &V,
        time: &mut dyn FnMut(&Rec<T>) -> EventTime,
    ) {
        self.dispatch();
        if !self.page.push_timed(value, &mut *time) {
            let mut page = PageBuf::for_value(value);
            page.stamp(self.page.origin_ns());
            assert!(page.push_timed(value, time), "invariant: a page made for a value holds it");
            self.send(&page);
        }
    }

    /// Emits a record by copying it.
    #[inline(always)]
    pub(crate) fn record(&mut self, record: &Rec<T>, at: EventTime) {
        self.records += 1;
        if !self.page.push_archived(record, at, KeyHash(0)) {
            self.record_into_next(record, at);
        }
    }

    #[cold]
    fn record_into_next(&mut self, record: &Rec<T>, at: EventTime) {
        self.dispatch();
        if !self.page.push_archived(record, at, KeyHash(0)) {
            let mut page = PageBuf::for_archive(record.archive().len());
            page.stamp(self.page.origin_ns());
            let pushed = page.push_archived(record, at, KeyHash(0));
            assert!(pushed, "invariant: a page made for a record holds it");
            self.send(&page);
        }
    }

    /// Emits a page of records as it is: what was emitted before it is handed over first.
    pub(crate) fn page(&mut self, page: PageView<'_, T>) {
        debug_assert!(page.is_plain(), "invariant: records alone");
        self.dispatch();
        self.records += page.len() as u64;
        self.bytes += page.used_bytes() as u64;
        hand_over(&self.outlets, page.stamped(self.page.origin_ns()), &mut self.fault);
    }

    /// Emits a control element, in order.
    pub(crate) fn control(&mut self, control: Control) {
        if !self.page.push_control(control) {
            self.dispatch();
            let pushed = self.page.push_control(control);
            assert!(pushed, "invariant: an empty page has room for a control element");
        }
    }

    /// Hands the page to every outlet and empties it.
    pub(crate) fn dispatch(&mut self) {
        if self.page.is_empty() {
            return;
        }
        let origin_ns = self.page.origin_ns();
        self.bytes += self.page.view().used_bytes() as u64;
        hand_over(&self.outlets, self.page.view(), &mut self.fault);
        self.page.clear();
        self.page.stamp(origin_ns);
    }

    /// Hands over a page that was made for one large record.
    fn send(&mut self, page: &PageBuf<T>) {
        self.bytes += page.view().used_bytes() as u64;
        hand_over(&self.outlets, page.view(), &mut self.fault);
    }
}

/// Shows a page to every outlet; the first error is kept.
fn hand_over<T: Record>(
    outlets: &Outlets<T>,
    page: PageView<'_, T>,
    first: &mut Option<OperatorFault>,
) {
    for outlet in outlets.borrow_mut().iter_mut() {
        if let Err(fault) = outlet.page(page) {
            first.get_or_insert(fault);
        }
    }
}

/// What a task does with its outputs, whatever their types.
pub(crate) trait AnyOutput {
    /// Hands over what the step emitted; the first error of a fused closure ends the job.
    fn end_step(&mut self) -> Result<(), OperatorFault>;
    /// Publishes open pages; true if one was.
    fn flush(&mut self) -> bool;
    /// Moves what waits into the rings; true if nothing waits.
    fn drain(&mut self) -> bool;
    /// True if something waits for room in a ring.
    fn is_blocked(&self) -> bool;
    /// True if a receiver has nothing to read while a page of its is open.
    fn is_hungry(&mut self) -> bool;
    /// True if a page with elements is open.
    fn has_open(&self) -> bool;
    /// True if the receivers have read all that was sent.
    fn is_drained(&mut self) -> bool {
        true
    }
    /// True if it is not a receiver that it waits for but the world, which rings no doorbell.
    fn waits_outside(&self) -> bool {
        false
    }
    /// Emits a control element.
    fn emit_control(&mut self, control: Control);
    /// Records emitted since the start.
    fn emitted(&self) -> u64;
    /// Bytes of the pages handed over since the start: archives and what says where they lie.
    fn emitted_bytes(&self) -> u64;
    /// From now on records are said to have entered the engine at `origin_ns`, or earlier.
    fn stamp_origin(&mut self, origin_ns: u64);
}

impl<T: Record> AnyOutput for Output<T> {
    fn end_step(&mut self) -> Result<(), OperatorFault> {
        self.dispatch();
        self.page.clear();
        self.fault.take().map_or(Ok(()), Err)
    }

    fn flush(&mut self) -> bool {
        self.outlets.borrow_mut().iter_mut().fold(false, |any, outlet| outlet.flush() | any)
    }

    fn drain(&mut self) -> bool {
        self.outlets.borrow_mut().iter_mut().fold(true, |all, outlet| outlet.drain() & all)
    }

    fn is_blocked(&self) -> bool {
        self.outlets.borrow().iter().any(|outlet| outlet.is_blocked())
    }

    fn is_hungry(&mut self) -> bool {
        self.outlets.borrow_mut().iter_mut().any(|outlet| outlet.is_hungry())
    }

    fn has_open(&self) -> bool {
        self.outlets.borrow().iter().any(|outlet| outlet.has_open())
    }

    fn is_drained(&mut self) -> bool {
        self.outlets.borrow_mut().iter_mut().fold(true, |all, outlet| outlet.is_drained() & all)
    }

    fn emit_control(&mut self, control: Control) {
        self.control(control);
    }

    fn emitted(&self) -> u64 {
        self.records
    }

    fn emitted_bytes(&self) -> u64 {
        self.bytes
    }

    fn stamp_origin(&mut self, origin_ns: u64) {
        self.stamp(origin_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::rig::{Seen, at, lane, output, receive};
    use crate::record::Str;

    #[test]
    fn every_outlet_gets_everything_in_order_also_what_fits_no_page() {
        let ((a, mut rx_a), (b, mut rx_b)) = (lane::<Str>(50), lane::<Str>(50));
        let mut out = output(vec![a, b]);
        let mut expected = Vec::new();
        for n in 0..60 {
            let long = if n % 9 == 4 { 500 } else { n };
            let value = Str::from("x".repeat(long));
            let time = at(i64::try_from(n).unwrap());
            match n % 3 {
                0 => out.value(&value, time),
                1 => out.timed(&value, |_| time),
                _ => {
                    let mut page = PageBuf::for_value(&value);
                    assert!(page.push(&value, time, KeyHash(0)));
                    out.record(page.view().record(0), time);
                }
            }
            expected.push(Seen::Record(value, time));
            if n % 7 == 0 {
                out.control(Control::Watermark(time));
                expected.push(Seen::Control(Control::Watermark(time)));
            }
        }
        assert_eq!(out.records(), 60);
        out.end_step().unwrap();
        assert!(out.has_open() && out.flush() && !out.has_open());
        assert!(out.drain() && !out.is_blocked());
        assert_eq!(receive(&mut rx_a), expected);
        assert_eq!(receive(&mut rx_b), expected);
    }

    #[test]
    fn a_record_that_fits_no_page_keeps_the_instant_at_which_it_came() {
        let (a, mut rx) = lane::<Str>(5);
        let mut out = output(vec![a]);
        out.stamp(77);
        out.value(&Str::from("x".repeat(500)), at(1));
        out.end_step().unwrap();
        out.flush();
        assert_eq!(rx.pages.front().unwrap().origin_ns(), 77);
        assert_eq!(rx.large.try_recv().unwrap().origin_ns(), 77);
    }
}
