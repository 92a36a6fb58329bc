//! Nexmark's queries against the results of another engine over the same events; q12, which depends on the clock, against a count.

use std::collections::BTreeMap;

use thalweg::rt::Sim;
use thalweg_bench::nexmark::generator::Prepared;
use thalweg_bench::nexmark::model::Event;
use thalweg_bench::nexmark::outlet::{Kept, Outlet};
use thalweg_bench::nexmark::queries;
use thalweg_bench::nexmark::run;
use thalweg_tests::nexmark::{compare, digests, events, golden, side_input};

fn all_queries_on(workers: usize) {
    let (digests, side_input) = (digests(), side_input());
    let source = Prepared::from_events(events().to_vec());
    let mut compared = 0;
    for query in queries::ALL.iter().filter(|query| query.name != "q12") {
        let found = run::over(*query, source.clone(), &side_input, workers).unwrap();
        compare(query, &found, &digests).unwrap();
        compared += 1;
    }
    assert_eq!((compared, digests.len()), (22, 22));
}

#[test]
fn nexmark_results_are_the_golden_ones_on_one_worker() {
    all_queries_on(1);
}

#[test]
fn nexmark_results_are_the_golden_ones_on_two_workers() {
    all_queries_on(2);
}

#[test]
fn nexmark_results_of_the_file_itself_are_the_golden_ones() {
    let digests = digests();
    for name in ["q5", "q9"] {
        let query = queries::find(name).unwrap();
        let file = golden("events-60k.jsonl.gz");
        let found = run::over_file(*query, &file, &run::no_side_input(), 2).unwrap();
        compare(query, &found, &digests).unwrap();
    }
}

/// The simulator's clock starts at a full ten seconds and does not move that far in a short run: there is one window, and it has everything.
#[test]
fn bids_of_one_window_of_processing_time_are_counted_by_bidder() {
    let some = events()[..2_000].to_vec();
    let mut bids = BTreeMap::<u64, u64>::new();
    for event in &some {
        if let Event::Bid(bid) = event {
            *bids.entry(bid.bidder).or_default() += 1;
        }
    }
    let line = |(bidder, bids): (&u64, &u64)| {
        format!("{bidder},{bids},2020-01-01 00:00:00.000,2020-01-01 00:00:10.000\n")
    };
    let mut expected: Vec<String> = bids.iter().map(line).collect();
    expected.sort();
    for workers in [1, 2] {
        let kept = Kept::default();
        let (outlet, source) = (Outlet::Kept(kept.clone()), Prepared::from_events(some.clone()));
        let query = *queries::find("q12").unwrap();
        let simulated = Sim::new(7, workers).run(move |t| {
            run::build(query, t, source.clone(), run::no_side_input(), &outlet);
            Ok(())
        });
        simulated.unwrap();
        assert_eq!(kept.sorted(), expected.concat());
    }
}
