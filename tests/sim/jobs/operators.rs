//! A stream that is checked, split, dealt anew in three ways and united, and then counted, ranked and cleared of duplicates by key; its dead
//! letters go to every worker.
//!
//! Dealing anew mixes the order, so what is checked is what every order must give: each key's counts are one, two, three and so on, the last
//! ranking is that of all, of two records near each other one passes, and nothing is lost on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use thalweg::error::OperatorFault;
use thalweg::prelude::*;

use crate::dice;
use crate::seed::Job;

/// By how much a split's records are out of order, at most.
const DISORDER_MS: u64 = 100;

/// What comes in.
#[record]
pub(crate) struct Order {
    #[event_time]
    pub(crate) at: EventTime,
    pub(crate) id: u64,
    pub(crate) customer: u32,
    pub(crate) price: i64,
    pub(crate) note: Str,
}

type PerWorker<T> = Vec<Vec<(EventTime, T)>>;
/// A customer with the count and the sum of the orders so far.
type Count = (u32, (u64, i64));
/// A customer with the best orders so far, by price.
type Best = (u32, Vec<i64>);

/// One seed's input and handles.
pub(crate) struct Operators {
    workers: usize,
    bound: Duration,
    time_to_live: Duration,
    attempts: u32,
    splits: Arc<Vec<Vec<Order>>>,
    counts: Collected<Count>,
    best: Collected<Best>,
    unique: Collected<(u32, u64)>,
    dead: Collected<(u64, Str)>,
}

impl Operators {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed ^ 0x6f70_6572);
        let customers = dice.between(1, 40);
        let step_ms = dice.between(0, 30);
        let splits = (0..dice.between(1, 4)).map(|split| {
            let mut clock_ms = 0;
            let orders = (0..dice.between(0, 150)).map(|index| {
                clock_ms += dice.between(0, step_ms);
                let back_ms = dice.between(0, DISORDER_MS);
                let at_ms = i64::try_from(clock_ms).expect("short")
                    - i64::try_from(back_ms).expect("short");
                let ballast = if dice.below(40) == 0 { 500 } else { 0 };
                Order {
                    at: EventTime::from_millis(at_ms),
                    id: split << 32 | index,
                    customer: u32::try_from(dice.below(customers)).expect("few"),
                    price: i64::try_from(dice.below(1_000)).expect("small"),
                    note: "x".repeat(ballast).into(),
                }
            });
            orders.collect()
        });
        Self {
            splits: Arc::new(splits.collect()),
            workers: usize::try_from(dice.between(1, 4)).expect("few"),
            // Where it is short, what is remembered of keys expires while records still come.
            bound: Duration::from_millis(
                [DISORDER_MS, 86_400_000][usize::from(dice.below(2) == 0)],
            ),
            time_to_live: Duration::from_millis(dice.between(1, 500)),
            attempts: u32::try_from(dice.between(1, 3)).expect("few"),
            counts: Collected::new(),
            best: Collected::new(),
            unique: Collected::new(),
            dead: Collected::new(),
        }
    }

    fn orders(&self) -> impl Iterator<Item = &Order> {
        self.splits.iter().flatten()
    }

    fn good(&self) -> impl Iterator<Item = &Order> {
        self.orders().filter(|order| !is_bad(order.price))
    }

    fn check_counts(&self, counts: &PerWorker<Count>) -> Result<(), String> {
        let mut found: BTreeMap<u32, Vec<(u64, i64)>> = BTreeMap::new();
        counts.iter().flatten().for_each(|(_, (customer, count))| {
            found.entry(*customer).or_default().push(*count);
        });
        for (customer, counts) in &mut found {
            counts.sort();
            let prices = self.good().filter(|order| order.customer == *customer);
            let expected = prices.map(|order| order.price);
            let (n, sum) = expected.fold((0, 0), |(n, sum), price| (n + 1, sum + price));
            if !counts.iter().map(|(count, _)| *count).eq(1..=n) {
                return Err(format!("the counts of customer {customer} are {counts:?}"));
            }
            if counts.last() != Some(&(n, sum)) {
                return Err(format!("customer {customer} came to {counts:?}, not ({n}, {sum})"));
            }
        }
        let customers: BTreeSet<u32> = self.good().map(|order| order.customer).collect();
        match found.keys().copied().eq(customers) {
            true => Ok(()),
            false => Err("a customer is missing".into()),
        }
    }

    fn check_best(&self, best: &PerWorker<Best>) -> Result<(), String> {
        let mut last: BTreeMap<u32, &Vec<i64>> = BTreeMap::new();
        for (_, (customer, best)) in best.iter().flatten() {
            // A customer's rankings come from one worker, each better than the one before.
            if last.insert(*customer, best).is_some_and(|before| before >= best) {
                return Err(format!("the ranking of customer {customer} did not change"));
            }
        }
        let customers: BTreeSet<u32> = self.good().map(|order| order.customer).collect();
        if !last.keys().copied().eq(customers) {
            return Err("a customer has no ranking, or one without orders has one".into());
        }
        for (customer, best) in last {
            let of_customer = self.good().filter(|order| order.customer == customer);
            let mut prices: Vec<i64> = of_customer.map(|order| order.price).collect();
            prices.sort_by_key(|price| std::cmp::Reverse(*price));
            prices.truncate(3);
            if *best != prices {
                return Err(format!("customer {customer} ends with {best:?}, not {prices:?}"));
            }
        }
        Ok(())
    }

    fn check_unique(&self, unique: &PerWorker<(u32, u64)>) -> Result<(), String> {
        let mut passed: BTreeMap<u32, Vec<EventTime>> = BTreeMap::new();
        for (at, (customer, id)) in unique.iter().flatten() {
            let of_customer = passed.entry(*customer).or_default();
            if of_customer.iter().any(|other| self.is_near(*at, *other)) {
                return Err(format!("order {id} is a duplicate"));
            }
            of_customer.push(*at);
        }
        for order in self.good() {
            let of_customer = passed.get(&order.customer);
            if !of_customer.is_some_and(|p| p.iter().any(|at| self.is_near(*at, order.at))) {
                return Err(format!("order {} was dropped, and repeats none", order.id));
            }
        }
        Ok(())
    }

    fn is_near(&self, a: EventTime, b: EventTime) -> bool {
        a.since(b).max(b.since(a)) < self.time_to_live
    }
}

