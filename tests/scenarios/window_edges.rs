//! Windows at the edges: instants, counts, evictors, assigners and triggers of one's own, state, the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::prelude::*;
use thalweg::window::{
    AtWatermark, Count, Element, Evict, InProcessingTime, NoState, PaneInfo, TimeWindow, Timing,
    Trigger, TriggerContext, Verdict, WindowAssigner, WindowContext,
};
use thalweg_tests::oracle::{NEVER_LATE, sorted};
use thalweg_tests::random::{Splits, on, one_split, some_splits, span};
use thalweg_tests::records::Event;
use thalweg_tests::run::{On, source};

/// A firing and the records that it saw.
type Fired = (PaneInfo, Vec<u64>);

/// Nothing is late.
fn patient() -> BoundedOutOfOrderness {
    BoundedOutOfOrderness::of(NEVER_LATE)
}

/// A key, a number and identities: what most of these windows give.
type Row = (Str, i64, Vec<u64>);

fn ids(elements: &[Element<'_, Event>]) -> Vec<u64> {
    elements.iter().map(|e| e.record.id()).collect()
}

/// Runs a job over events by name; what it gives, sorted.
fn rows(
    on: On,
    splits: &Splits,
    job: impl Fn(Stream<Event>) -> Stream<Row> + Send + Sync + 'static,
) -> Vec<Row> {
    let results = Collected::<Row>::new();
    let (handle, splits) = (results.clone(), Arc::clone(splits));
    on.run(move |t| {
        let events = source(t, "events", &splits).watermarks(patient()).boxed();
        job(events).sink("rows", handle.sink());
        Ok(())
    })
    .expect("the job runs");
    sorted(results.take())
}

/// The events of each key, in the order of their one split.
fn by_name(splits: &Splits) -> BTreeMap<Str, Vec<Event>> {
    let mut keys: BTreeMap<Str, Vec<Event>> = BTreeMap::new();
    for event in splits.iter().flatten() {
        keys.entry(event.name.clone()).or_default().push(event.clone());
    }
    keys
}

fn events_at(instants: &[EventTime]) -> Splits {
    let event = |(id, at): (u64, &EventTime)| Event {
        at: *at,
        id,
        name: "k".into(),
        group: 0,
        value: 1,
        text: Str::default(),
    };
    Arc::new(vec![(0..).zip(instants).map(event).collect()])
}

const HERE: On = On::Sim { seed: 7, workers: 1 };

/// Start and identities of tumbling windows of ten seconds, with an offset.
fn tens(instants: &[EventTime], offset: Duration) -> Vec<(i64, Vec<u64>)> {
    let found = rows(HERE, &events_at(instants), move |events| {
        let windowed = events
            .key_by(|e| e.name())
            .window("tens", Tumbling::of(10.secs()).offset(offset))
            .process(|cx: &mut WindowContext<'_, Str, Row>, elements| {
                cx.emit(&(cx.key(), cx.window().start.as_secs(), ids(elements)));
            });
        windowed.late.drop_counted();
        windowed.on_time
    });
    found.into_iter().map(|(_, start, ids)| (start, ids)).collect()
}

#[test]
fn the_last_instant_belongs_to_the_window_and_the_end_to_the_next() {
    let end = EventTime::from_secs(10);
    let last = end - 1.nanos();
    assert_eq!(tens(&[last, end], Duration::ZERO), [(0, vec![0]), (10, vec![1])]);
}

#[test]
fn windows_before_1970_round_towards_the_past() {
    let times = [-1, -10, -11, 0].map(EventTime::from_secs);
    let expected = [(-20, vec![2]), (-10, vec![0, 1]), (0, vec![3])];
    assert_eq!(tens(&times, Duration::ZERO), expected);
}

#[test]
fn an_offset_moves_all_windows_also_one_longer_than_they_are() {
    let times = [0, 2, 3, 12, 13].map(EventTime::from_secs);
    let expected = [(-7, vec![0, 1]), (3, vec![2, 3]), (13, vec![4])];
    assert_eq!(tens(&times, 3.secs()), expected);
    assert_eq!(tens(&times, 1_000_003.secs()), expected);
}

#[test]
fn a_record_at_the_end_of_time_is_in_a_window_that_fires_at_the_end_of_input() {
    let found = tens(&[EventTime::from_secs(1), EventTime::MAX], Duration::ZERO);
    assert_eq!(found[0], (0, vec![0]));
    assert_eq!((found.len(), &found[1].1), (2, &vec![1]));
}

/// Each record in the window of its minute and, if its value is even, in that of its hour.
struct MinuteAndHour;

