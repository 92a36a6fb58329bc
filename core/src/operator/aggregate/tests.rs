//! Aggregators against the iterators of the standard library, whole and put together from pieces.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::raw::scratch::Scratch;
use crate::record::Str;

type Row = (u32, i64, Str);

/// Adds the rows of each piece, every accumulator through its archive, and merges the pieces.
fn run<A: Aggregator<Row>>(aggregator: &A, pieces: &[Vec<Row>]) -> A::Result {
    let (mut row, mut archive) = (Scratch::default(), Scratch::default());
    let mut through = |accumulator: A::Accumulator| archive.archive(&accumulator).to_value();
    let mut whole = aggregator.create();
    for piece in pieces {
        let mut part = aggregator.create();
        for value in piece {
            aggregator.add(&mut part, row.archive(value), EventTime::EPOCH);
            part = through(part);
        }
        aggregator.merge(&mut whole, part);
        whole = through(whole);
    }
    aggregator.result(&whole)
}

fn rows() -> impl Strategy<Value = Vec<Vec<Row>>> {
    let row = (0..50_u32, -1_000..1_000_i64, "[a-d]{0,3}").prop_map(|(a, b, c)| (a, b, c.into()));
    vec(vec(row, 0..40), 1..5)
        .prop_filter("at least one row", |pieces| pieces.iter().any(|piece| !piece.is_empty()))
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

fn of() -> Of<Row> {
    Of::new()
}

proptest! {
    #[test]
    fn counts_sums_and_extremes_are_those_of_iterators(pieces in rows()) {
        let all: Vec<Row> = pieces.concat();
        let found = run(
            &(
                of().count(),
                of().sum(|r| r.1.to_native()),
                of().min(|r| r.1.to_native()),
                of().max(|r| Str::from(r.2.as_str())),
                of().distinct(|r| r.0.to_native()),
                of().collect(|r| r.0.to_native()),
            ),
            &pieces,
        );
        let distinct: std::collections::BTreeSet<u32> = all.iter().map(|r| r.0).collect();
        let expected = (
            all.len() as u64,
            all.iter().map(|r| r.1).sum::<i64>(),
            all.iter().map(|r| r.1).min().unwrap(),
            all.iter().map(|r| r.2.clone()).max().unwrap(),
            distinct.len() as u64,
            all.iter().map(|r| r.0).collect::<Vec<_>>(),
        );
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn firsts_lasts_and_tops_are_those_of_lists(pieces in rows(), k in 0..8_usize) {
        let all: Vec<Row> = pieces.concat();
        let found = run(
            &(
                of().first(Rec::to_value),
                of().last(Rec::to_value),
                of().min_by(|r| r.1.to_native(), Rec::to_value),
                of().max_by(|r| r.1.to_native(), Rec::to_value),
                of().top_k(k, |r| (r.1.to_native(), r.0.to_native())),
            ),
            &pieces,
        );
        let mut sorted: Vec<(i64, u32)> = all.iter().map(|r| (r.1, r.0)).collect();
        sorted.sort_by(|a, b| b.cmp(a));
        sorted.truncate(k);
        let mut by_rank = all.clone();
        by_rank.sort_by_key(|r| r.1);
        let least = by_rank[0].clone();
        by_rank.sort_by_key(|r| std::cmp::Reverse(r.1));
        let greatest = by_rank[0].clone();
        let expected =
            (all[0].clone(), all[all.len() - 1].clone(), least, greatest, sorted);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn means_and_deviations_are_those_of_two_passes(pieces in rows()) {
        let all: Vec<f64> = pieces.concat().iter().map(|r| r.1 as f64 / 7.0).collect();
        let read = |r: &Rec<Row>| r.1.to_native() as f64 / 7.0;
        let found = run(
            &(of().mean(read), of().stddev(read), of().stddev_of_sample(read), of().sum(read)),
            &pieces,
        );
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let squares: f64 = all.iter().map(|x| (x - mean).powi(2)).sum();
        prop_assert!(near(found.0, mean), "mean {} {mean}", found.0);
        prop_assert!(near(found.1, (squares / n).sqrt()), "deviation {}", found.1);
        prop_assert!(near(found.2, (squares / (n - 1.0).max(1.0)).sqrt()), "of sample {}", found.2);
        prop_assert!(near(found.3, all.iter().sum()), "sum {}", found.3);
    }

    #[test]
    fn a_fold_is_that_of_its_closures(pieces in rows()) {
        let longest = of().fold(
            |longest: &mut u64, r| *longest = (*longest).max(r.2.len() as u64),
            |longest: &mut u64, later| *longest = (*longest).max(later),
        );
        let expected = pieces.concat().iter().map(|r| r.2.len() as u64).max().unwrap();
        prop_assert_eq!(run(&longest, &pieces), expected);
    }
}

fn numbers(values: impl IntoIterator<Item = u32>) -> Vec<Row> {
    values.into_iter().map(|n| (n, 0, Str::default())).collect()
}

#[test]
fn approximate_count_is_exact_for_few_and_near_for_many_however_they_are_put_together() {
    let approx = of().distinct_approx(|r| r.0.to_native());
    for few in [1, 2, 63, 64, 65, 200] {
        assert_eq!(run(&approx, &[numbers(0..few)]), u64::from(few));
    }
    let whole = run(&approx, &[numbers(0..50_000)]);
    assert!(whole.abs_diff(50_000) < 50_000 * 3 * 16 / 1_000, "{whole}");
    let pieces = [numbers(0..30_000), numbers(10_000..50_000), numbers(0..10), Vec::new()];
    assert_eq!(run(&approx, &pieces), whole, "pieces that overlap are the same set");
    let backwards = run(&approx, &[numbers((0..50_000).rev())]);
    assert_eq!(backwards, whole, "the order does not show");
}

#[test]
fn a_value_that_cannot_be_compared_counts_only_if_there_is_nothing_else() {
    let read = |r: &Rec<Row>| if r.0.to_native() == 0 { f64::NAN } else { r.0.to_native().into() };
    let (min, max, top) = (of().min(read), of().max(read), of().top_k(2, read));
    let pieces = [numbers([0, 3]), numbers([0, 2, 0])];
    assert_eq!(run(&min, &pieces).total_cmp(&2.0), std::cmp::Ordering::Equal);
    assert_eq!(run(&max, &pieces).total_cmp(&3.0), std::cmp::Ordering::Equal);
    assert_eq!(run(&top, &pieces), [3.0, 2.0]);
    assert!(run(&min, &[numbers([0, 0])]).is_nan());
}

#[test]
fn a_sum_of_floats_does_not_lose_what_is_small() {
    let read = |r: &Rec<Row>| match r.0.to_native() {
        0 => 1e100,
        1 => 1.0_f64,
        _ => -1e100,
    };
    let sum = of().sum(read);
    assert_eq!(run(&sum, &[numbers([0, 1, 2])]).to_bits(), 1.0_f64.to_bits());
    assert_eq!(run(&sum, &[numbers([0]), numbers([1, 2])]).to_bits(), 1.0_f64.to_bits());
}

#[test]
#[should_panic(expected = "a sum of u64 exceeds u64")]
fn a_sum_that_does_not_fit_is_no_sum() {
    run(&of().sum(|_| u64::MAX), &[numbers([1, 2])]);
}
