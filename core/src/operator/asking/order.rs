//! In which order results and controls leave.
//!
//! What is in flight lies in segments, one behind the other. A segment is left when all its records are done, and then the control at its end leaves; records of the first
//! segment leave as they are done. So with a segment for each record results keep the order of their records, and with one between two controls they keep none but that.

use std::collections::VecDeque;

use crate::raw::page::Control;

/// What may leave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Leaving {
    /// The result in a slot.
    Slot(u32),
    Control(Control),
}

#[derive(Debug, Default)]
struct Segment {
    /// Records that are not done.
    waiting: u32,
    done: VecDeque<u32>,
    /// Nothing enters it any more.
    is_closed: bool,
    end: Option<Control>,
}

/// Segments, the first of which is the next to be left.
#[derive(Debug)]
pub(crate) struct Order {
    keeps: bool,
    /// The number of the first segment.
    first: u64,
    segments: VecDeque<Segment>,
    spare: Vec<VecDeque<u32>>,
}

impl Order {
    /// `keeps`: results leave in the order of their records.
    pub(crate) fn new(keeps: bool) -> Self {
        Self { keeps, first: 0, segments: VecDeque::new(), spare: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// A record comes; returns the number of its segment.
    pub(crate) fn enter(&mut self) -> u64 {
        if self.segments.back().is_none_or(|last| last.is_closed) {
            self.push(self.keeps);
        }
        let last = self.segments.back_mut().expect("invariant: there is one now");
        last.waiting += 1;
        self.first + self.segments.len() as u64 - 1
    }

    /// A control comes; returned if nothing is before it.
    pub(crate) fn control(&mut self, control: Control) -> Option<Control> {
        let Some(last) = self.segments.back_mut() else { return Some(control) };
        let is_bare = last.waiting == 0 && last.done.is_empty();
        match (last.end, control) {
            (None, _) => (last.is_closed, last.end) = (true, Some(control)),
            // A later watermark says what the earlier one did.
            (Some(Control::Watermark(_)), Control::Watermark(_)) if is_bare => {
                last.end = Some(control);
            }
            _ => {
                self.push(true);
                self.segments.back_mut().expect("invariant: just pushed").end = Some(control);
            }
        }
        None
    }

    /// A record of a segment is done.
    pub(crate) fn done(&mut self, segment: u64, slot: u32) {
        let index = usize::try_from(segment - self.first).expect("invariant: it is there");
        self.segments[index].waiting -= 1;
        self.segments[index].done.push_back(slot);
    }

    /// The next that may leave.
    pub(crate) fn next(&mut self) -> Option<Leaving> {
        loop {
            let first = self.segments.front_mut()?;
            if let Some(slot) = first.done.pop_front() {
                return Some(Leaving::Slot(slot));
            }
            if first.waiting > 0 {
                return None;
            }
            let Segment { done, end, .. } = self.segments.pop_front()?;
            self.spare.push(done);
            self.first += 1;
            if let Some(control) = end {
                return Some(Leaving::Control(control));
            }
        }
    }

    fn push(&mut self, is_closed: bool) {
        let done = self.spare.pop().unwrap_or_default();
        self.segments.push_back(Segment { waiting: 0, done, is_closed, end: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::EventTime;

    fn watermark(nanos: i64) -> Control {
        Control::Watermark(EventTime::from_nanos(nanos))
    }

    fn leaving(order: &mut Order) -> Vec<Leaving> {
        std::iter::from_fn(|| order.next()).collect()
    }

    /// Two records, a watermark, two records, a watermark; slots are numbered as they came.
    fn four(keeps: bool) -> (Order, Vec<u64>) {
        let mut order = Order::new(keeps);
        let mut segments = vec![order.enter(), order.enter()];
        assert_eq!(order.control(watermark(1)), None);
        segments.extend([order.enter(), order.enter()]);
        assert_eq!(order.control(watermark(2)), None);
        (order, segments)
    }

    #[test]
    fn results_that_keep_their_order_wait_for_those_before_them() {
        let (mut order, segments) = four(true);
        order.done(segments[1], 1);
        order.done(segments[3], 3);
        assert_eq!(leaving(&mut order), []);
        order.done(segments[0], 0);
        let expected = [Leaving::Slot(0), Leaving::Slot(1), Leaving::Control(watermark(1))];
        assert_eq!(leaving(&mut order), expected);
        order.done(segments[2], 2);
        let expected = [Leaving::Slot(2), Leaving::Slot(3), Leaving::Control(watermark(2))];
        assert_eq!(leaving(&mut order), expected);
        assert!(order.is_empty());
        assert_eq!(order.control(watermark(3)), Some(watermark(3)));
    }

    #[test]
    fn results_that_keep_no_order_leave_as_they_come_but_not_across_a_watermark() {
        let (mut order, segments) = four(false);
        order.done(segments[3], 3);
        assert_eq!(leaving(&mut order), []);
        order.done(segments[1], 1);
        assert_eq!(leaving(&mut order), [Leaving::Slot(1)]);
        order.done(segments[0], 0);
        let expected = [Leaving::Slot(0), Leaving::Control(watermark(1)), Leaving::Slot(3)];
        assert_eq!(leaving(&mut order), expected);
        order.done(segments[2], 2);
        assert_eq!(leaving(&mut order), [Leaving::Slot(2), Leaving::Control(watermark(2))]);
        assert!(order.is_empty());
    }

    #[test]
    fn of_watermarks_with_nothing_in_between_the_last_is_left_and_idleness_keeps_its_place() {
        let mut order = Order::new(false);
        let segment = order.enter();
        for control in [watermark(1), watermark(2), watermark(3), Control::Idle, watermark(4)] {
            assert_eq!(order.control(control), None);
        }
        order.done(segment, 0);
        let expected = [watermark(1), watermark(3), Control::Idle, watermark(4)];
        let expected = [Leaving::Slot(0)].into_iter().chain(expected.map(Leaving::Control));
        assert_eq!(leaving(&mut order), expected.collect::<Vec<_>>());
    }
}