impl WindowAssigner<Event> for MinuteAndHour {
    fn assign(&mut self, event: &Rec<Event>, at: EventTime, windows: &mut Vec<TimeWindow>) {
        windows.push(Tumbling::of(60.millis()).assign(at));
        if event.value() % 2 == 0 {
            windows.push(Tumbling::of(3_600.millis()).assign(at));
        }
    }

    fn describe(&self) -> String {
        "minutes and hours".into()
    }
}

/// Fires and purges when the sum of values in the window has reached a hundred.
struct Hundred;

impl Trigger<Event> for Hundred {
    type State = i64;

    fn on_record(
        &mut self,
        event: &Rec<Event>,
        _: EventTime,
        pane: &mut TriggerContext<'_, i64>,
    ) -> Verdict {
        *pane.state += event.value() % 50;
        if *pane.state < 100 {
            return Verdict::Continue;
        }
        *pane.state = 0;
        Verdict::FireAndPurge
    }

    fn fires_at_end(&self) -> bool {
        false
    }

    fn on_end(&mut self, _: &mut TriggerContext<'_, i64>) -> Verdict {
        Verdict::Purge
    }

    fn describe(&self) -> String {
        "at a hundred".into()
    }
}

/// Fires a second of event time after the first record of a window, once.
struct AfterASecond;

impl Trigger<Event> for AfterASecond {
    type State = NoState;

    fn on_record(
        &mut self,
        _: &Rec<Event>,
        at: EventTime,
        pane: &mut TriggerContext<'_, NoState>,
    ) -> Verdict {
        if pane.wake().is_none() {
            pane.wake_at(at + 1.secs());
        }
        Verdict::Continue
    }

    fn on_end(&mut self, _: &mut TriggerContext<'_, NoState>) -> Verdict {
        Verdict::Continue
    }

    fn describe(&self) -> String {
        "after a second".into()
    }
}

