//! Loops: every record goes round as often as it should, the loop ends, and nothing behind it is late.

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg_tests::loops::{Beside, Given, Loop, attach, expected};
use thalweg_tests::random::{on, ordered_splits};
use thalweg_tests::run::{Settings, source, watched};

fn beside() -> impl Strategy<Value = Beside> {
    prop_oneof![3 => Just(Beside::Nothing), 1 => Just(Beside::Asks), 1 => Just(Beside::Fails)]
}

fn loops() -> impl Strategy<Value = Loop> {
    let most = prop_oneof![Just(None), (1..11_u64).prop_map(Some)];
    let capacity = prop_oneof![Just(1), 1..50_usize, Just(1 << 20)];
    (most, capacity, any::<[bool; 2]>(), beside()).prop_map(
        |(most, capacity, [windows, deals], beside)| Loop {
            most,
            capacity,
            windows,
            beside,
            deals,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn every_record_makes_its_rounds_and_nothing_is_late(
        on in on(), splits in ordered_splits(80), how in loops(),
    ) {
        let (given, input) = (Given::default(), splits.clone());
        let attached = given.clone();
        let report = on.run(move |t| {
            let events = source(t, "events", &input).watermarks(Monotonic);
            attach(events, how, &attached);
            Ok(())
        }).expect("the job runs");
        prop_assert_eq!(given.take(), expected(&splits.concat(), how));
        let late = report.operator("loop.feedback").expect("it is there").totals.late;
        prop_assert_eq!(late, 0, "nothing is fed back behind the end");
    }
}

/// Edges of a graph: which components of it hang together, found by passing the least number on until nothing changes.
#[test]
fn components_of_a_graph_are_found() {
    #[record]
    struct Told {
        node: u64,
        least: u64,
    }
    let nodes = 600_u64;
    // Chains of ten, and every sixth of them closed to a ring.
    let neighbours = |node: u64| {
        let (chain, place) = (node / 10, node % 10);
        let mut all = Vec::new();
        all.extend((place > 0).then(|| node - 1));
        all.extend((place < 9).then(|| node + 1));
        if chain % 6 == 0 {
            all.push(chain * 10 + (if place == 0 { 9 } else { 0 }));
        }
        all
    };
    for workers in 1..=3 {
        let out = Collected::new();
        let sink = out.clone();
        let settings = Settings::tight(workers);
        watched(move || {
            settings.engine().build().run("components", move |t| {
                t.source("nodes", Items::of(0..nodes))
                    .without_event_time()
                    .map(|node: &Rec<u64>| Told { node: node.to_native(), least: node.to_native() })
                    .iterate("until nothing changes", |told| {
                        let lower = told.key_by_value(|told| told.node()).filter_map_with_state(
                            "least",
                            |known: &mut u64, told: &Rec<Told>| {
                                // Zero is what nobody has told yet.
                                let is_lower = *known == 0 || told.least() + 1 < *known;
                                is_lower.then(|| {
                                    *known = told.least() + 1;
                                    told.to_value()
                                })
                            },
                        );
                        let again = lower.clone().flat_map(move |told, out| {
                            for node in neighbours(told.node()) {
                                out.emit(&Told { node, least: told.least() });
                            }
                        });
                        (again, lower)
                    })
                    .map(|told| (told.node(), told.least()))
                    .sink("lower", sink.sink());
                Ok(())
            })
        })
        .expect("the job runs");
        let mut least = std::collections::BTreeMap::new();
        for (node, told) in out.take() {
            let known = least.entry(node).or_insert(told);
            *known = told.min(*known);
        }
        assert_eq!(least.len(), 600);
        assert!(least.iter().all(|(node, least)| *least == node / 10 * 10), "{least:?}");
    }
}

#[test]
fn what_a_loop_would_not_know_of_is_refused_with_what_to_do() {
    fn numbers(t: &mut Topology) -> Stream<u64> {
        t.source("numbers", Items::of([1_u64])).without_event_time().boxed()
    }
    fn refusal(job: fn(&mut Topology) -> Result<()>) -> String {
        Engine::builder().build().plan(job).expect_err("it is refused").to_string()
    }
    let nested = refusal(|t| {
        numbers(t)
            .iterate("outer", |round| {
                let inner = round.clone().iterate("inner", |round| (round.clone(), round));
                (inner, round)
            })
            .sink("out", Blackhole);
        Ok(())
    });
    assert!(nested.contains("\"inner\": it is in the body of a loop"), "{nested}");
    let elsewhere = refusal(|t| {
        let other = t.source("others", Items::of([1_u64])).without_event_time().boxed();
        numbers(t).iterate("loop", |round| (other, round)).sink("out", Blackhole);
        Ok(())
    });
    assert!(elsewhere.contains("\"loop\": what is fed back does not come of"), "{elsewhere}");
    let pauses = refusal(|t| {
        numbers(t)
            .iterate("loop", |round| {
                let tried = round.clone().try_map(|n: &Rec<u64>| Ok(n.to_native()));
                (tried.retry(2).after(1.secs()).or_fail("call"), round)
            })
            .sink("out", Blackhole);
        Ok(())
    });
    assert!(pauses.contains("\"call\": it is in the body of a loop"), "{pauses}");
}
