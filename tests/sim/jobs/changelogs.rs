//! Bids and auctions that are joined for good and within a time, and whose winners are aggregated, ranked among their seller's and looked up: each a
//! changelog on the way.
//!
//! Which of two records comes first is a matter of the schedule, so what is checked is what the changes come to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thalweg::operator::{Over, Running};
use thalweg::prelude::*;

use crate::dice;
use crate::seed::Job;

/// An auction, or a bid on one.
#[record]
pub(crate) struct Offer {
    #[event_time]
    pub(crate) at: EventTime,
    pub(crate) auction: u32,
    /// Of an auction.
    pub(crate) seller: Option<u32>,
    pub(crate) price: i64,
}

type PerWorker<T> = Vec<Vec<(EventTime, T)>>;
/// An auction, its seller and its highest price, with the count and the sum of it and the one before.
type Ranked = (u32, u32, i64, (u64, i64));

/// One seed's input and handles.
pub(crate) struct Changelogs {
    workers: usize,
    ttl: Duration,
    splits: Arc<Vec<Vec<Offer>>>,
    names: LookupTable<u32, i64>,
    means: Collected<Change<(u32, (u64, i64))>>,
    ranked: Collected<Change<Ranked>>,
    near: Collected<(u32, i64)>,
    latest: Collected<(u32, i64)>,
    sold: Collected<(u32, u32, i64)>,
    best: Collected<((u32, i64), u32)>,
}