#[test]
fn a_trigger_is_called_at_the_instant_for_which_it_asked() {
    let times = [0, 500, 999, 3_000, 3_400].map(EventTime::from_millis);
    let found = Collected::<(EventTime, Vec<u64>)>::new();
    let (handle, splits) = (found.clone(), events_at(&times));
    HERE.run(move |t| {
        let windowed = source(t, "events", &splits)
            .watermarks(patient())
            .key_by(|e| e.name())
            .window("all", Global)
            .trigger(AfterASecond)
            .discarding()
            .process(|cx: &mut WindowContext<'_, Str, (EventTime, Vec<u64>)>, elements| {
                cx.emit(&(cx.watermark(), ids(elements)));
            });
        windowed.late.drop_counted();
        windowed.on_time.sink("found", handle.sink());
        Ok(())
    })
    .unwrap();
    // All records come before the one watermark, that of the end; the instant was asked for once.
    assert_eq!(found.take(), [(EventTime::MAX, vec![0, 1, 2, 3, 4])]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn count_windows_are_each_keys_records_in_rows(
        splits in one_split(300), records in 1..30_u64, on in on(),
    ) {
        let found = rows(on, &splits, move |events| {
            let windowed = events.key_by(|e| e.name()).count_window("counts", records).process_aggregate(
                |of| of.collect(|e| e.id()),
                |cx: &mut WindowContext<'_, Str, Row>, ids| cx.emit(&(cx.key(), 0, ids)),
            );
            windowed.late.drop_counted();
            windowed.on_time
        });
        let size = usize::try_from(records).unwrap();
        let expected = by_name(&splits).into_iter().flat_map(|(name, events)| {
            let rows = events.chunks_exact(size).map(|row| row.iter().map(|e| e.id).collect());
            rows.map(|ids| (name.clone(), 0, ids)).collect::<Vec<_>>()
        });
        prop_assert_eq!(found, sorted(expected));
    }

    #[test]
    fn sliding_count_windows_are_the_last_records_after_every_few(
        splits in one_split(300), records in 1..30_u64, slide in 1..30_u64, on in on(),
    ) {
        let found = rows(on, &splits, move |events| {
            let windowed = events
                .key_by(|e| e.name())
                .sliding_count_window("counts", records, slide)
                .aggregate_with(|of| of.collect(|e| e.id()));
            windowed.late.drop_counted();
            windowed.on_time.map(|w| { let w = w.to_value(); (w.key, 0, w.value) }).boxed()
        });
        let (records, slide) = (usize::try_from(records).unwrap(), usize::try_from(slide).unwrap());
        let expected = by_name(&splits).into_iter().flat_map(|(name, events)| {
            let ends = (slide..=events.len()).step_by(slide);
            // With a slide longer than the window what is between is still in the list when it fires: the last ones are kept.
            let rows = ends.map(|end| events[end.saturating_sub(records)..end].iter().map(|e| e.id).collect());
            rows.map(|ids| (name.clone(), 0, ids)).collect::<Vec<_>>()
        });
        prop_assert_eq!(found, sorted(expected));
    }

    #[test]
    fn an_evictor_by_time_keeps_what_is_near_the_latest(
        splits in one_split(200), width in span(), keep in span(), after in any::<bool>(), on in on(),
    ) {
        let found = rows(on, &splits, move |events| {
            let windows = events.key_by(|e| e.name()).window("windows", Tumbling::of(width));
            let emit = |cx: &mut WindowContext<'_, Str, Row>, elements: &[Element<'_, Event>]| {
                cx.emit(&(cx.key(), cx.window().start.as_nanos(), ids(elements)));
            };
            let windowed = match after {
                false => windows.evictor(Evict::time(keep)).process(emit),
                true => windows.evictor(Evict::after(Evict::time(keep))).process(emit),
            };
            windowed.late.drop_counted();
            windowed.on_time
        });
        let mut expected: BTreeMap<(Str, i64), Vec<Event>> = BTreeMap::new();
        for event in &splits[0] {
            let start = Tumbling::of(width).assign(event.at).start.as_nanos();
            expected.entry((event.name.clone(), start)).or_default().push(event.clone());
        }
        let expected = expected.into_iter().map(|((name, start), events)| {
            let latest = events.iter().map(|e| e.at).max().unwrap();
            let kept = events.iter().filter(|e| after || e.at >= latest - keep);
            (name, start, kept.map(|e| e.id).collect())
        });
        prop_assert_eq!(found, sorted(expected));
    }

    #[test]
    fn a_purging_trigger_of_ones_own_over_an_assigner_of_ones_own(
        splits in one_split(200), on in on(),
    ) {
        let found = rows(on, &splits, |events| {
            let windowed = events
                .key_by(|e| e.name())
                .window("own", MinuteAndHour)
                .trigger(Hundred)
                .process(|cx: &mut WindowContext<'_, Str, Row>, elements| {
                    let window = cx.window();
                    let width = window.end.nanos_since(window.start);
                    cx.emit(&(cx.key(), window.start.as_nanos() ^ width, ids(elements)));
                });
            windowed.late.drop_counted();
            windowed.on_time
        });
        let mut open: BTreeMap<(Str, i64, i64), (i64, Vec<u64>)> = BTreeMap::new();
        let mut expected = Vec::new();
        for event in &splits[0] {
            for width in [60.millis(), 3_600.millis()] {
                if width == 60.millis() || event.value % 2 == 0 {
                    let window = Tumbling::of(width).assign(event.at);
                    let span = window.end.nanos_since(window.start);
                    let key = (event.name.clone(), window.start.as_nanos(), span);
                    let (sum, ids) = open.entry(key).or_default();
                    *sum += event.value % 50;
                    ids.push(event.id);
                    if *sum >= 100 {
                        *sum = 0;
                        expected.push((event.name.clone(), window.start.as_nanos() ^ span, std::mem::take(ids)));
                    }
                }
            }
        }
        prop_assert_eq!(found, sorted(expected));
    }

    #[test]
    fn a_window_function_remembers_by_window_and_by_key(
        splits in one_split(200), width in span(), every in 1..6_u64, on in on(),
    ) {
        let found = rows(on, &splits, move |events| {
            let windowed = events
                .key_by(|e| e.name())
                .window("windows", Tumbling::of(width))
                .trigger(Count::of(every))
                .process_with_state(|cx: &mut WindowContext<'_, Str, Row>, state, _| {
                    let (of_window, of_key): (&mut u64, &mut u64) = (state.window, state.key);
                    *of_window += 1;
                    *of_key += 1;
                    cx.emit(&(cx.key(), cx.window().start.as_nanos(), vec![*of_window, *of_key]));
                });
            windowed.late.drop_counted();
            windowed.on_time
        });
        let mut counts: BTreeMap<(Str, i64), (u64, u64)> = BTreeMap::new();
        let mut keys: BTreeMap<Str, u64> = BTreeMap::new();
        let mut expected = Vec::new();
        for event in &splits[0] {
            let start = Tumbling::of(width).assign(event.at).start.as_nanos();
            let (records, firings) = counts.entry((event.name.clone(), start)).or_default();
            *records += 1;
            if records.is_multiple_of(every) {
                *firings += 1;
                let of_key = keys.entry(event.name.clone()).or_default();
                *of_key += 1;
                expected.push((event.name.clone(), start, vec![*firings, *of_key]));
            }
        }
        prop_assert_eq!(found, sorted(expected));
    }

    #[test]
    fn reduce_makes_one_record_of_all_also_across_slices(
        splits in some_splits(150), slide in 1..300_u64, slides in 1..12_u64, on in on(),
    ) {
        let found = rows(on, &splits, move |events| {
            let windowed = events
                .key_by(|e| e.name())
                .window("latest", Sliding::of((slide * slides).millis(), slide.millis()))
                .reduce(|latest, e| if (e.at(), e.id()) > (latest.at, latest.id) { e.to_value() } else { latest });
            windowed.late.drop_counted();
            windowed.on_time.map(|w| (w.key().into(), w.start().as_nanos(), vec![w.value().id()])).boxed()
        });
        let mut windows: BTreeMap<(Str, i64), (EventTime, u64)> = BTreeMap::new();
        let step = i64::try_from(slide).unwrap() * 1_000_000;
        for event in splits.iter().flatten() {
            let last = event.at.as_nanos().div_euclid(step) * step;
            for back in 0..i64::try_from(slides).unwrap() {
                let best = windows.entry((event.name.clone(), last - back * step));
                let best = best.or_insert((event.at, event.id));
                *best = (*best).max((event.at, event.id));
            }
        }
        let expected = windows.into_iter().map(|((name, start), (_, id))| (name, start, vec![id]));
        prop_assert_eq!(found, sorted(expected));
    }

    #[test]
    fn windows_of_processing_time_hold_each_record_once(
        splits in some_splits(200), width in 1..5_000_000_u64, session in any::<bool>(), on in on(),
    ) {
        let found = rows(on, &splits, move |events| {
            let emit = |cx: &mut WindowContext<'_, Str, Row>, elements: &[Element<'_, Event>]| {
                let window = cx.window();
                assert!(elements.iter().all(|e| window.covers(e.at)), "the time is the clock's");
                cx.emit(&(cx.key(), 0, ids(elements)));
            };
            let keyed = events.key_by(|e| e.name());
            let windowed = match session {
                false => keyed.window("now", InProcessingTime(Tumbling::of(width.nanos()))).process(emit),
                true => keyed.window("now", InProcessingTime(Session::gap(width.nanos()))).process(emit),
            };
            windowed.late.drop_counted();
            windowed.on_time
        });
        let found = sorted(found.into_iter().flat_map(|(name, _, ids)| ids.into_iter().map(move |id| (name.clone(), id))));
        let expected = sorted(splits.iter().flatten().map(|e| (e.name.clone(), e.id)));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn early_firings_by_the_clock_show_a_part_and_the_last_shows_all(
        splits in some_splits(200), width in span(), every in 1..3_000_000_u64, on in on(),
    ) {
        let results = Collected::<(PaneInfo, Row)>::new();
        let (handle, input) = (results.clone(), Arc::clone(&splits));
        on.run(move |t| {
            let windowed = source(t, "events", &input)
                .watermarks(patient())
                .key_by(|e| e.name())
                .window("windows", Tumbling::of(width))
                .trigger(AtWatermark.early_every(every.nanos()))
                .process(|cx: &mut WindowContext<'_, Str, (PaneInfo, Row)>, elements| {
                    cx.emit(&(cx.pane(), (cx.key(), cx.window().start.as_nanos(), ids(elements))));
                });
            windowed.late.drop_counted();
            windowed.on_time.sink("rows", handle.sink());
            Ok(())
        }).expect("the job runs");
        let mut windows: BTreeMap<(Str, i64), Vec<Fired>> = BTreeMap::new();
        for (pane, (name, start, ids)) in results.take() {
            windows.entry((name, start)).or_default().push((pane, ids));
        }
        let mut whole: BTreeMap<(Str, i64), BTreeSet<u64>> = BTreeMap::new();
        for event in splits.iter().flatten() {
            let start = Tumbling::of(width).assign(event.at).start.as_nanos();
            whole.entry((event.name.clone(), start)).or_default().insert(event.id);
        }
        prop_assert!(windows.keys().eq(whole.keys()));
        for (key, mut panes) in windows {
            panes.sort_by_key(|(pane, _)| pane.number);
            let (last, early) = panes.split_last().expect("a window has a firing");
            prop_assert_eq!(last.0.timing, Timing::OnTime);
            prop_assert_eq!(&last.1.iter().copied().collect::<BTreeSet<_>>(), &whole[&key]);
            for (number, (pane, ids)) in (0..).zip(early) {
                prop_assert_eq!((pane.timing, pane.number), (Timing::Early, number));
                prop_assert!(last.1.starts_with(ids), "what came later comes later");
            }
        }
    }
}
