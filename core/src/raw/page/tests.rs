//! Pages against a list of what was put in: any mix of elements, any page size, several shapes of record.

use std::collections::VecDeque;
use std::fmt::Debug;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::raw::view::Rec;
use crate::raw::writer;
use crate::record::Str;
use crate::record::{KeyHash, Record};
use crate::time::EventTime;

/// A record with everything: a time, text, lists of text, a nested record that may be absent.
#[thalweg::record]
struct Letter {
    #[event_time]
    at: EventTime,
    subject: Str,
    words: Vec<Str>,
    stamp: Option<Stamp>,
}

/// A record in a record, with padding between its fields.
#[thalweg::record]
struct Stamp {
    country: u8,
    value: u64,
    colours: Vec<u16>,
}

/// What a page holds, as the test remembers it.
#[derive(Clone, Debug, PartialEq)]
enum Item<T> {
    Record(T, i64, u64),
    Large(i64, u64),
    Control(Control),
}

#[derive(Clone, Debug)]
enum Op<T> {
    /// An element that is serialised into the page.
    Push(Item<T>),
    /// The same, if it is a record, but copied from an archive.
    Copy(Item<T>),
    /// The same, if it is a record, with its time read from the archive; its hash is zero.
    Timed(Item<T>),
    Clear,
    Publish,
    Adopt,
    Release,
}

/// What both kinds of page can do.
trait Page<T: Record> {
    fn try_push(&mut self, item: &Item<T>) -> bool;
    fn try_copy(&mut self, record: &Rec<T>, at: i64, hash: u64) -> bool;
    fn try_timed(&mut self, value: &T, at: i64) -> bool;
}

macro_rules! page {
    ($page:ident) => {
        impl<T: Record> Page<T> for $page<T> {
            fn try_push(&mut self, item: &Item<T>) -> bool {
                match item {
                    // The two are the same, but for when the hash is known.
                    Item::Record(value, at, hash) if hash % 2 == 1 => {
                        self.push_hashed(value, EventTime::from_nanos(*at), |_| KeyHash(*hash))
                    }
                    Item::Record(value, at, hash) => {
                        self.push(value, EventTime::from_nanos(*at), KeyHash(*hash))
                    }
                    Item::Large(at, hash) => {
                        self.push_large(EventTime::from_nanos(*at), KeyHash(*hash))
                    }
                    Item::Control(control) => self.push_control(*control),
                }
            }

            fn try_copy(&mut self, record: &Rec<T>, at: i64, hash: u64) -> bool {
                self.push_archived(record, EventTime::from_nanos(at), KeyHash(hash))
            }

            fn try_timed(&mut self, value: &T, at: i64) -> bool {
                self.push_timed(value, |_| EventTime::from_nanos(at))
            }
        }
    };
}
page!(PageBuf);
page!(PageTx);

/// Tries to put an element in, one of three ways; what is then in the page, if it was taken.
fn apply<T: Record + Clone>(page: &mut impl Page<T>, op: &Op<T>) -> (bool, Item<T>) {
    match op {
        Op::Copy(Item::Record(value, at, hash)) => {
            let mut own = PageBuf::for_value(value);
            assert!(own.push(value, EventTime::MIN, KeyHash(1)));
            let item = Item::Record(value.clone(), *at, *hash);
            (page.try_copy(own.view().record(0), *at, *hash), item)
        }
        Op::Timed(Item::Record(value, at, _)) => {
            (page.try_timed(value, *at), Item::Record(value.clone(), *at, 0))
        }
        Op::Push(item) | Op::Copy(item) | Op::Timed(item) => (page.try_push(item), item.clone()),
        _ => unreachable!("the caller does the others"),
    }
}

/// Where the page's archives end if `item` goes in, or `None` if it must be refused.
fn end_with<T: Record>(
    page_bytes: usize,
    slots: usize,
    end: usize,
    item: &Item<T>,
) -> Option<usize> {
    let end = match item {
        Item::Record(value, ..) => {
            end.next_multiple_of(T::ALIGN) + writer::write_archive_large(value).len()
        }
        _ => end,
    };
    (end + SLOT * (slots + 1) <= page_bytes).then_some(end)
}

/// Reads the page, by elements and by runs; every archive in bounds and behind its predecessor.
fn read<T: Record>(view: PageView<'_, T>) -> Vec<Item<T>> {
    let base = view.bytes.as_ptr().addr();
    let mut free = HEADER;
    let mut items = Vec::new();
    for index in 0..view.len() {
        assert_eq!(view.is_record(index), matches!(view.element(index), Element::Record(..)));
        items.push(match view.element(index) {
            Element::Record(record, at, hash) => {
                let start = record.archive().as_ptr().addr() - base;
                assert!(start >= free, "element {index} lies over the one before");
                free = start + record.archive().len();
                assert_eq!((view.event_time(index), view.hash(index)), (at, hash));
                Item::Record(record.to_value(), at.as_nanos(), hash.0)
            }
            Element::Large(at, hash) => Item::Large(at.as_nanos(), hash.0),
            Element::Control(control) => Item::Control(control),
        });
    }
    assert!(free + SLOT * view.len() <= view.bytes.len(), "archives lie over slots");
    let mut index = 0;
    while index < view.len() {
        let end = view.run_end(index);
        assert!((index..end).all(|index| view.is_record(index)));
        assert!(end == view.len() || !view.is_record(end));
        index = end + 1;
    }
    items
}

