//! Records of every shape, from value to archive and back.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use thalweg::raw::writer::{write_archive, write_archive_large};
use thalweg::record::{
    Deserializer, Field, FieldType, Key, KeyRef, KeyScratch, Keyed, Primitive, Record, Str,
};
use thalweg::rkyv::api::high::HighValidator;
use thalweg::rkyv::bytecheck::CheckBytes;
use thalweg::rkyv::rancor::{Error, Failure, Strategy as Wrap};
use thalweg::rkyv::util::AlignedVec;
use thalweg::rkyv::{Deserialize, access};
use thalweg::time::EventTime;

/// A departure, with one field of each kind that the examples use.
#[thalweg::record]
struct Departure {
    #[event_time]
    scheduled: EventTime,
    departed: EventTime,
    /// Where it starts.
    #[key]
    origin: Str,
    tailnum: Str,
    flight: u32,
    distance: u32,
    dep_delay: i32,
}

#[thalweg::record]
#[derive(Copy, Eq, Hash, PartialEq)]
enum Kind {
    Domestic,
    International = 7,
    Charter,
}

#[thalweg::record]
enum Event {
    Departed(#[event_time] Departure),
    Cancelled {
        #[event_time]
        at: EventTime,
        flights: Vec<u32>,
        reason: Option<String>,
    },
    Noted(Str, #[event_time] EventTime, [Kind; 3]),
}

#[thalweg::record]
struct Day {
    events: Vec<Event>,
    names: Vec<Vec<Str>>,
    best: Option<Departure>,
    pair: (u8, f64, Str),
    letter: char,
    open: bool,
    small: i8,
    times: [Option<EventTime>; 2],
    wide: Option<u64>,
    r#type: u16,
    ratio: f32,
    negative: (i16, i64),
}

#[thalweg::record]
struct WindowResult<K: Key, V: Record> {
    key: K,
    #[event_time]
    start: EventTime,
    value: V,
}

/// Without bounds of its own, and with a parameter inside another type.
#[thalweg::record]
struct Pair<A, B> {
    left: Option<A>,
    right: Vec<B>,
}

#[thalweg::record]
struct Empty {}

fn time() -> impl Strategy<Value = EventTime> {
    any::<i64>().prop_map(EventTime::from_nanos)
}

fn text() -> impl Strategy<Value = Str> {
    // Both sides of the 8 bytes that an archive keeps inline, and of the 24 of `Str`.
    ".{0,40}".prop_map(Str::from)
}

fn departure() -> impl Strategy<Value = Departure> {
    (time(), time(), text(), text(), any::<(u32, u32, i32)>()).prop_map(
        |(scheduled, departed, origin, tailnum, (flight, distance, dep_delay))| Departure {
            scheduled,
            departed,
            origin,
            tailnum,
            flight,
            distance,
            dep_delay,
        },
    )
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Domestic), Just(Kind::International), Just(Kind::Charter)]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        departure().prop_map(Event::Departed),
        (time(), vec(any::<u32>(), 0..5), option::of(".{0,20}"))
            .prop_map(|(at, flights, reason)| Event::Cancelled { at, flights, reason }),
        (text(), time(), [kind(), kind(), kind()]).prop_map(|(a, b, c)| Event::Noted(a, b, c)),
    ]
}

