//! Bids of an auction house: running totals of each auction into parts, sums of windows into one file, and some bids as they are into a file a worker.
//!
//! The totals are the sharpest: the n-th bid of an auction leaves with n and the sum so far, so a bid that counts twice, or not, shows in all that follow.

use std::collections::BTreeMap;
use std::path::Path;

use thalweg::prelude::*;

const SPLITS: usize = 3;
/// Seconds of event time.
const WINDOW_S: i64 = 60;

/// Which bids, and how they are written.
#[derive(Debug, Clone, Copy)]
pub struct Auctions {
    /// What the bids are drawn from.
    pub seed: u64,
    /// How many there are.
    pub bids: u64,
    /// Auctions that are bid for.
    pub auctions: u64,
    /// When parts end.
    pub roll: Roll,
}

/// What is in a folder and below, by path from there.
pub type Texts = BTreeMap<String, String>;

#[record]
struct Bid {
    #[event_time]
    at: EventTime,
    id: u64,
    auction: u64,
    price: u64,
}

#[record]
#[derive(Default)]
struct Total {
    auction: u64,
    bids: u64,
    sum: u64,
}

#[record]
struct InWindow {
    start: EventTime,
    auction: u64,
    bids: u64,
    sum: u64,
}

/// SplitMix64.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Auctions {
    /// The auctions with small numbers get most of the bids.
    fn bid(&self, id: u64) -> Bid {
        let dice = mixed(mixed(self.seed + 1) ^ id);
        let auction = (dice >> 40) % (1 + (dice >> 20) % self.auctions);
        let at = EventTime::from_millis(i64::try_from(id * 10).expect("few"));
        Bid { at, id, auction, price: dice % 10_000 }
    }

    fn all(&self) -> Vec<Bid> {
        (0..self.bids).map(|id| self.bid(id)).collect()
    }

    /// Looks for every bid in what the job has written.
    ///
    /// # Errors
    ///
    /// What is there twice, or missing, or should not be.
    pub fn check(&self, written: &Texts) -> Result<(), String> {
        let all = self.all();
        check_totals(written, &all)?;
        check_minutes(written, &all)?;
        check_some(written, &all)
    }
}

/// The job.
///
/// # Errors
///
/// None, but that is its type.
pub fn bids(t: &mut Topology, auctions: &Auctions, output: &Path) -> Result<()> {
    let from = *auctions;
    let bids = t
        .source("bids", Generator::of(0..from.bids, move |id| from.bid(id)).splits(SPLITS))
        .watermarks(Monotonic);
    bids.clone()
        .key_by_value(|bid| bid.auction())
        .aggregate("totals", |of| (of.count(), of.sum(|bid| bid.price())))
        .map(|running| Total {
            auction: running.key(),
            bids: running.value().0,
            sum: running.value().1,
        })
        .sink("totals out", Files::csv(output.join("totals")).parts(from.roll));
    let Windowed { on_time, late } = bids
        .clone()
        .key_by_value(|bid| bid.auction())
        .window("a minute", Tumbling::of(WINDOW_S.cast_unsigned().secs()))
        .aggregate(|sum: &mut Total, bid| {
            sum.bids += 1;
            sum.sum += bid.price();
        });
    late.drop_counted();
    on_time
        .map(|w| InWindow {
            start: w.start(),
            auction: w.key(),
            bids: w.value().bids(),
            sum: w.value().sum(),
        })
        .sink("minutes out", Files::csv(output.join("minutes.csv")));
    bids.filter(|bid| bid.id() % 7 == 0)
        .sink("some out", Files::ndjson(output.join("some.ndjson")).per_worker());
    Ok(())
}

