//! Source splits, running counts by one key, windows of them by another: two exchanges in a row.
//!
//! In most seeds the bound of disorder holds, nothing may be late, and results equal those of one pass over each split. In the others it does
//! not hold: then a record is in its window or late, and none is late that would not be, were its split alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use thalweg::prelude::*;

use crate::dice;
use crate::seed::Job;

/// What comes in.
#[record]
pub(crate) struct Bid {
    #[event_time]
    pub(crate) at: EventTime,
    pub(crate) id: u64,
    pub(crate) bidder: Str,
    pub(crate) auction: u32,
}

/// A bid with how many its bidder had made by then.
#[record]
pub(crate) struct Counted {
    #[event_time]
    pub(crate) at: EventTime,
    pub(crate) id: u64,
    pub(crate) auction: u32,
    pub(crate) count: u64,
}

/// Bids and the sum of their counts.
#[record]
#[derive(Default, Eq)]
pub(crate) struct Sum {
    pub(crate) bids: u64,
    pub(crate) counts: u64,
}

/// An auction's window.
#[record]
#[derive(Eq)]
pub(crate) struct Window {
    pub(crate) start: EventTime,
    pub(crate) auction: u32,
    pub(crate) sum: Sum,
}

type PerWorker<T> = Vec<Vec<(EventTime, T)>>;

/// One seed's input and handles.
pub(crate) struct TwoStages {
    workers: usize,
    bound: Duration,
    width: Duration,
    is_patient: bool,
    splits: Arc<Vec<Vec<Bid>>>,
    windows: Collected<Window>,
    late: Collected<Counted>,
}

impl TwoStages {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let is_patient = dice.below(4) != 0;
        let bound_ms = dice.between(0, 200);
        let disorder_ms = if is_patient { bound_ms } else { bound_ms * 3 + 100 };
        let (bidders, auctions) = (dice.between(1, 60), dice.between(1, 40));
        let step_ms = dice.between(0, 20);
        let splits = (0..dice.between(1, 4)).map(|split| {
            let mut clock_ms = 0;
            let bids = (0..dice.between(0, 250)).map(|index| {
                clock_ms += dice.between(0, step_ms);
                let back_ms = dice.between(0, disorder_ms);
                let at_ms = i64::try_from(clock_ms).expect("short")
                    - i64::try_from(back_ms).expect("short");
                let bidder = dice.below(bidders);
                let ballast = if dice.below(50) == 0 { 400 } else { 0 };
                Bid {
                    at: EventTime::from_millis(at_ms),
                    id: split << 32 | index,
                    bidder: format!("{split}-{bidder}-{}", "x".repeat(ballast)).into(),
                    auction: u32::try_from(dice.below(auctions)).expect("few"),
                }
            });
            bids.collect()
        });
        let splits = Arc::new(splits.collect());
        let workers = usize::try_from(dice.between(1, 4)).expect("few");
        let width = Duration::from_millis(dice.between(1, 1_000));
        let bound = Duration::from_millis(bound_ms);
        let (windows, late) = (Collected::new(), Collected::new());
        Self { workers, bound, width, is_patient, splits, windows, late }
    }

    fn start_of(&self, at: EventTime) -> EventTime {
        let width = i64::try_from(self.width.as_nanos()).expect("short");
        EventTime::from_nanos(at.as_nanos().div_euclid(width) * width)
    }

    /// What the second stage should give, without the records of `late`; order within a bidder is that of its split.
    fn expected(&self, late: &BTreeSet<u64>) -> BTreeMap<(EventTime, u32), Sum> {
        let mut counts: BTreeMap<&Str, u64> = BTreeMap::new();
        let mut windows: BTreeMap<(EventTime, u32), Sum> = BTreeMap::new();
        for bid in self.splits.iter().flatten() {
            let count = counts.entry(&bid.bidder).or_default();
            *count += 1;
            if !count.is_multiple_of(5) && !late.contains(&bid.id) {
                let sum = windows.entry((self.start_of(bid.at), bid.auction)).or_default();
                sum.bids += 1;
                sum.counts += *count;
            }
        }
        windows
    }

    /// The bids whose window had ended when they came, in their split.
    fn late_alone(&self) -> BTreeSet<u64> {
        let mut late = BTreeSet::new();
        for split in self.splits.iter() {
            let (mut greatest, mut watermark) = (EventTime::MIN, EventTime::MIN);
            for (index, bid) in split.iter().enumerate() {
                if index % 64 == 0 && index > 0 {
                    watermark = greatest - self.bound;
                }
                greatest = greatest.max(bid.at);
                if self.start_of(bid.at) + self.width <= watermark {
                    late.insert(bid.id);
                }
            }
        }
        late
    }
}

impl Job for TwoStages {
    type Outputs = (PerWorker<Window>, PerWorker<Counted>);

    fn workers(&self) -> usize {
        self.workers
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let splits = Arc::clone(&self.splits);
        let bids = Items::per_split(splits.len(), move |split| {
            let splits = Arc::clone(&splits);
            (0..splits[split].len()).map(move |index| splits[split][index].clone())
        });
        let windowed = t
            .source("bids", bids)
            .watermarks(BoundedOutOfOrderness::of(self.bound))
            .key_by(|bid| bid.bidder())
            .filter_map_with_state("bids by bidder", |count: &mut u64, bid| {
                *count += 1;
                let (at, id, auction) = (bid.at(), bid.id(), bid.auction());
                (!count.is_multiple_of(5)).then_some(Counted { at, id, auction, count: *count })
            })
            .key_by_value(|counted| counted.auction())
            .window("counts by auction", Tumbling::of(self.width))
            .aggregate(|sum: &mut Sum, counted| {
                sum.bids += 1;
                sum.counts += counted.count();
            });
        windowed
            .on_time
            .map(|w| Window { start: w.start(), auction: w.key(), sum: w.to_value().value })
            .sink("windows", self.windows.sink());
        windowed.late.sink("late", self.late.sink());
        Ok(())
    }

    fn take(&self) -> Self::Outputs {
        (self.windows.take_per_worker(), self.late.take_per_worker())
    }

    fn check(&self, (windows, late): &Self::Outputs) -> Result<(), String> {
        let late: BTreeSet<u64> = late.iter().flatten().map(|(_, counted)| counted.id).collect();
        let may_be_late = if self.is_patient { BTreeSet::new() } else { self.late_alone() };
        if let Some(id) = late.difference(&may_be_late).next() {
            return Err(format!("record {id:#x} is late, and should not be"));
        }
        let expected = self.expected(&late);
        let mut found = BTreeMap::new();
        for (_, window) in windows.iter().flatten() {
            let key = (window.start, window.auction);
            if found.insert(key, window.sum.clone()).is_some() {
                return Err(format!("window {key:?} was fired twice"));
            }
        }
        if let Some(key) =
            expected.keys().chain(found.keys()).find(|key| expected.get(key) != found.get(key))
        {
            let (expected, found) = (expected.get(key), found.get(key));
            return Err(format!("window {key:?}: expected {expected:?}, found {found:?}"));
        }
        Ok(())
    }
}
