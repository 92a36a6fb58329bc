//! Regular join: pairs of records of two streams with equal key, however far apart in time; with a time to live, less than that.
//!
//! Both sides are kept. A pair leaves when its second record arrives, with the later of the two event times; which of the two that is, and so the
//! order of pairs, is a matter of timing, the set of pairs is not.
//!
//! With a time to live, records are kept by key in panes of time as wide as that: a record looks into its own pane of the other side and both
//! neighbours, and panes are dropped whole when the watermark is past all that their records could meet.
//!
//! # Invariants
//!
//! 1. Without a time to live every record meets every partner.
//! 2. With one, two records meet if their times are less than it apart, and the first has not been forgotten when the second comes: when the
//!    watermark is that far past it.
//!
//! All state is in the tables `left` and `right` of the operator.

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
use crate::state::{Hint, Prefetch, TimedListPanes, TimedLists};
use crate::time::EventTime;

/// The records of one side, by key.
pub(crate) enum Kept<T: Record> {
    /// All of them.
    Forever(TimedLists<T>),
    /// Those that are young enough, in panes of that width.
    For(Duration, TimedListPanes<T>),
}

/// The number of the pane that `at` lies in.
#[inline]
fn pane(at: EventTime, width: Duration) -> i64 {
    at.floor(width).as_nanos()
}

/// The panes that partners of a record at `at` lie in, from the first to the last.
#[inline]
fn panes_near(at: EventTime, width: Duration) -> (i64, i64) {
    let own = at.floor(width);
    (own.saturating_sub(width).as_nanos(), own.saturating_add(width).as_nanos())
}

impl<T: Record> Kept<T> {
    #[inline]
    fn append(
        &mut self,
        (hash, key): (KeyHash, &[u8]),
        record: &Rec<T>,
        at: EventTime,
        watermark: EventTime,
    ) {
        match self {
            Self::Forever(lists) => lists.append(hash, key, record, at),
            Self::For(ttl, panes) => {
                if at.saturating_add(*ttl) > watermark {
                    panes.append(pane(at, *ttl), hash, key, record, at);
                }
            }
        }
    }

    /// Shows what meets a record at `at`, in the order in which it came; with a time to live pane by pane.
    #[inline]
    fn for_each(
        &self,
        (hash, key): (KeyHash, &[u8]),
        at: EventTime,
        watermark: EventTime,
        mut each: impl FnMut(&Rec<T>, EventTime),
    ) {
        match self {
            Self::Forever(lists) => lists.for_each(hash, key, each),
            Self::For(ttl, panes) => {
                panes.for_each(panes_near(at, *ttl), hash, key, |record, other| {
                    let distance = at.since(other).max(other.since(at));
                    if distance < *ttl && other.saturating_add(*ttl) > watermark {
                        each(record, other);
                    }
                })
            }
        }
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        match self {
            Self::Forever(lists) => into.state(lists),
            Self::For(_, panes) => into.state(panes),
        }
    }

    fn forget(&mut self, watermark: EventTime) {
        if let Self::For(ttl, panes) = self {
            // A pane's last record is just before its end; it is forgotten when that is a time to live ago.
            let start = watermark.saturating_sub(*ttl).saturating_sub(*ttl);
            if start > EventTime::MIN {
                panes.drop_below(start.as_nanos().saturating_add(1));
            }
        }
    }

    #[inline]
    fn prefetch_bucket(&self, at: EventTime, hash: KeyHash) {
        match self {
            Self::Forever(lists) => lists.prefetch_bucket(hash),
            Self::For(ttl, panes) => panes.prefetch_bucket(pane(at, *ttl), hash),
        }
    }

    #[inline]
    fn prefetch_entry(&self, at: EventTime, hash: KeyHash) {
        match self {
            Self::Forever(lists) => lists.prefetch_entry(hash),
            Self::For(ttl, panes) => panes.prefetch_entry(pane(at, *ttl), hash),
        }
    }
}