fn is_bad(price: i64) -> bool {
    price % 7 == 0
}

fn check_price(order: &Rec<Order>) -> Result<bool, OperatorFault> {
    match order.price() {
        price if is_bad(price) => Err(format!("price {price}").into()),
        _ => Ok(true),
    }
}

impl Job for Operators {
    type Outputs =
        (PerWorker<Count>, PerWorker<Best>, PerWorker<(u32, u64)>, PerWorker<(u64, Str)>);

    fn workers(&self) -> usize {
        self.workers
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let splits = Arc::clone(&self.splits);
        let orders = Items::per_split(splits.len(), move |split| {
            let splits = Arc::clone(&splits);
            (0..splits[split].len()).map(move |index| splits[split][index].clone())
        });
        let Guarded { stream, dead } = t
            .source("orders", orders)
            .watermarks(BoundedOutOfOrderness::of(self.bound))
            .try_filter(check_price)
            .retry(self.attempts)
            .or_dead_letter("prices");
        dead.broadcast()
            .filter_map(|l| Some((l.decode::<Order>()?.id, Str::from(l.error()))))
            .sink("dead", self.dead.sink());
        let (cheap, dear, free) = stream.split::<(Order, Order, Order), _>(
            "by price",
            |order, (mut cheap, mut dear, mut free)| match order.price() {
                0..100 => free.forward(order),
                100..500 => cheap.forward(order),
                _ => dear.emit(&order.to_value()),
            },
        );
        let parted =
            free.partition_by("free", |order, workers| order.customer() as usize % workers);
        let all = cheap.rebalance().union_all([dear.shuffle(), parted]);
        all.clone()
            .key_by_value(|order| order.customer())
            .aggregate("counts", |of| (of.count(), of.sum(|order| order.price())))
            .map(|running| (running.key(), running.to_value().value))
            .sink("counts out", self.counts.sink());
        all.clone()
            .key_by_value(|order| order.customer())
            .top_n("best", 3, |order| order.price())
            .map(|ranking| {
                (ranking.key(), ranking.to_value().top.iter().map(|order| order.price).collect())
            })
            .sink("best out", self.best.sink());
        let deduplicated =
            all.key_by_value(|order| order.customer()).deduplicate("once", self.time_to_live);
        deduplicated.late.inspect(|order, _| panic!("{order:?} is late")).sink("late", Blackhole);
        deduplicated
            .unique
            .map(|order| (order.customer(), order.id()))
            .sink("unique", self.unique.sink());
        Ok(())
    }

    fn take(&self) -> Self::Outputs {
        (
            self.counts.take_per_worker(),
            self.best.take_per_worker(),
            self.unique.take_per_worker(),
            self.dead.take_per_worker(),
        )
    }

    fn check(&self, (counts, best, unique, dead): &Self::Outputs) -> Result<(), String> {
        self.check_counts(counts)?;
        self.check_best(best)?;
        self.check_unique(unique)?;
        let bad = self.orders().filter(|order| is_bad(order.price));
        let expected: BTreeSet<(u64, Str)> =
            bad.map(|order| (order.id, format!("price {}", order.price).into())).collect();
        for (worker, letters) in dead.iter().enumerate() {
            let found: BTreeSet<(u64, Str)> = letters.iter().map(|(_, l)| l.clone()).collect();
            if letters.len() != expected.len() || found != expected {
                return Err(format!(
                    "worker {worker} has the dead letters {found:?}, not {expected:?}"
                ));
            }
        }
        Ok(())
    }
}
