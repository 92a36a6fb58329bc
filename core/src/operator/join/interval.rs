//! Interval join: pairs of records of two streams with equal key whose times differ by no more, and no less, than said.
//!
//! Each side's records are kept by key in buckets of time as wide as the interval: a record looks into the two or three buckets of the other
//! side that the interval reaches into. A pair leaves when its second record arrives; its event time is the later of the two, so it is
//! never behind the watermark.
//!
//! # Invariants
//!
//! 1. A record that is not behind the watermark meets every partner; one that is behind it is late and meets none, as in Flink.
//! 2. A bucket is dropped when the watermark has passed every time that a partner of its records could have.
//! 3. Pairs of one arrival come by the partner's bucket, and in a bucket by the partner's arrival.
//!
//! All state is in the store.

use std::rc::Rc;
use std::time::Duration;

use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::{Input, Operator, Progress};
use crate::raw::view::Rec;
use crate::record::{KeyHash, KeyScratch, Record};
use crate::state::{Hint, Prefetch, TimedListPanes};
use crate::time::EventTime;

/// How much later the right record of a pair may be than the left one: `lower` to `upper`, either of which may be negative, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    lower: i64,
    upper: i64,
}

/// Narrower buckets would be more tables than records.
const LEAST_BUCKET: i64 = 1_000_000;

/// The longest that a bound may be.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

impl Interval {
    /// The right record is at most `before` before the left one and at most `after` after it.
    pub fn around(before: Duration, after: Duration) -> Self {
        Self { lower: -nanos(before), upper: nanos(after) }
    }

    /// The right record is `least` to `most` after the left one.
    pub fn after(least: Duration, most: Duration) -> Self {
        Self { lower: nanos(least), upper: nanos(most) }
    }

    /// The right record is `least` to `most` before the left one.
    pub fn before(least: Duration, most: Duration) -> Self {
        Self { lower: -nanos(most), upper: -nanos(least) }
    }

    /// Without the earliest instant of the right record.
    #[must_use]
    pub fn exclusive_lower(mut self) -> Self {
        self.lower = self.lower.saturating_add(1);
        self
    }

    /// Without the latest instant of the right record.
    #[must_use]
    pub fn exclusive_upper(mut self) -> Self {
        self.upper = self.upper.saturating_sub(1);
        self
    }

    /// What is wrong with it.
    pub(crate) fn check(self) -> Result<(), String> {
        if self.lower > self.upper {
            return Err("an interval's lower bound is not after its upper one".into());
        }
        if self.lower < -nanos(LONGEST) || self.upper > nanos(LONGEST) {
            return Err("an interval's bounds are at most 100 years".into());
        }
        Ok(())
    }

    /// The settings, as plans show them.
    pub(crate) fn describe(self) -> String {
        let text = |nanos: i64| {
            let span = Duration::from_nanos(nanos.unsigned_abs());
            if nanos < 0 { format!("-{span:?}") } else { format!("{span:?}") }
        };
        format!("{} to {}", text(self.lower), text(self.upper))
    }

    /// The interval as the right side sees it.
    fn reversed(self) -> Self {
        Self { lower: self.upper.saturating_neg(), upper: self.lower.saturating_neg() }
    }

    fn bucket_width(self) -> i64 {
        self.upper.saturating_sub(self.lower).max(LEAST_BUCKET)
    }
}

/// One side: what it has brought, and what came too late.
struct Side<T: Record, S> {
    selector: Rc<S>,
    lists: TimedListPanes<T>,
    late: Output<T>,
}

/// What an arrival needs to know.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// From the arriving record to its partners.
    interval: Interval,
    width: i64,
    watermark: EventTime,
}

impl Reach {
    fn bucket(self, nanos: i64) -> i64 {
        nanos.div_euclid(self.width)
    }

    /// The first and the last time of a partner of a record at `at`.
    fn partners(self, at: EventTime) -> (i64, i64) {
        let Interval { lower, upper } = self.interval;
        (at.as_nanos().saturating_add(lower), at.as_nanos().saturating_add(upper))
    }

    /// The first bucket that has a record whose partners may still come.
    fn first_needed(self) -> i64 {
        match self.watermark {
            EventTime::MAX => i64::MAX,
            EventTime::MIN => i64::MIN,
            at => self.bucket(at.as_nanos().saturating_sub(self.interval.upper)),
        }
    }
}

/// The lists of both sides, as an arrival on one of them looks ahead into them.
struct Both<'a, T: Record, O: Record> {
    own: &'a mut TimedListPanes<T>,
    other: &'a TimedListPanes<O>,
    reach: Reach,
}