/// Both sides, as an arrival on one of them looks ahead into them.
struct Both<'a, T: Record, O: Record> {
    own: &'a mut Kept<T>,
    other: &'a Kept<O>,
}

impl<T: Record, O: Record> Prefetch for Both<'_, T, O> {
    type Key = (EventTime, KeyHash);

    #[inline]
    fn bucket(&self, (at, hash): (EventTime, KeyHash)) {
        self.own.prefetch_bucket(at, hash);
        self.other.prefetch_bucket(at, hash);
    }

    #[inline]
    fn entry(&self, (at, hash): (EventTime, KeyHash)) -> Hint {
        self.own.prefetch_entry(at, hash);
        self.other.prefetch_entry(at, hash);
        Hint::default()
    }
}

/// Keeps each record of a run and hands it with each of its partners, and the pair's event time, to `meet`.
fn arrive<T: Record, S: KeySelector<T>, O: Record>(
    run: Records<'_, T>,
    selector: &S,
    (own, other): (&mut Kept<T>, &Kept<O>),
    (key, watermark): (&mut KeyScratch, EventTime),
    mut meet: impl FnMut(&Rec<T>, &Rec<O>, EventTime),
) {
    let mut both = Both { own, other };
    let place = |at, hash| (at, hash);
    each_ahead(run, &mut both, place, |both, _, (record, at, hash)| {
        let key = selector.bytes(record, key);
        both.own.append((hash, key), record, at, watermark);
        both.other.for_each((hash, key), at, watermark, |partner, partner_at| {
            meet(record, partner, at.max(partner_at));
        });
    });
}

/// Made by `RegularJoinedStreams::apply` and `RegularJoinedStreams::filter_apply`.
pub(crate) struct RegularJoin<A: Record, B: Record, SA, SB, F, U: Record> {
    selectors: (Rc<SA>, Rc<SB>),
    left: Kept<A>,
    right: Kept<B>,
    pair: F,
    out: Output<U>,
    watermark: EventTime,
    key: KeyScratch,
}

impl<A: Record, B: Record, SA, SB, F, U: Record> RegularJoin<A, B, SA, SB, F, U> {
    pub(crate) fn new(
        selectors: (Rc<SA>, Rc<SB>),
        (left, right): (Kept<A>, Kept<B>),
        pair: F,
        out: Output<U>,
    ) -> Self {
        let (watermark, key) = (EventTime::MIN, KeyScratch::default());
        Self { selectors, left, right, pair, out, watermark, key }
    }
}

impl<A, B, SA, SB, F, U> Operator for RegularJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> Option<U> + 'static,
{
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.watermark = at;
        self.left.forget(at);
        self.right.forget(at);
        Ok(Progress::Done)
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        self.left.freeze(into);
        self.right.freeze(into);
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.watermark = from.watermark();
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<A, B, SA, SB, F, U> Input<A, 0> for RegularJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> Option<U> + 'static,
{
    fn records(&mut self, run: Records<'_, A>) -> Result<(), OperatorFault> {
        let Self { selectors, left, right, pair, out, watermark, key } = self;
        arrive(run, &*selectors.0, (left, right), (key, *watermark), |left, right, at| {
            if let Some(pair) = pair(left, right) {
                out.value(&pair, at);
            }
        });
        Ok(())
    }
}

impl<A, B, SA, SB, F, U> Input<B, 1> for RegularJoin<A, B, SA, SB, F, U>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    U: Record,
    F: FnMut(&Rec<A>, &Rec<B>) -> Option<U> + 'static,
{
    fn records(&mut self, run: Records<'_, B>) -> Result<(), OperatorFault> {
        let Self { selectors, left, right, pair, out, watermark, key } = self;
        arrive(run, &*selectors.1, (right, left), (key, *watermark), |right, left, at| {
            if let Some(pair) = pair(left, right) {
                out.value(&pair, at);
            }
        });
        Ok(())
    }
}
