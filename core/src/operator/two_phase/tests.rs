//! What leaves the table, and when.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::pieces::Pieces;
use super::*;
use crate::agg::Count;
use crate::exchange::ByValue;
use crate::exchange::lane::LaneRx;
use crate::operator::chain::Direct;
use crate::operator::outlet::Outlet;
use crate::operator::rig::{Seen, at, lane, receive, watermark};
use crate::raw::page::{Control, PageBuf};
use crate::raw::view::Rec;
use crate::record::KeyHash;
use crate::time::EventTime;
use crate::window::{InPieces, Session, Tumbling};

type Sent = Early<u64, u64, u64>;

/// An outlet that counts numbers, each by itself, and what it sends.
fn counting(pieces: impl Pieces) -> (Box<dyn Outlet<u64>>, LaneRx<Sent>) {
    let (tx, rx) = lane(20_000);
    let selector = Rc::new(ByValue::new(|n: &Rec<u64>| n.to_native()));
    let combiner = Combiner::new(selector, Count, pieces, EventTime::MIN);
    (Box::new(CombiningOutlet::new(Direct::default(), combiner, vec![tx])), rx)
}

/// Sends elements, so many a page, and returns what arrives.
fn sent(pieces: impl Pieces, elements: &[Seen<u64>], on_a_page: usize) -> Vec<Seen<Sent>> {
    let (mut outlet, mut rx) = counting(pieces);
    for elements in elements.chunks(on_a_page) {
        let mut page = PageBuf::new(64 << 10);
        for element in elements {
            assert!(match element {
                Seen::Record(value, at) => page.push(value, *at, KeyHash(0)),
                Seen::Control(control) => page.push_control(*control),
            });
        }
        outlet.page(page.view()).unwrap();
    }
    outlet.flush();
    assert!(outlet.drain());
    receive(&mut rx)
}

fn number(n: u64, nanos: i64) -> Seen<u64> {
    Seen::Record(n, at(nanos))
}

fn part(key: u64, end: i64, count: u64, when: i64) -> Seen<Sent> {
    Seen::Record(Early::Part(Part { key, end: at(end), value: count }), at(when))
}

fn control<T>(control: Control) -> Seen<T> {
    Seen::Control(control)
}

fn tens() -> impl Pieces {
    InPieces::<u64>::pieces(&Tumbling::of(Duration::from_nanos(10)))
}

#[test]
fn an_accumulator_leaves_before_the_watermark_that_ends_its_slice_and_no_sooner() {
    let elements = [
        number(1, 3),
        number(1, 5),
        number(2, 12),
        number(1, 4),
        watermark(9),
        number(1, 9),
        watermark(10),
        watermark(20),
    ];
    let expected =
        [watermark(9), part(1, 10, 4, 3), watermark(10), part(2, 20, 1, 12), watermark(20)];
    assert_eq!(sent(tens(), &elements, 3), expected);
}

#[test]
fn nothing_is_held_across_a_barrier_and_at_the_end() {
    for last in [Control::Barrier(7), Control::End, Control::Halt] {
        let elements = [number(1, 3), number(2, 3), control(last)];
        let expected = [part(1, 10, 1, 3), part(2, 10, 1, 3), control(last)];
        assert_eq!(sent(tens(), &elements, 1), expected);
    }
}

#[test]
fn a_record_that_may_be_late_travels_whole_behind_what_is_held_of_its_key() {
    let elements = [number(1, 3), watermark(20), number(1, 25), number(1, 19), number(1, 26)];
    let whole = |n, when| Seen::Record(Early::Whole(n), at(when));
    let expected = [part(1, 10, 1, 3), watermark(20), part(1, 30, 1, 25), whole(1, 19)];
    assert_eq!(sent(tens(), &elements, 9), expected);
    // When it was idle, event time may have gone on without it.
    let elements = [number(1, 3), control(Control::Idle), control(Control::Active), number(1, 25)];
    let expected =
        [part(1, 10, 1, 3), control(Control::Idle), control(Control::Active), whole(1, 25)];
    assert_eq!(sent(tens(), &elements, 9), expected);
}

#[test]
fn a_part_of_a_session_leaves_while_an_earlier_part_may_still_be_open() {
    let sessions = || InPieces::<u64>::pieces(&Session::gap(Duration::from_nanos(7)));
    let elements = [number(1, 20), number(1, 26), number(1, 19), watermark(19), watermark(20)];
    let expected = [watermark(19), part(1, 34, 3, 19), watermark(20)];
    assert_eq!(sent(sessions(), &elements, 9), expected);
    // What is further away than the gap is a part of its own.
    let elements = [number(1, 20), number(1, 28), watermark(30)];
    let expected = [part(1, 28, 1, 20), part(1, 36, 1, 28), watermark(30)];
    assert_eq!(sent(sessions(), &elements, 9), expected);
}

#[test]
fn for_running_aggregates_a_record_from_the_past_is_of_the_present() {
    let steps = || Steps::every(Duration::from_nanos(10));
    let elements = [watermark(35), number(1, 3), number(1, 38), watermark(39), watermark(40)];
    let expected = [watermark(35), watermark(39), part(1, 40, 2, 38), watermark(40)];
    assert_eq!(sent(steps(), &elements, 9), expected);
}

/// Numbers and watermarks, nothing late.
fn elements() -> impl Strategy<Value = Vec<Seen<u64>>> {
    vec((0..40_000_u64, 0..4_i64, 0..30_i64), 0..3_000).prop_map(|dice| {
        let mut clock = 0;
        let elements = dice.into_iter().flat_map(|(n, step, back)| {
            clock += step;
            let record = number(n * n / 40_000, clock - back);
            [Some(record), (n % 60 == 0).then(|| watermark(clock - 40))]
        });
        elements.flatten().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn parts_add_up_to_the_records_whatever_the_pages_and_the_keys_that_share_a_place(
        elements in elements(), on_a_page in 1..700_usize,
    ) {
        let mut elements = elements;
        elements.push(control(Control::End));
        let found = sent(tens(), &elements, on_a_page);
        prop_assert_eq!(&found, &sent(tens(), &elements, 700));
        let mut expected: BTreeMap<(u64, i64), u64> = BTreeMap::new();
        for element in &elements {
            if let Seen::Record(n, at) = element {
                *expected.entry((*n, at.as_nanos().div_euclid(10))).or_default() += 1;
            }
        }
        let mut counts: BTreeMap<(u64, i64), u64> = BTreeMap::new();
        let mut time = EventTime::MIN;
        for seen in found {
            match seen {
                Seen::Control(Control::Watermark(at)) => time = at,
                Seen::Record(Early::Part(Part { key, end, value }), at) => {
                    prop_assert!(end > time, "its slice has not ended");
                    *counts.entry((key, at.as_nanos().div_euclid(10))).or_default() += value;
                }
                Seen::Record(Early::Whole(n), _) => prop_assert!(false, "{} is not late", n),
                Seen::Control(_) => {}
            }
        }
        prop_assert_eq!(counts, expected);
    }
}