/// The bytes of a page that mean something.
fn meaning<T: Record>(view: PageView<'_, T>) -> (Vec<u8>, Vec<u8>) {
    let slots = view.bytes.len() - SLOT * view.len();
    (view.bytes[HEADER..view.fill.end].to_vec(), view.bytes[slots..].to_vec())
}

/// Two pages, one of them dirty, take and refuse the same elements as arithmetic says, and are equal bit for bit.
fn check_buf<T: Record + Clone + Debug + PartialEq>(page_bytes: usize, ops: &[Op<T>]) {
    let mut page = PageBuf::<T>::new(page_bytes);
    let mut dirty = PageBuf::<T>::new(page_bytes);
    dirty.bytes.fill(0xff);
    let (mut model, mut end) = (Vec::new(), HEADER);
    for op in ops {
        match op {
            Op::Push(_) | Op::Copy(_) | Op::Timed(_) => {
                let (pushed, item) = apply(&mut page, op);
                assert_eq!(apply(&mut dirty, op).0, pushed);
                let fits = end_with(page_bytes, model.len(), end, &item);
                assert_eq!(pushed, fits.is_some(), "{item:?} at {end} of {page_bytes}");
                end = fits.unwrap_or(end);
                if pushed {
                    model.push(item);
                }
                assert_eq!(read(page.view()), model);
            }
            Op::Clear | Op::Publish | Op::Adopt | Op::Release => {
                assert_eq!(meaning(page.view()), meaning(dirty.view()));
                page.clear();
                dirty.clear();
                (model, end) = (Vec::new(), HEADER);
                assert!(page.view().is_empty() && page.view().is_plain());
            }
        }
    }
    assert_eq!(meaning(page.view()), meaning(dirty.view()));
}

/// A ring of pages against a queue of lists; `Adopt` brings a page that was filled elsewhere.
fn check_ring<T: Record + Clone + Debug + PartialEq>(page_bytes: usize, ops: &[Op<T>]) {
    const PAGES: usize = 3;
    let (mut tx, mut rx) = page_ring::<T>(PAGES, page_bytes);
    // The open page as the test remembers it, and a page of one's own that was given the same.
    let mut open = Vec::new();
    let mut twin = PageBuf::<T>::new(page_bytes);
    let mut sent: VecDeque<_> = VecDeque::new();
    for op in ops {
        match op {
            Op::Push(_) | Op::Copy(_) | Op::Timed(_) => {
                let (pushed, item) = apply(&mut tx, op);
                assert_eq!(pushed, sent.len() < PAGES && apply(&mut twin, op).0);
                if pushed {
                    open.push(item);
                }
            }
            Op::Clear | Op::Publish => {
                assert_eq!(tx.publish(), !open.is_empty());
                if !open.is_empty() {
                    sent.push_back((std::mem::take(&mut open), meaning(twin.view())));
                    twin.clear();
                }
            }
            Op::Adopt => {
                // What the open page holds moves on in a page that waited: as if it had never been elsewhere.
                if open.is_empty() {
                    let mut other = PageBuf::<T>::new(page_bytes);
                    other.bytes[HEADER..].fill(0xee);
                    for op in ops.iter().filter(|op| matches!(op, Op::Push(_))).take(5) {
                        if sent.len() < PAGES {
                            let (pushed, item) = apply(&mut other, op);
                            assert_eq!(apply(&mut twin, op).0, pushed);
                            open.extend(pushed.then_some(item));
                        }
                    }
                    assert_eq!(tx.copy_page(other.view()), sent.len() < PAGES);
                }
            }
            Op::Release => {
                if sent.pop_front().is_some() {
                    rx.release();
                }
            }
        }
        assert_eq!(rx.len(), sent.len());
        assert_eq!(rx.is_ready(), !sent.is_empty());
        assert_eq!(tx.is_drained(), sent.is_empty());
        assert_eq!(tx.has_page(), sent.len() < PAGES);
        assert_eq!(usize::try_from(tx.slots()).unwrap(), open.len());
        if let (Some(page), Some((items, bytes))) = (rx.front(), sent.front()) {
            assert_eq!(&read(page), items);
            assert_eq!(&meaning(page), bytes);
        }
    }
}

fn op<T: Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Op<T>> {
    let control = prop_oneof![
        any::<i64>().prop_map(|at| Control::Watermark(EventTime::from_nanos(at))),
        Just(Control::Idle),
        Just(Control::Active),
        Just(Control::End),
    ];
    let item = prop_oneof![
        8 => (value, any::<i64>(), any::<u64>()).prop_map(|(v, at, hash)| Item::Record(v, at, hash)),
        1 => (any::<i64>(), any::<u64>()).prop_map(|(at, hash)| Item::Large(at, hash)),
        2 => control.prop_map(Item::Control),
    ]
    .boxed();
    prop_oneof![
        16 => item.clone().prop_map(Op::Push),
        16 => item.clone().prop_map(Op::Copy),
        8 => item.prop_map(Op::Timed),
        1 => Just(Op::Clear),
        2 => Just(Op::Publish),
        2 => Just(Op::Adopt),
        3 => Just(Op::Release),
    ]
}