/// In whatever order the bids of an auction came, its totals are the sums of a front of them.
fn check_totals(written: &Texts, all: &[Bid]) -> Result<(), String> {
    let mut prices: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    all.iter().for_each(|bid| prices.entry(bid.auction).or_default().push(bid.price));
    let mut totals: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
    for (name, text) in written.iter().filter(|(name, _)| name.starts_with("totals/")) {
        if !name.ends_with(".csv") {
            return Err(format!("{name} is left over"));
        }
        for row in rows(text, "auction,bids,sum")? {
            let [auction, bids, sum] = numbers(&row)?;
            totals.entry(auction).or_default().push((bids, sum));
        }
    }
    for (auction, expected) in &mut prices {
        let mut found = totals.remove(auction).unwrap_or_default();
        found.sort_unstable();
        let counts: Vec<u64> = found.iter().map(|(count, _)| *count).collect();
        let expected_counts: Vec<u64> = (1..=expected.len() as u64).collect();
        same(&format!("totals of auction {auction}"), &counts, &expected_counts)?;
        let sums = [0].into_iter().chain(found.iter().map(|(_, sum)| *sum));
        let steps =
            sums.clone().zip(sums.skip(1)).map(|(before, after)| after.wrapping_sub(before));
        let mut steps: Vec<u64> = steps.collect();
        steps.sort_unstable();
        expected.sort_unstable();
        same(&format!("prices in the totals of auction {auction}"), &steps, expected)?;
    }
    match totals.first_key_value() {
        None => Ok(()),
        Some((auction, _)) => Err(format!("there is no auction {auction}")),
    }
}

fn check_minutes(written: &Texts, all: &[Bid]) -> Result<(), String> {
    let mut windows: BTreeMap<(i64, u64), (u64, u64)> = BTreeMap::new();
    for bid in all {
        let start = bid.at.as_secs() / WINDOW_S * WINDOW_S;
        let window = windows.entry((start, bid.auction)).or_default();
        *window = (window.0 + 1, window.1 + bid.price);
    }
    let lines = windows.iter().map(|((start, auction), (bids, sum))| {
        format!("{},{auction},{bids},{sum}", EventTime::from_secs(*start))
    });
    let mut expected: Vec<String> = lines.collect();
    expected.sort();
    let mut found = rows(
        written.get("minutes.csv").ok_or("there is no minutes.csv")?,
        "start,auction,bids,sum",
    )?;
    found.sort();
    same("minutes.csv", &found, &expected)
}

fn check_some(written: &Texts, all: &[Bid]) -> Result<(), String> {
    let mut found = Vec::new();
    for (_, text) in written.iter().filter(|(name, _)| name.starts_with("some-")) {
        found.extend(text.lines().map(str::to_owned));
    }
    let line = |bid: &Bid| {
        let Bid { at, id, auction, price } = bid;
        format!("{{\"at\":\"{at}\",\"id\":{id},\"auction\":{auction},\"price\":{price}}}")
    };
    let mut expected: Vec<String> = all.iter().filter(|bid| bid.id % 7 == 0).map(line).collect();
    found.sort();
    expected.sort();
    same("some-*.ndjson", &found, &expected)
}

/// The lines behind the header, which stands at the front and nowhere else.
fn rows(text: &str, header: &str) -> Result<Vec<String>, String> {
    let mut lines = text.lines();
    match lines.next() {
        Some(first) if first == header => {}
        other => return Err(format!("the header is {other:?}, and should be {header:?}")),
    }
    if !text.ends_with('\n') {
        return Err("the last line is cut off".to_owned());
    }
    Ok(lines.map(str::to_owned).collect())
}

fn numbers<const N: usize>(row: &str) -> Result<[u64; N], String> {
    let cells = row.split(',').map(str::parse);
    let cells: Vec<u64> =
        cells.collect::<Result<_, _>>().map_err(|error| format!("{row}: {error}"))?;
    cells.try_into().map_err(|_| format!("{row}: it has not {N} cells"))
}

/// Compares sorted lines.
///
/// # Errors
///
/// What differs first.
pub fn same<T: PartialEq + Ord + std::fmt::Debug>(
    what: &str,
    found: &[T],
    expected: &[T],
) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let counts = format!("{what}: {} lines of {}", found.len(), expected.len());
    let place = found.iter().zip(expected).position(|(found, expected)| found != expected);
    let place = place.unwrap_or(found.len().min(expected.len()));
    let (found, expected) = (found.get(place), expected.get(place));
    let kind = match (found, expected) {
        (Some(found), Some(expected)) if found < expected => "twice, or not of this job",
        (Some(_), None) => "twice, or not of this job",
        _ => "missing",
    };
    Err(format!("{counts}; line {place} is {found:?} and should be {expected:?}: {kind}"))
}
