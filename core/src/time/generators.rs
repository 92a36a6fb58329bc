//! The strategies that most sources need: bounded disorder, monotonic, only at the end, punctuated.

use std::time::Duration;

use super::EventTime;
use super::options::{WatermarkOptions, option_methods};
use super::strategy::{WatermarkGenerator, WatermarkStrategy};
use crate::raw::view::Rec;
use crate::record::Record;

/// Records are at most this much older than the newest record before them.
#[derive(Debug, Clone, Copy)]
pub struct BoundedOutOfOrderness {
    bound: Duration,
}

impl BoundedOutOfOrderness {
    /// Disorder of up to `bound`; what is older is late.
    pub fn of(bound: Duration) -> Self {
        Self { bound }
    }
}

option_methods!(BoundedOutOfOrderness);

impl<T: Record> WatermarkGenerator<T> for BoundedOutOfOrderness {
    fn watermark(&mut self, greatest: EventTime) -> EventTime {
        greatest.saturating_sub(self.bound)
    }
}

impl<T: Record> WatermarkStrategy<T> for BoundedOutOfOrderness {
    fn generator(&self) -> Box<dyn WatermarkGenerator<T>> {
        Box::new(*self)
    }
}

/// Event times never go back within a split.
#[derive(Debug, Clone, Copy, Default)]
pub struct Monotonic;

option_methods!(Monotonic);

impl<T: Record> WatermarkGenerator<T> for Monotonic {
    fn watermark(&mut self, greatest: EventTime) -> EventTime {
        greatest
    }
}

impl<T: Record> WatermarkStrategy<T> for Monotonic {
    fn generator(&self) -> Box<dyn WatermarkGenerator<T>> {
        Box::new(*self)
    }
}

/// No watermark before the end of the input; windows close there.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnlyAtEnd;

impl<T: Record> WatermarkGenerator<T> for OnlyAtEnd {
    fn watermark(&mut self, _: EventTime) -> EventTime {
        EventTime::MIN
    }
}

impl<T: Record> WatermarkStrategy<T> for OnlyAtEnd {
    fn generator(&self) -> Box<dyn WatermarkGenerator<T>> {
        Box::new(*self)
    }

    /// Nobody waits for its watermark before the end, so nobody asks for how long it was silent.
    fn options(&self) -> WatermarkOptions {
        WatermarkOptions { idle_after: None, ..WatermarkOptions::default() }
    }
}

/// Some records carry watermarks: `read` returns the one of a record that does.
#[derive(Clone)]
pub struct Punctuated<F> {
    read: F,
}

impl<F> Punctuated<F> {
    /// Watermarks are what `read` returns.
    pub fn by(read: F) -> Self {
        Self { read }
    }
}

option_methods!(Punctuated<F>);

impl<F> std::fmt::Debug for Punctuated<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Punctuated")
    }
}

struct PunctuatedGenerator<F> {
    read: F,
    watermark: EventTime,
}

impl<T, F> WatermarkGenerator<T> for PunctuatedGenerator<F>
where
    T: Record,
    F: Fn(&Rec<T>) -> Option<EventTime>,
{
    fn reads_records(&self) -> bool {
        true
    }

    fn on_record(&mut self, record: &Rec<T>, _: EventTime) {
        if let Some(at) = (self.read)(record) {
            self.watermark = self.watermark.max(at);
        }
    }

    fn watermark(&mut self, _: EventTime) -> EventTime {
        self.watermark
    }
}

impl<T, F> WatermarkStrategy<T> for Punctuated<F>
where
    T: Record,
    F: Fn(&Rec<T>) -> Option<EventTime> + Clone + 'static,
{
    fn generator(&self) -> Box<dyn WatermarkGenerator<T>> {
        Box::new(PunctuatedGenerator { read: self.read.clone(), watermark: EventTime::MIN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::scratch::Scratch;

    fn at(nanos: i64) -> EventTime {
        EventTime::from_nanos(nanos)
    }

    #[test]
    fn bounded_disorder_stays_behind_and_does_not_wrap() {
        let strategy = BoundedOutOfOrderness::of(Duration::from_nanos(10));
        let mut generator = WatermarkStrategy::<u64>::generator(&strategy);
        assert_eq!(generator.watermark(at(100)), at(90));
        assert_eq!(generator.watermark(EventTime::MIN), EventTime::MIN);
        assert!(!generator.reads_records());
    }

    #[test]
    fn punctuated_watermarks_are_those_of_the_records_and_never_go_back() {
        let strategy = Punctuated::by(|record: &Rec<i64>| {
            let nanos = record.to_native();
            (nanos % 2 == 0).then(|| EventTime::from_nanos(nanos))
        });
        let (mut one, mut other) = (strategy.generator(), strategy.generator());
        let mut scratch = Scratch::<i64>::default();
        assert!(one.reads_records());
        for (nanos, expected) in [(4, 4), (5, 4), (2, 4), (6, 6)] {
            one.on_record(scratch.archive(&nanos), at(99));
            assert_eq!(one.watermark(at(99)), at(expected));
        }
        assert_eq!(other.watermark(at(99)), EventTime::MIN, "each split has its own");
    }
}