fn page_bytes() -> impl Strategy<Value = usize> {
    prop_oneof![Just(256), Just(320), Just(1024), Just(8192), (4usize..=128).prop_map(|n| n * 64)]
}

fn text(longest: usize) -> impl Strategy<Value = Str> {
    vec(b'a'..=b'z', 0..=longest)
        .prop_map(|bytes| Str::from(std::str::from_utf8(&bytes).expect("letters")))
}

fn letter() -> impl Strategy<Value = Letter> {
    let stamp = (any::<u8>(), any::<u64>(), vec(any::<u16>(), 0..9))
        .prop_map(|(country, value, colours)| Stamp { country, value, colours });
    (any::<i64>(), text(60), vec(text(12), 0..5), proptest::option::of(stamp)).prop_map(
        |(at, subject, words, stamp)| Letter {
            at: EventTime::from_nanos(at),
            subject,
            words,
            stamp,
        },
    )
}

fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { 200 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

const OPS: usize = if cfg!(miri) { 24 } else { 120 };

/// Both properties for one shape of record.
macro_rules! shapes {
    ($($name:ident: $value:expr;)*) => {$(
        mod $name {
            use super::*;

            proptest! {
                #![proptest_config(config())]

                #[test]
                fn page_of_ones_own_holds_what_was_put_in(
                    page_bytes in page_bytes(),
                    ops in vec(op($value), 0..OPS),
                ) {
                    check_buf(page_bytes, &ops);
                }

                #[test]
                fn ring_hands_over_what_was_put_in(
                    page_bytes in page_bytes(),
                    ops in vec(op($value), 0..OPS),
                ) {
                    check_ring(page_bytes, &ops);
                }
            }
        }
    )*};
}

shapes! {
    bytes: any::<u8>();
    numbers: any::<(u8, u64)>();
    empty_lists: Just(Vec::<u64>::new());
    strings: text(100);
    lists_of_strings: vec(text(20), 0..6);
    letters: letter();
}

#[test]
fn the_largest_archive_fits_an_empty_page_and_no_byte_more() {
    for page_bytes in [256, 1024, 8192] {
        // A list of bytes: its root of 8 bytes stands behind them, aligned to 4.
        let list = |bytes: usize| vec![7u8; bytes];
        let fits = list(largest_archive(page_bytes) - 8);
        let mut page = PageBuf::new(page_bytes);
        assert!(page.push(&fits, EventTime::MIN, KeyHash(0)), "{page_bytes}");
        assert_eq!(page.view().record(0).archive().len(), largest_archive(page_bytes));
        assert!(!page.push_control(Control::Idle));
        page.clear();
        assert!(!page.push(&list(fits.len() + 1), EventTime::MIN, KeyHash(0)));
        assert!(page.view().is_empty());
    }
}

#[test]
fn a_page_made_for_a_value_holds_it() {
    for bytes in [0, 1, 200, 5_000, 70_000] {
        let value: (u8, Vec<u8>) = (1, vec![3; bytes]);
        let mut page = PageBuf::for_value(&value);
        assert!(page.push(&value, EventTime::MIN, KeyHash(9)));
        assert_eq!(page.view().record(0).to_value(), value);
    }
}

#[test]
fn a_page_keeps_the_origin_of_its_oldest_element() {
    let mut page = PageBuf::<u64>::new(256);
    // Nothing is in the page yet: the last word counts.
    for origin_ns in [3, 0, 9, 7] {
        page.stamp(origin_ns);
        assert_eq!(page.origin_ns(), origin_ns);
    }
    assert!(page.push(&1, EventTime::MIN, KeyHash(0)));
    for (origin_ns, oldest) in [(9, 7), (0, 7), (5, 5)] {
        page.stamp(origin_ns);
        assert_eq!(page.view().origin_ns(), oldest);
    }
    let (mut tx, mut rx) = page_ring(1, 256);
    assert!(tx.copy_page(page.view()) && tx.publish());
    assert_eq!(rx.front().unwrap().origin_ns(), 5);
}

#[test]
fn padding_is_zero_in_every_part_of_a_record() {
    let stamp = Stamp { country: 1, value: 2, colours: vec![3] };
    let at = EventTime::from_nanos(1);
    let stamped = Letter { at, subject: "s".into(), words: vec![], stamp: Some(stamp) };
    let plain = Letter { stamp: None, ..stamped.clone() };
    for letter in [stamped, plain] {
        check_buf(1024, &[Op::Push(Item::Record(letter, 1, 1))]);
    }
}

#[test]
#[should_panic(expected = "is a record")]
fn a_control_element_is_no_record() {
    let mut page = PageBuf::<u64>::new(256);
    assert!(page.push_control(Control::End));
    let _ = page.view().record(0);
}
