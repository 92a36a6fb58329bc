//! Lanes with receivers of every pace: the pages are the same, and nothing is lost.

use std::sync::mpsc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::raw::page::{Element, page_ring};
use crate::record::Str;

const PAGE_BYTES: usize = 256;

#[derive(Clone, Debug)]
enum Op {
    Value(usize),
    Copy(usize),
    Control(Control),
    Flush,
}

/// An element of a received page; a large record with the archive that travelled beside the ring.
#[derive(Debug, PartialEq)]
enum Seen {
    Record(Vec<u8>, usize, EventTime, KeyHash),
    Large(Vec<u8>, EventTime, KeyHash),
    Control(Control),
}

/// A received page: its origin and its elements.
type Page = (u64, Vec<Seen>);

fn lane(pages: usize) -> (Lane<Str>, LaneRx<Str>) {
    let (tx, rx) = page_ring(pages, PAGE_BYTES);
    let (large, large_rx) = mpsc::channel();
    (Lane::new(tx, large, None, PAGE_BYTES), LaneRx { pages: rx, large: large_rx, sender: None })
}

fn value(number: usize, bytes: usize) -> Str {
    let mut value = format!("{number} ");
    value.push_str(&"v".repeat(bytes));
    value.into()
}

fn at(number: usize) -> EventTime {
    EventTime::from_nanos(i64::try_from(number).unwrap())
}

fn push(lane: &mut Lane<Str>, number: usize, op: &Op) {
    let hash = KeyHash(number as u64);
    lane.stamp(1_000_000 - number as u64);
    match op {
        Op::Value(bytes) => lane.push_value(&value(number, *bytes), at(number), hash),
        Op::Copy(bytes) => {
            let value = value(number, *bytes);
            let mut page = PageBuf::for_value(&value);
            assert!(page.push(&value, EventTime::MIN, KeyHash(0)));
            lane.push_record(page.view().record(0), at(number), hash);
        }
        Op::Control(control) => lane.push_control(*control),
        Op::Flush => {
            lane.flush();
        }
    }
}

/// Reads the front page and gives it back.
fn take(rx: &mut LaneRx<Str>) -> Option<Page> {
    let page = rx.pages.front()?;
    let seen = (0..page.len()).map(|index| match page.element(index) {
        Element::Record(record, at, hash) => {
            let archive = record.archive();
            Seen::Record(archive.to_vec(), archive.as_ptr().addr() % 64, at, hash)
        }
        Element::Large(at, hash) => {
            let large = rx.large.try_recv().expect("a large record is sent before its mark");
            assert_eq!(large.view().len(), 1);
            assert_eq!((large.view().event_time(0), large.view().hash(0)), (at, hash));
            Seen::Large(large.view().record(0).archive().to_vec(), at, hash)
        }
        Element::Control(control) => Seen::Control(control),
    });
    let page = (page.origin_ns(), seen.collect());
    rx.release();
    Some(page)
}

/// Sends everything over a ring of `pages` pages; after every call `pace` says whether the lane is drained, and how
/// many pages the receiver takes.
fn run(ops: &[Op], pages: usize, mut pace: impl FnMut() -> (bool, usize)) -> Vec<Page> {
    let (mut lane, mut rx) = lane(pages);
    let mut received = Vec::new();
    for (number, op) in ops.iter().enumerate() {
        push(&mut lane, number, op);
        let (drain, count) = pace();
        if drain {
            assert_eq!(lane.drain(), !lane.is_blocked());
        }
        received.extend((0..count).map_while(|_| take(&mut rx)));
    }
    lane.flush();
    assert!(!lane.has_open());
    loop {
        let free = lane.drain();
        let before = received.len();
        received.extend(std::iter::from_fn(|| take(&mut rx)));
        if free && received.len() == before {
            break;
        }
    }
    assert!(!lane.is_blocked() && !lane.has_open() && !lane.is_hungry());
    assert!(rx.large.try_recv().is_err(), "a large record without a mark");
    received
}

fn op() -> impl Strategy<Value = Op> {
    let bytes = || prop_oneof![6 => 0..60usize, 1 => 100..200usize, 1 => 200..3_000usize];
    let control = prop_oneof![
        any::<i64>().prop_map(|at| Control::Watermark(EventTime::from_nanos(at))),
        Just(Control::Idle),
        Just(Control::Active),
    ];
    prop_oneof![
        6 => bytes().prop_map(Op::Value),
        6 => bytes().prop_map(Op::Copy),
        3 => control.prop_map(Op::Control),
        2 => Just(Op::Flush),
    ]
}

