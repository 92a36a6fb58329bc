//! How watermarks are made, per split: bounded disorder, monotonic, punctuated, custom; and idleness.
//!
//! A watermark `w` says: no record with an event time before `w` is expected any more. It is made after every
//! [`WATERMARK_STRIDE`] records of a split and whenever the split runs dry, and travels in order with the records. So up to the
//! first exchange of a bounded input that is one split, which records are late is a property of the input: batch sizes, worker
//! counts and timing do not show. With several splits they progress at their own pace, and which of two splits is ahead is a matter of timing; then a
//! record can be late only if it is late in its own split.

use std::time::Duration;

use super::EventTime;
use crate::raw::view::Rec;
use crate::record::Record;

/// Records of a split between two watermarks. A watermark costs each receiver about as much as a record, so one
/// in 64 is below 2 %; a split that runs dry makes one at once, so it adds no delay.
pub const WATERMARK_STRIDE: u64 = 64;

/// A split with no record for this long stops holding event time back, unless the strategy says otherwise.
pub const DEFAULT_IDLE_AFTER: Duration = Duration::from_secs(10);

/// What happens to event time when every split of a source is idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AllIdle {
    /// Event time goes on with the clock from where it stood, so open windows close.
    #[default]
    AdvanceWithClock,
    /// Event time stands still until a record comes.
    Hold,
}

/// Makes the watermarks of one split.
pub trait WatermarkGenerator<T: Record> {
    /// True if [`Self::on_record`] wants to see each record (one dyn call a record).
    fn reads_records(&self) -> bool {
        false
    }

    /// Sees one record, if [`Self::reads_records`] says so.
    fn on_record(&mut self, _record: &Rec<T>, _at: EventTime) {}

    /// The watermark now; `greatest` is the latest event time of the split so far. The engine never lets
    /// a watermark go back, so neither need a generator care.
    fn watermark(&mut self, greatest: EventTime) -> EventTime;
}

/// How a source's watermarks are made; one generator per split.
pub trait WatermarkStrategy<T: Record>: 'static {
    /// A generator for a new split.
    fn generator(&self) -> Box<dyn WatermarkGenerator<T>>;

    /// The silence after which a split is idle; `None` = never.
    fn idle_timeout(&self) -> Option<Duration> {
        Some(DEFAULT_IDLE_AFTER)
    }

    /// What happens when all splits are idle.
    fn all_idle(&self) -> AllIdle {
        AllIdle::default()
    }

    /// The same strategy with another idle timeout.
    fn idle_after(self, silence: Duration) -> WithIdleness<Self>
    where
        Self: Sized,
    {
        let all_idle = self.all_idle();
        WithIdleness { strategy: self, idle_after: Some(silence), all_idle }
    }

    /// The same strategy; a silent split holds event time back for ever.
    fn never_idle(self) -> WithIdleness<Self>
    where
        Self: Sized,
    {
        let all_idle = self.all_idle();
        WithIdleness { strategy: self, idle_after: None, all_idle }
    }

    /// The same strategy with another answer to "all splits are idle".
    fn when_all_idle(self, all_idle: AllIdle) -> WithIdleness<Self>
    where
        Self: Sized,
    {
        let idle_after = self.idle_timeout();
        WithIdleness { strategy: self, idle_after, all_idle }
    }
}

/// A strategy with its own idleness.
#[derive(Debug, Clone)]
pub struct WithIdleness<S> {
    strategy: S,
    idle_after: Option<Duration>,
    all_idle: AllIdle,
}

impl<T: Record, S: WatermarkStrategy<T>> WatermarkStrategy<T> for WithIdleness<S> {
    fn generator(&self) -> Box<dyn WatermarkGenerator<T>> {
        self.strategy.generator()
    }

    fn idle_timeout(&self) -> Option<Duration> {
        self.idle_after
    }

    fn all_idle(&self) -> AllIdle {
        self.all_idle
    }
}

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

    fn idle_timeout(&self) -> Option<Duration> {
        None
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
    use crate::time::Durations as _;

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

    #[test]
    fn idleness_is_set_without_touching_the_rest() {
        type S<W> = dyn Fn(&W) -> (Option<Duration>, AllIdle);
        let default = Monotonic;
        let of: &S<Monotonic> =
            &|s| (WatermarkStrategy::<u64>::idle_timeout(s), WatermarkStrategy::<u64>::all_idle(s));
        assert_eq!(of(&default), (Some(DEFAULT_IDLE_AFTER), AllIdle::AdvanceWithClock));
        let held = WatermarkStrategy::<u64>::when_all_idle(default, AllIdle::Hold);
        let set = WatermarkStrategy::<u64>::idle_after(held, 3.secs());
        assert_eq!(WatermarkStrategy::<u64>::idle_timeout(&set), Some(Duration::from_secs(3)));
        assert_eq!(WatermarkStrategy::<u64>::all_idle(&set), AllIdle::Hold);
        let never = WatermarkStrategy::<u64>::never_idle(set);
        assert_eq!(WatermarkStrategy::<u64>::idle_timeout(&never), None);
        assert_eq!(WatermarkStrategy::<u64>::idle_timeout(&OnlyAtEnd), None);
    }
}