impl<T: Record, O: Record> Prefetch for Both<'_, T, O> {
    type Key = (EventTime, KeyHash);

    #[inline]
    fn bucket(&self, (at, hash): (EventTime, KeyHash)) {
        let (first, last) = self.reach.partners(at);
        self.own.prefetch_bucket(self.reach.bucket(at.as_nanos()), hash);
        for bucket in self.reach.bucket(first)..=self.reach.bucket(last) {
            self.other.prefetch_bucket(bucket, hash);
        }
    }

    #[inline]
    fn entry(&self, (at, hash): (EventTime, KeyHash)) -> Hint {
        let (first, last) = self.reach.partners(at);
        self.own.prefetch_entry(self.reach.bucket(at.as_nanos()), hash);
        for bucket in self.reach.bucket(first)..=self.reach.bucket(last) {
            self.other.prefetch_entry(bucket, hash);
        }
        Hint::default()
    }
}

/// Keeps each record of a run and hands it with each of its partners, and the pair's event time, to `meet`.
fn arrive<T: Record, S: KeySelector<T>, O: Record, P>(
    reach: Reach,
    own: &mut Side<T, S>,
    other: &Side<O, P>,
    key: &mut KeyScratch,
    run: Records<'_, T>,
    mut meet: impl FnMut(&Rec<T>, &Rec<O>, EventTime),
) {
    let Side { selector, lists, late } = own;
    let mut both = Both { own: lists, other: &other.lists, reach };
    each_ahead(
        run,
        &mut both,
        |at, hash| (at, hash),
        |both, _, (record, at, hash)| {
            if at < reach.watermark {
                late.record(record, at);
                return;
            }
            let key = selector.bytes(record, key);
            let (first, last) = reach.partners(at);
            // Partners that are all behind the watermark have come, or never will.
            if last >= reach.watermark.as_nanos() {
                both.own.append(reach.bucket(at.as_nanos()), hash, key, record, at);
            }
            let buckets = (reach.bucket(first), reach.bucket(last));
            both.other.for_each(buckets, hash, key, |partner, partner_at| {
                if (first..=last).contains(&partner_at.as_nanos()) {
                    meet(record, partner, at.max(partner_at));
                }
            });
        },
    );
}

/// Made by `IntervalJoinedStreams::apply`.
pub(crate) struct IntervalJoin<A: Record, B: Record, SA, SB, F, U: Record> {
    interval: Interval,
    left: Side<A, SA>,
    right: Side<B, SB>,
    pair: F,
    out: Output<U>,
    watermark: EventTime,
    key: KeyScratch,
}

impl<A: Record, B: Record, SA, SB, F, U: Record> IntervalJoin<A, B, SA, SB, F, U> {
    pub(crate) fn new(
        interval: Interval,
        (left, left_lists, late_left): (Rc<SA>, TimedListPanes<A>, Output<A>),
        (right, right_lists, late_right): (Rc<SB>, TimedListPanes<B>, Output<B>),
        pair: F,
        out: Output<U>,
    ) -> Self {
        Self {
            interval,
            left: Side { selector: left, lists: left_lists, late: late_left },
            right: Side { selector: right, lists: right_lists, late: late_right },
            pair,
            out,
            watermark: EventTime::MIN,
            key: KeyScratch::default(),
        }
    }

    /// What a record of the left side, or of the right one, can reach.
    fn reach(&self, is_left: bool) -> Reach {
        let interval = if is_left { self.interval } else { self.interval.reversed() };
        Reach { interval, width: self.interval.bucket_width(), watermark: self.watermark }
    }
}

impl<A, B, SA, SB, F, U> Operator for IntervalJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
{
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.watermark = at;
        self.left.lists.drop_below(self.reach(true).first_needed());
        self.right.lists.drop_below(self.reach(false).first_needed());
        Ok(Progress::Done)
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.left.lists);
        into.state(&mut self.right.lists);
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.watermark = from.watermark();
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
        each(&mut self.left.late);
        each(&mut self.right.late);
    }

    fn late(&self) -> u64 {
        self.left.late.records() + self.right.late.records()
    }
}

impl<A, B, SA, SB, F, U> Input<A, 0> for IntervalJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
{
    fn records(&mut self, run: Records<'_, A>) -> Result<(), OperatorFault> {
        let reach = self.reach(true);
        let Self { left, right, pair, out, key, .. } = self;
        arrive(reach, left, right, key, run, |left, right, at| out.value(&pair(left, right), at));
        Ok(())
    }
}

impl<A, B, SA, SB, F, U> Input<B, 1> for IntervalJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
{
    fn records(&mut self, run: Records<'_, B>) -> Result<(), OperatorFault> {
        let reach = self.reach(false);
        let Self { left, right, pair, out, key, .. } = self;
        arrive(reach, right, left, key, run, |right, left, at| out.value(&pair(left, right), at));
        Ok(())
    }
}