/// What the pages must hold in all, in order.
fn expected(ops: &[Op]) -> Vec<(Option<Str>, Option<Control>)> {
    let each = ops.iter().enumerate().filter_map(|(number, op)| match op {
        Op::Value(bytes) | Op::Copy(bytes) => Some((Some(value(number, *bytes)), None)),
        Op::Control(control) => Some((None, Some(*control))),
        Op::Flush => None,
    });
    each.collect()
}

/// The value in an archive.
fn text(archive: &[u8]) -> Str {
    let mut aligned = rkyv::util::AlignedVec::<16>::new();
    aligned.extend_from_slice(archive);
    let archived = rkyv::access::<rkyv::string::ArchivedString, rkyv::rancor::Error>(&aligned);
    archived.expect("an archive of a string").as_str().into()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_are_the_same_whatever_the_receivers_pace(
        ops in vec(op(), 0..150),
        paces in vec((any::<bool>(), 0..3usize), 1..40),
        pages in 1..6usize,
    ) {
        let prompt = run(&ops, 1, || (true, usize::MAX));
        let never = run(&ops, 1, || (false, 0));
        prop_assert_eq!(&prompt, &never);
        let wide = run(&ops, 1_000, || (false, 0));
        prop_assert_eq!(&prompt, &wide);
        let mut paces = paces.iter().cycle();
        let random = run(&ops, pages, || *paces.next().unwrap());
        prop_assert_eq!(&prompt, &random);

        let elements = prompt.into_iter().flat_map(|(_, page)| page).map(|seen| match seen {
            Seen::Record(archive, ..) | Seen::Large(archive, ..) => (Some(text(&archive)), None),
            Seen::Control(control) => (None, Some(control)),
        });
        prop_assert_eq!(elements.collect::<Vec<_>>(), expected(&ops));
    }
}

#[test]
fn a_full_ring_blocks_until_the_receiver_gives_a_page_back() {
    let (mut lane, mut rx) = lane(1);
    let mut number = 0;
    while !lane.is_blocked() {
        push(&mut lane, number, &Op::Value(40));
        number += 1;
    }
    assert!(lane.has_open(), "what did not fit waits in an open page");
    assert!(!lane.drain());
    assert!(lane.is_blocked());
    let (_, first) = take(&mut rx).unwrap();
    assert_eq!(first.len(), number - 1);
    assert!(lane.drain());
    assert!(!lane.is_blocked() && lane.has_open());
    // The page is open still: more goes into it, and it is sent when it is flushed.
    assert!(take(&mut rx).is_none());
    push(&mut lane, number, &Op::Value(1));
    assert!(lane.flush());
    assert_eq!(take(&mut rx).unwrap().1.len(), 2);
}

#[test]
fn a_receiver_is_hungry_when_it_has_read_everything_and_a_page_is_open() {
    let (mut lane, mut rx) = lane(4);
    assert!(!lane.is_hungry() && !lane.has_open());
    push(&mut lane, 0, &Op::Value(1));
    assert!(lane.is_hungry() && lane.has_open());
    assert!(lane.flush());
    assert!(!lane.is_hungry() && !lane.has_open(), "nothing is open");
    push(&mut lane, 1, &Op::Value(1));
    assert!(!lane.is_hungry(), "the receiver has a page to read");
    take(&mut rx).unwrap();
    assert!(lane.is_hungry());
    assert!(lane.flush());
    assert!(!lane.flush(), "an empty page is not sent");
}

#[test]
fn waiting_pages_are_reused() {
    let (mut lane, mut rx) = lane(2);
    let mut pages = None;
    for _ in 0..10 {
        for number in 0..40 {
            push(&mut lane, number, &Op::Value(40));
        }
        lane.flush();
        assert!(lane.is_blocked());
        while !lane.drain() {
            take(&mut rx).unwrap();
        }
        while take(&mut rx).is_some() {}
        assert_eq!(*pages.get_or_insert(lane.spare.len()), lane.spare.len());
    }
}