impl Changelogs {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed ^ 0x6368_616e);
        let auctions = dice.between(1, 12);
        let sellers = dice.between(1, 4);
        let small = |n: u64| u32::try_from(n).expect("small");
        let mut splits: Vec<Vec<Offer>> = Vec::new();
        for split in 0..dice.between(1, 3) {
            let mut clock_ms = 0;
            let offers = (0..dice.between(0, 60)).map(|_| {
                clock_ms += dice.between(0, 20);
                Offer {
                    at: EventTime::from_millis(i64::try_from(clock_ms).expect("short")),
                    auction: small(dice.below(auctions)),
                    seller: None,
                    price: i64::try_from(dice.below(500)).expect("small"),
                }
            });
            let mut offers: Vec<Offer> = offers.collect();
            if split == 0 {
                // Each auction comes once, somewhere among the bids.
                for auction in 0..auctions {
                    let place =
                        usize::try_from(dice.below(offers.len() as u64 + 1)).expect("short");
                    let at = offers.get(place).map_or(EventTime::EPOCH, |offer| offer.at);
                    let seller = Some(small(auction % sellers));
                    offers.insert(place, Offer { at, auction: small(auction), seller, price: 0 });
                }
            }
            splits.push(offers);
        }
        Self {
            workers: usize::try_from(dice.between(1, 4)).expect("few"),
            ttl: Duration::from_millis(dice.between(1, 400)),
            splits: Arc::new(splits),
            names: LookupTable::of(
                (0..small(sellers)).map(|seller| (seller, i64::from(seller) * 7)),
            ),
            means: Collected::new(),
            ranked: Collected::new(),
            near: Collected::new(),
            latest: Collected::new(),
            sold: Collected::new(),
            best: Collected::new(),
        }
    }

    fn auctions(&self) -> impl Iterator<Item = (&Offer, u32)> {
        self.splits.iter().flatten().filter_map(|offer| Some((offer, offer.seller?)))
    }

    fn bids(&self) -> impl Iterator<Item = &Offer> {
        self.splits.iter().flatten().filter(|offer| offer.seller.is_none())
    }

    /// The highest bid of each auction that has one, with its seller.
    fn highest(&self) -> BTreeMap<(u32, u32), i64> {
        let mut highest = BTreeMap::new();
        for (auction, seller) in self.auctions() {
            let prices =
                self.bids().filter(|bid| bid.auction == auction.auction).map(|bid| bid.price);
            if let Some(price) = prices.max() {
                highest.insert((auction.auction, seller), price);
            }
        }
        highest
    }

    fn check_means(&self, means: &PerWorker<Change<(u32, (u64, i64))>>) -> Result<(), String> {
        let mut expected = BTreeMap::<u32, (u64, i64)>::new();
        for ((_, seller), price) in self.highest() {
            let mean = expected.entry(seller).or_default();
            *mean = (mean.0 + 1, mean.1 + price);
        }
        let expected: Vec<_> = expected.into_iter().collect();
        match folded(means)? {
            found if found == expected => Ok(()),
            found => Err(format!("the means are {found:?}, not {expected:?}")),
        }
    }

    fn check_ranked(&self, ranked: &PerWorker<Change<Ranked>>) -> Result<(), String> {
        let mut sellers = BTreeMap::<u32, Vec<(i64, u32)>>::new();
        for ((auction, seller), price) in self.highest() {
            sellers.entry(seller).or_default().push((price, auction));
        }
        let mut expected = Vec::new();
        for (seller, mut prices) in sellers {
            prices.sort();
            for place in 0..prices.len() {
                let frame = &prices[place.saturating_sub(1)..=place];
                let sum = frame.iter().map(|(price, _)| price).sum();
                let (price, auction) = prices[place];
                expected.push((auction, seller, price, (frame.len() as u64, sum)));
            }
        }
        expected.sort();
        match folded(ranked)? {
            found if found == expected => Ok(()),
            found => Err(format!("the ranks are {found:?}, not {expected:?}")),
        }
    }

    fn check_near(&self, near: &PerWorker<(u32, i64)>) -> Result<(), String> {
        let mut found: Vec<_> = near.iter().flatten().map(|(_, pair)| *pair).collect();
        let mut expected = Vec::new();
        for (auction, seller) in self.auctions() {
            for bid in self.bids().filter(|bid| bid.auction == auction.auction) {
                if bid.at.since(auction.at).max(auction.at.since(bid.at)) < self.ttl {
                    expected.push((bid.auction, bid.price + i64::from(seller) * 7));
                }
            }
        }
        found.sort();
        expected.sort();
        match found == expected {
            true => Ok(()),
            false => Err(format!("within {:?} meet {found:?}, not {expected:?}", self.ttl)),
        }
    }

    fn check_sold(&self, sold: &PerWorker<(u32, u32, i64)>) -> Result<(), String> {
        let mut found: Vec<_> = sold.iter().flatten().map(|(_, sold)| *sold).collect();
        let mut expected = Vec::new();
        for (auction, seller) in self.auctions() {
            let bids = self.bids().filter(|bid| bid.auction == auction.auction);
            expected.extend(bids.map(|bid| (bid.auction, seller, bid.price)));
        }
        found.sort_unstable();
        expected.sort_unstable();
        match found == expected {
            true => Ok(()),
            false => Err(format!("sold is {found:?}, not {expected:?}")),
        }
    }

    fn check_best(&self, best: &PerWorker<((u32, i64), u32)>) -> Result<(), String> {
        let mut found = BTreeMap::new();
        for (_, ((auction, price), place)) in best.iter().flatten() {
            found.insert((*auction, *place), *price);
        }
        let mut prices = BTreeMap::<u32, Vec<i64>>::new();
        self.bids().for_each(|bid| prices.entry(bid.auction).or_default().push(bid.price));
        let mut expected = BTreeMap::new();
        for (auction, mut prices) in prices {
            prices.sort_unstable_by_key(|price| std::cmp::Reverse(*price));
            let places = (1..).zip(prices.into_iter().take(3));
            expected.extend(places.map(|(place, price)| ((auction, place), price)));
        }
        match found == expected {
            true => Ok(()),
            false => Err(format!("the best are {found:?}, not {expected:?}")),
        }
    }

    fn check_latest(&self, latest: &PerWorker<(u32, i64)>) -> Result<(), String> {
        let mut found = BTreeMap::new();
        for (at, (auction, price)) in latest.iter().flatten() {
            if found.insert(*auction, (*at, *price)).is_some_and(|(before, _)| before > *at) {
                return Err(format!("of auction {auction} an older bid came later"));
            }
        }
        for (auction, (at, price)) in &found {
            let bids = || self.bids().filter(|bid| bid.auction == *auction);
            let last = bids().map(|bid| bid.at).max();
            if last != Some(*at) || !bids().any(|bid| bid.at == *at && bid.price == *price) {
                return Err(format!("the last bid on {auction} is not that of {at} at {price}"));
            }
        }
        let mut auctions: Vec<u32> = self.bids().map(|bid| bid.auction).collect();
        auctions.sort_unstable();
        auctions.dedup();
        match found.keys().copied().eq(auctions) {
            true => Ok(()),
            false => Err("an auction's last bid is missing".into()),
        }
    }
}

