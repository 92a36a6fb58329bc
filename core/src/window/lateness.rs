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
}