fn day() -> impl Strategy<Value = Day> {
    (
        vec(event(), 0..4),
        vec(vec(text(), 0..3), 0..3),
        option::of(departure()),
        (any::<u8>(), -1e9..1e9, text()),
        any::<(char, bool, i8, Option<u64>, u16)>(),
        [option::of(time()), option::of(time())],
        -1e9f32..1e9,
        any::<(i16, i64)>(),
    )
        .prop_map(|(events, names, best, pair, (letter, open, small, wide, r#type), times, ratio, negative)| {
            Day { events, names, best, pair, letter, open, small, times, wide, r#type, ratio, negative }
        })
}

/// A page as the engine's: aligned to at least 8, and full of the bytes of other records.
fn page(bytes: usize) -> AlignedVec<16> {
    let mut page = AlignedVec::new();
    page.resize(bytes, 0xa5);
    page
}

fn native<T: Record>(archived: &T::Archived) -> T {
    archived.deserialize(Wrap::<_, Failure>::wrap(&mut ())).unwrap()
}

/// Reads checked, moves and compares `value`'s archive written at `start`.
fn round_trip<T>(value: &T, start: usize) -> Result<Vec<u8>, TestCaseError>
where
    T: Record + PartialEq + std::fmt::Debug,
    T::Archived: for<'a> CheckBytes<HighValidator<'a, Error>>,
    T::Archived: Deserialize<T, Deserializer>,
{
    let mut first = page(64 << 10);
    let (begin, end) = write_archive(value, &mut first, start).expect("a page of 64 KiB is enough");
    prop_assert_eq!(begin, start.next_multiple_of(T::ALIGN));
    prop_assert!(first[start..begin].iter().all(|byte| *byte == 0));
    prop_assert!(first[..start].iter().chain(&first[end..]).all(|byte| *byte == 0xa5));
    // The archive alone, at any other position of its alignment, is valid and means the same.
    for other in [0, T::ALIGN, 1_000 * T::ALIGN, 8_192] {
        let mut moved = page(other + end - begin);
        moved[other..].copy_from_slice(&first[begin..end]);
        // `access` checks everything, but knows archives at the start of a buffer only as a whole.
        let archived = access::<T::Archived, Error>(&moved).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&native::<T>(archived), value);
    }
    let large = write_archive_large(value);
    prop_assert_eq!(&large[..], &first[begin..end]);
    // It fits exactly and not less.
    prop_assert!(write_archive(value, &mut page(end)[..], start).is_some());
    if end > start {
        prop_assert!(write_archive(value, &mut page(end)[..end - 1], start).is_none());
    }
    Ok(first[begin..end].to_vec())
}

proptest! {
    #[test]
    fn flat_record_survives_the_archive(value in departure(), start in 0usize..200) {
        round_trip(&value, start)?;
    }

    #[test]
    fn nested_record_survives_the_archive(value in day(), start in 0usize..200) {
        let bytes = round_trip(&value, start)?;
        prop_assert_eq!(round_trip(&value.clone(), start / 2)?, bytes, "bytes depend on the value alone");
    }

    #[test]
    fn generic_record_survives_the_archive(key in text(), start in time(), value in event()) {
        round_trip(&WindowResult { key, start, value }, 3)?;
    }

    #[test]
    fn json_round_trip(value in day()) {
        let json = serde_json::to_string(&value).unwrap();
        // Floats may lose their last digit in text.
        let mut back: Day = serde_json::from_str(&json).unwrap();
        back.pair.1 = value.pair.1;
        back.ratio = value.ratio;
        prop_assert_eq!(back, value);
    }
}

fn sample() -> Departure {
    Departure {
        scheduled: EventTime::from_secs(100),
        departed: EventTime::from_secs(160),
        origin: "EWR".into(),
        tailnum: "a tail number beyond eight bytes".into(),
        flight: 1545,
        distance: 1400,
        dep_delay: -2,
    }
}

#[test]
fn accessors_give_native_numbers_and_borrowed_strings() {
    let bytes = write_archive_large(&sample());
    let archived = access::<ArchivedDeparture, Error>(&bytes).unwrap();
    let origin: &str = archived.origin();
    let delay: i32 = archived.dep_delay();
    let scheduled: EventTime = archived.scheduled();
    assert_eq!((origin, delay, scheduled), ("EWR", -2, EventTime::from_secs(100)));
    assert_eq!(archived.tailnum(), "a tail number beyond eight bytes");
    assert_eq!(archived.origin, "EWR");
}

#[test]
fn accessors_of_nested_fields_reach_all_the_way() {
    let day = Day {
        events: vec![Event::Noted("x".into(), EventTime::EPOCH, [Kind::Charter; 3])],
        names: vec![vec!["a".into(), "b".into()]],
        best: Some(sample()),
        pair: (1, 0.5, "c".into()),
        letter: 'ß',
        open: true,
        small: -1,
        times: [None, Some(EventTime::MAX)],
        wide: Some(u64::MAX),
        r#type: 9,
        ratio: 0.25,
        negative: (-1, -2),
    };
    let bytes = write_archive_large(&day);
    let archived = access::<ArchivedDay, Error>(&bytes).unwrap();
    assert_eq!(archived.best().map(|best| best.flight()), Some(1545));
    assert_eq!(archived.pair(), (1, 0.5, "c"));
    assert_eq!(archived.wide(), Some(u64::MAX));
    assert_eq!((archived.letter(), archived.open(), archived.small(), archived.r#type()), ('ß', true, -1, 9));
    assert_eq!(archived.names()[0][1], "b");
    assert_eq!(<[Option<EventTime>; 2]>::view(&archived.times).each_ref().map(Option::view), [None, Some(EventTime::MAX)]);
    assert!(matches!(&archived.events()[0], ArchivedEvent::Noted(name, ..) if name == "x"));
    assert_eq!(format!("{archived:?}"), format!("{day:?}"));
}
