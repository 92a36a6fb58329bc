//! `deduplicate`: lets the first record of a key pass, and drops those that repeat it within a time.
//!
//! Time is cut into panes as long as keys are remembered. A pane has, for each key, the event time of its record that passed: there is at most
//! one, for two would be within the time of each other. A record is compared with its own pane and both neighbours. Panes are
//! dropped whole when event time is past all that they could be compared with, so what is forgotten need not be touched.
//!
//! All of its state is the panes, in the store.
//!
//! # Invariants
//!
//! 1. Of two records of a key that pass, event times are at least the time to live apart.
//! 2. A record is passed, dropped as a duplicate, or late: late if its pane has ended, when what it would be compared with may be forgotten.

use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use super::output::{AnyOutput, Output};
use super::{Input, Operator, Progress};
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::record::{KeyHash, KeyScratch, Record};
use crate::state::{Hint, Prefetch, SlicePanes};
use crate::time::EventTime;

/// When records passed, by pane and key.
struct Passed {
    panes: SlicePanes<EventTime>,
    time_to_live: Duration,
}

impl Passed {
    /// True if a record of the key has passed whose event time is less than the time to live away from `at`.
    fn is_repeated(&self, at: EventTime, hash: KeyHash, key: &[u8]) -> bool {
        let Self { panes, time_to_live } = self;
        let pane = at.floor(*time_to_live);
        // At the ends of time a neighbour is the pane itself, which is asked once more and says the same.
        let near = [pane, pane.saturating_sub(*time_to_live), pane.saturating_add(*time_to_live)];
        near.into_iter().any(|pane| {
            let pane = panes.pane(pane.as_nanos());
            let passed = pane.and_then(|pane| pane.get(hash, key)).map(|passed| passed.get());
            passed.is_some_and(|passed| passed.since(at).max(at.since(passed)) < *time_to_live)
        })
    }
}

impl Prefetch for Passed {
    type Key = (EventTime, KeyHash);

    #[inline(always)]
    fn bucket(&self, (at, hash): (EventTime, KeyHash)) {
        let pane = at.floor(self.time_to_live);
        let before = pane.saturating_sub(self.time_to_live);
        self.panes.bucket((pane.as_nanos(), hash));
        self.panes.bucket((before.as_nanos(), hash));
    }

    #[inline(always)]
    fn entry(&self, (at, hash): (EventTime, KeyHash)) -> Hint {
        let pane = at.floor(self.time_to_live);
        let before = pane.saturating_sub(self.time_to_live);
        self.panes.entry((before.as_nanos(), hash));
        self.panes.entry((pane.as_nanos(), hash))
    }
}

/// Made by `KeyedStream::deduplicate`.
pub(crate) struct Deduplicate<T: Record, S> {
    selector: Rc<S>,
    passed: Passed,
    unique: Output<T>,
    late: Output<T>,
    watermark: EventTime,
    key: KeyScratch,
    marker: PhantomData<fn(T)>,
}

impl<T: Record, S> Deduplicate<T, S> {
    pub(crate) fn new(
        selector: Rc<S>,
        panes: SlicePanes<EventTime>,
        time_to_live: Duration,
        unique: Output<T>,
        late: Output<T>,
    ) -> Self {
        Self {
            selector,
            passed: Passed { panes, time_to_live },
            unique,
            late,
            watermark: EventTime::MIN,
            key: KeyScratch::default(),
            marker: PhantomData,
        }
    }
}

impl<T: Record, S: KeySelector<T>> Operator for Deduplicate<T, S> {
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.watermark = at;
        let Passed { panes, time_to_live } = &mut self.passed;
        // A record that is not late lies in a pane that has not ended, and is compared with the one before it.
        let forgotten = at.saturating_sub(*time_to_live).saturating_sub(*time_to_live);
        if forgotten > EventTime::MIN {
            panes.drop_below(forgotten.as_nanos() + 1);
        }
        Ok(Progress::Done)
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.passed.panes);
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.watermark = from.watermark();
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.unique);
        each(&mut self.late);
    }

    fn late(&self) -> u64 {
        self.late.records()
    }
}

impl<T: Record, S: KeySelector<T>> Input<T, 0> for Deduplicate<T, S> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { selector, passed, unique, late, watermark, key, .. } = self;
        let place_of = |at, hash| (at, hash);
        each_ahead(run, passed, place_of, |passed, hint, (record, at, hash)| {
            let pane = at.floor(passed.time_to_live);
            if pane.saturating_add(passed.time_to_live) <= *watermark {
                late.record(record, at);
                return;
            }
            let bytes = selector.bytes(record, key);
            if !passed.is_repeated(at, hash, bytes) {
                passed.panes.update(pane.as_nanos(), (hash, hint), bytes, || at, |_| {});
                unique.record(record, at);
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::ByValue;
    use crate::operator::rig::{lane, output};
    use crate::raw::view::Rec;
    use thalweg_storage::{Store, TableConfig, TableName};

    #[test]
    fn panes_are_forgotten_when_nothing_can_be_compared_with_them() {
        let panes =
            Store::default().panes(TableName::new("d", "passed"), TableConfig::default()).unwrap();
        let mut panes = SlicePanes::new(panes);
        let seconds = EventTime::from_secs;
        for start in [-10, 0, 10, 20] {
            let (pane, at) = (seconds(start).as_nanos(), seconds(start));
            panes.update(pane, KeyHash(1), &[1], || at, |_| {});
        }
        let ((unique, _rx), (late, _rx_late)) = (lane::<u64>(1), lane::<u64>(1));
        let selector = Rc::new(ByValue::new(|n: &Rec<u64>| n.to_native()));
        let (unique, late) = (output(vec![unique]), output(vec![late]));
        let time_to_live = Duration::from_secs(10);
        let mut operator = Deduplicate::new(selector, panes, time_to_live, unique, late);
        let first_after = |operator: &mut Deduplicate<u64, _>, at: EventTime| {
            assert_eq!(operator.watermark(at).unwrap(), Progress::Done);
            operator.passed.panes.first_from(i64::MIN).map(EventTime::from_nanos)
        };
        assert_eq!(first_after(&mut operator, EventTime::MIN), Some(seconds(-10)));
        assert_eq!(first_after(&mut operator, seconds(9)), Some(seconds(-10)));
        assert_eq!(first_after(&mut operator, seconds(10)), Some(seconds(0)));
        assert_eq!(first_after(&mut operator, seconds(25)), Some(seconds(10)));
        assert_eq!(first_after(&mut operator, EventTime::MAX), None);
    }
}
