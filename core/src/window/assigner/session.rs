//! Session windows: stretches of activity of a key.
//!
//! A record is given the window of the instants that would join its session, `[at, at + gap]`; windows of a key that overlap merge. So
//! records exactly a gap apart are in one session, and a session closes when the watermark is past its last record by more than the gap.

use std::time::Duration;

use super::{TimeWindow, WindowAssigner, check_span};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Windows of activity: a session lasts while no gap between two records of its key is longer than `gap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    gap: Duration,
}

impl Session {
    /// Sessions that end after a silence of more than `gap`; a gap of zero is refused when the job is built.
    pub const fn gap(gap: Duration) -> Self {
        Self { gap }
    }

    /// Sessions whose gap is read from each record: that record's session lasts at least so long after it.
    pub fn dynamic<T, F>(gap: F) -> DynamicSession<F>
    where
        T: Record,
        F: FnMut(&Rec<T>) -> Duration + 'static,
    {
        DynamicSession { gap }
    }

    /// The instants at which a record would join that of `at`.
    #[inline]
    pub(crate) fn reach(self, at: EventTime) -> TimeWindow {
        reach(at, self.gap)
    }

    /// The longest silence within a session.
    pub fn longest_silence(self) -> Duration {
        self.gap
    }
}

/// The instants at which a record would join that of `at`.
fn reach(at: EventTime, gap: Duration) -> TimeWindow {
    let end = at.saturating_add(gap).saturating_add(Duration::from_nanos(1));
    // At the end of time there is no instant after; the window is to have one inside nevertheless.
    let start = at.min(EventTime::MAX.saturating_sub(Duration::from_nanos(1)));
    TimeWindow { start, end }
}

impl<T: Record> WindowAssigner<T> for Session {
    const KIND: &'static str = "session window";
    const MERGES: bool = true;

    fn assign(&mut self, _: &Rec<T>, at: EventTime, windows: &mut Vec<TimeWindow>) {
        windows.push(reach(at, self.gap));
    }

    fn describe(&self) -> String {
        format!("gap {:?}", self.gap)
    }

    fn check(&self) -> Result<(), String> {
        check_span("a session's gap", self.gap)
    }
}

/// Made by [`Session::dynamic`].
pub struct DynamicSession<F> {
    gap: F,
}

crate::operator::opaque_debug!(DynamicSession<F>);

impl<T: Record, F: FnMut(&Rec<T>) -> Duration + 'static> WindowAssigner<T> for DynamicSession<F> {
    const KIND: &'static str = "session window";
    const MERGES: bool = true;

    fn assign(&mut self, record: &Rec<T>, at: EventTime, windows: &mut Vec<TimeWindow>) {
        windows.push(reach(at, (self.gap)(record)));
    }

    fn describe(&self) -> String {
        "gap of each record's own".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_a_gap_apart_overlap_and_further_ones_do_not() {
        let window = |nanos| reach(EventTime::from_nanos(nanos), Duration::from_nanos(10));
        assert!(window(0).overlaps(window(10)) && window(10).overlaps(window(0)));
        assert!(!window(0).overlaps(window(11)));
    }

    #[test]
    fn the_last_instant_of_time_has_a_session_too() {
        let window = reach(EventTime::MAX, Duration::from_secs(1));
        assert!(window.start < window.end && window.covers(EventTime::MAX));
    }
}
