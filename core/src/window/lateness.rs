//! Late records: how long a window takes them after it has fired, and what its later firings hold.

use std::time::Duration;

use super::TimeWindow;
use crate::time::EventTime;

/// What becomes of a window after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lateness {
    /// After the window's end, in event time.
    pub(crate) allowed: Duration,
    /// Whether each firing holds all records so far, or those since the last.
    pub(crate) accumulating: bool,
}

impl Lateness {
    /// For plans, behind the windows.
    pub(crate) fn describe(self) -> String {
        let late = if self.allowed.is_zero() {
            String::new()
        } else {
            format!(", {:?} late", self.allowed)
        };
        late + if self.accumulating { "" } else { ", discarding" }
    }

    /// Windows that end at or before this instant take no records at watermark `at`.
    pub(crate) fn before(self, at: EventTime) -> EventTime {
        if at == EventTime::MAX { at } else { at.saturating_sub(self.allowed) }
    }

    /// When a window closes for good.
    pub(crate) fn close_of(self, window: TimeWindow) -> EventTime {
        window.end.saturating_add(self.allowed)
    }

    /// Whether a window has closed for good at watermark `at`.
    pub(crate) fn is_closed(self, window: TimeWindow, at: EventTime) -> bool {
        self.close_of(window) <= at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::rt::Sim;

    #[test]
    fn the_end_of_input_closes_whatever_is_allowed() {
        let lateness = Lateness { allowed: Duration::from_secs(3_600), accumulating: true };
        assert_eq!(lateness.before(EventTime::MAX), EventTime::MAX);
        assert!(lateness.is_closed(TimeWindow::ALL, EventTime::MAX));
        assert!(
            !lateness
                .is_closed(TimeWindow::ALL, EventTime::MAX.saturating_sub(Duration::from_nanos(1)))
        );
    }

    /// What becomes of the record that is late.
    #[derive(Debug, Clone, Copy)]
    enum Policy {
        Stream,
        Drop,
        Allow,
        AllowDiscarding,
    }

    /// What the window of the first ten seconds gives, what is late, and how many the report says were.
    fn counted(policy: Policy) -> (Vec<u64>, Vec<u64>, u64) {
        let (first, late) = (Collected::new(), Collected::new());
        let sinks = (first.clone(), late.clone());
        // Ten seconds, a hundred records far behind them, and one of the ten seconds.
        let seconds: Vec<i64> = (0..10).chain([1_000; 100]).chain([5]).collect();
        let job = move |t: &mut Topology| {
            let windowed = t
                .source("seconds", Items::of(seconds.clone()))
                .without_event_time()
                .assign_time("time", |s| EventTime::from_secs(s.to_native()), Monotonic)
                .key_by_value(|_| 0_u64)
                .window("counts", Tumbling::of(10.secs()));
            let windowed = match policy {
                Policy::Stream | Policy::Drop => windowed,
                Policy::Allow => windowed.allowed_lateness(1.hours()),
                Policy::AllowDiscarding => windowed.allowed_lateness(1.hours()).discarding(),
            };
            let Windowed { on_time, late } = windowed.aggregate_with(|of| of.count());
            let first = on_time.filter(|w| w.start() == EventTime::EPOCH);
            first.map(|w| w.value()).sink("first", sinks.0.sink());
            match policy {
                Policy::Drop => late.drop_counted(),
                _ => {
                    late.map(|s| u64::try_from(s.to_native()).unwrap()).sink("late", sinks.1.sink())
                }
            }
            Ok(())
        };
        let report = Sim::new(5, 1).run(job).unwrap().report;
        (first.take(), late.take(), report.late())
    }

    #[test]
    fn a_late_record_is_sent_on_dropped_or_taken_as_the_job_says_and_counted_where_it_is_late() {
        assert_eq!(counted(Policy::Stream), (vec![10], vec![5], 1));
        assert_eq!(counted(Policy::Drop), (vec![10], vec![], 1));
        assert_eq!(counted(Policy::Allow), (vec![10, 11], vec![], 0));
        assert_eq!(counted(Policy::AllowDiscarding), (vec![10, 1], vec![], 0));
    }
}