/// What changes come to, sorted.
fn folded<T: Ord + Clone + std::fmt::Debug + thalweg::record::Record>(
    workers: &PerWorker<Change<T>>,
) -> Result<Vec<T>, String> {
    let mut rows = Vec::new();
    for (_, Change { kind, value }) in workers.iter().flatten() {
        if kind.adds() {
            rows.push(value.clone());
        } else {
            let place = rows.iter().position(|row| row == value);
            let place = place.ok_or_else(|| format!("{value:?} is taken back and not there"))?;
            rows.swap_remove(place);
        }
    }
    rows.sort();
    Ok(rows)
}

impl Job for Changelogs {
    type Outputs = (
        PerWorker<Change<(u32, (u64, i64))>>,
        PerWorker<Change<Ranked>>,
        PerWorker<(u32, i64)>,
        PerWorker<(u32, i64)>,
        PerWorker<(u32, u32, i64)>,
        PerWorker<((u32, i64), u32)>,
    );

    fn workers(&self) -> usize {
        self.workers
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let splits = Arc::clone(&self.splits);
        let offers = Items::per_split(splits.len(), move |split| {
            let splits = Arc::clone(&splits);
            (0..splits[split].len()).map(move |index| splits[split][index].clone())
        });
        let offers = t.source("offers", offers).watermarks(BoundedOutOfOrderness::of(1.hours()));
        let auctions = || offers.clone().filter(|offer| offer.seller().is_some());
        let bids = || offers.clone().filter(|offer| offer.seller().is_none());
        let highest = auctions()
            .key_by_value(|auction| auction.auction())
            .regular_join("bids on auctions", bids().key_by_value(|bid| bid.auction()))
            .filter_apply(|auction, bid| Some((auction.auction(), auction.seller()?, bid.price())))
            .key_by_value(|pair| (pair.0.to_native(), pair.1.to_native()))
            .aggregate_as_changes("highest", |of| of.max(|pair| pair.2.to_native()));
        highest
            .clone()
            .key_by_value(|change| change.value().key().1)
            .aggregate_changes("means", |of| (of.count(), of.sum(|change| change.value().value())))
            .map(|change| {
                let Change { kind, value: Running { key, value } } = change.to_value();
                Change { kind, value: (key, value) }
            })
            .sink("means out", self.means.sink());
        highest
            .key_by_value(|change| change.value().key().1)
            .over("ranks", 1, |change| (change.value().value(), change.value().key().0))
            .aggregate(|of| (of.count(), of.sum(|row| row.value())))
            .map(|change| {
                let Change { kind, value: Over { row: Running { key, value }, value: sums } } =
                    change.to_value();
                Change { kind, value: (key.0, key.1, value, sums) }
            })
            .sink("ranks out", self.ranked.sink());
        let names = self.names.clone();
        auctions()
            .lookup_join(
                &names,
                |auction| auction.seller().unwrap_or(0),
                |auction, name| Offer { price: *name, ..auction.to_value() },
            )
            .key_by_value(|auction| auction.auction())
            .regular_join("near", bids().key_by_value(|bid| bid.auction()))
            .ttl(self.ttl)
            .apply(|auction, bid| (bid.auction(), bid.price() + auction.price()))
            .sink("near out", self.near.sink());
        bids()
            .key_by_value(|bid| bid.auction())
            .latest("latest")
            .map(|bid| (bid.auction(), bid.price()))
            .sink("latest out", self.latest.sink());
        bids()
            .key_by_value(|bid| bid.auction())
            .regular_join("sold", auctions().key_by_value(|auction| auction.auction()))
            .many_to_one(|bid, auction| Some((bid.auction(), auction.seller()?, bid.price())))
            .sink("sold out", self.sold.sink());
        bids()
            .map(|bid| (bid.auction(), bid.price()))
            .key_by_value(|bid| bid.0.to_native())
            .top_n_places("best", 3, |bid| bid.1.to_native())
            .sink("best out", self.best.sink());
        Ok(())
    }

    fn take(&self) -> Self::Outputs {
        (
            self.means.take_per_worker(),
            self.ranked.take_per_worker(),
            self.near.take_per_worker(),
            self.latest.take_per_worker(),
            self.sold.take_per_worker(),
            self.best.take_per_worker(),
        )
    }

    fn check(
        &self,
        (means, ranked, near, latest, sold, best): &Self::Outputs,
    ) -> Result<(), String> {
        self.check_means(means)?;
        self.check_ranked(ranked)?;
        self.check_near(near)?;
        self.check_latest(latest)?;
        self.check_sold(sold)?;
        self.check_best(best)
    }
}
