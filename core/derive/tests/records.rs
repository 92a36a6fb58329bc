//! Records of every shape, from value to archive and back.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use thalweg::raw::writer::{write_archive, write_archive_large};
use thalweg::record::{
    Decoder, Deserializer, Field, FieldType, Key, KeyRef, Keyed, Primitive, Record, Schema, Str,
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
        .prop_map(
            |(
                events,
                names,
                best,
                pair,
                (letter, open, small, wide, r#type),
                times,
                ratio,
                negative,
            )| {
                Day {
                    events,
                    names,
                    best,
                    pair,
                    letter,
                    open,
                    small,
                    times,
                    wide,
                    r#type,
                    ratio,
                    negative,
                }
            },
        )
}

/// A page as the engine's: aligned to at least 8, and full of the bytes of other records.
fn page(bytes: usize) -> AlignedVec<16> {
    let mut page = AlignedVec::new();
    page.resize(bytes, 0xa5);
    page
}

fn native<T: Record>(archived: &T::Archived) -> T {
    archived.deserialize(Wrap::<_, Failure>::wrap(&mut ())).expect("nothing can fail but memory")
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
        let archived = access::<T::Archived, Error>(&moved)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&native::<T>(archived), value);
    }
    let large = write_archive_large(value);
    prop_assert_eq!(&large[..], &first[begin..end]);
    // By the schema alone, as it is stored, it reads the same.
    let schema = serde_json::to_string(&T::field_type()).expect("a schema is data");
    let schema: FieldType = serde_json::from_str(&schema).expect("a schema is data");
    let read = Decoder::new(&schema).read(&large).map(T::from_value);
    prop_assert_eq!(read.as_ref().map(Result::as_ref), Ok(Ok(value)));
    for short in [0, 1, large.len() / 2, large.len().saturating_sub(1)] {
        // An error or another value, and nothing worse.
        let _ = Decoder::new(&schema).read(&large[..short]);
    }
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
    assert_eq!(
        (archived.letter(), archived.open(), archived.small(), archived.r#type()),
        ('ß', true, -1, 9)
    );
    assert_eq!(archived.names()[0][1], "b");
    assert_eq!(
        archived.times().each_ref().map(<Option<EventTime>>::view),
        [None, Some(EventTime::MAX)]
    );
    assert!(matches!(&archived.events()[0], ArchivedEvent::Noted(name, ..) if name == "x"));
    assert_eq!(format!("{archived:?}"), format!("{day:?}"));
}

#[test]
fn event_time_is_the_marked_field_of_a_struct_and_of_each_variant() {
    fn time<T: Record>(value: &T) -> Option<EventTime>
    where
        T::Archived: for<'a> CheckBytes<HighValidator<'a, Error>>,
    {
        T::event_time(access::<T::Archived, Error>(&write_archive_large(value)).unwrap())
    }
    const { assert!(Departure::HAS_EVENT_TIME && Event::HAS_EVENT_TIME && !Day::HAS_EVENT_TIME) };
    assert_eq!(time(&sample()), Some(EventTime::from_secs(100)));
    assert_eq!(time(&Event::Departed(sample())), Some(EventTime::from_secs(100)));
    let cancelled =
        Event::Cancelled { at: EventTime::from_secs(7), flights: vec![1, 2], reason: None };
    assert_eq!(time(&cancelled), Some(EventTime::from_secs(7)));
    let noted = Event::Noted("x".into(), EventTime::from_secs(8), [Kind::Domestic; 3]);
    assert_eq!(time(&noted), Some(EventTime::from_secs(8)));
    assert_eq!(time(&Kind::Charter), None);
    assert_eq!(time(&(1u64, Str::from("a"))), None);
}

#[test]
fn key_is_the_marked_field() {
    let bytes = write_archive_large(&sample());
    let archived = access::<ArchivedDeparture, Error>(&bytes).unwrap();
    assert_eq!(KeyRef::hash(Departure::key(archived)), KeyRef::hash("EWR"));
}

#[test]
fn generic_records_read_their_parameters_and_have_schemas_of_their_own() {
    let result = WindowResult { key: Str::from("EWR"), start: EventTime::EPOCH, value: sample() };
    let bytes = write_archive_large(&result);
    let archived = access::<ArchivedWindowResult<Str, Departure>, Error>(&bytes).unwrap();
    assert_eq!(archived.key(), "EWR");
    assert_eq!(archived.value().dep_delay(), -2);
    assert_eq!(format!("{archived:?}"), format!("{result:?}"));

    let numbers = WindowResult::<u32, u64>::schema();
    assert_ne!(numbers.layout_hash, WindowResult::<Str, u64>::schema().layout_hash);
    assert!(std::ptr::eq(numbers, WindowResult::<u32, u64>::schema()));
    assert_eq!(numbers.fields[2].ty, FieldType::Primitive(Primitive::U64));

    let pair = Pair { left: Some(1u16), right: vec![Str::from("a")] };
    let bytes = write_archive_large(&pair);
    let archived = access::<ArchivedPair<u16, Str>, Error>(&bytes).unwrap();
    assert_eq!((archived.left(), archived.right().len()), (Some(1), 1));
}

#[test]
fn a_record_without_fields_has_an_empty_archive() {
    let mut page = page(64);
    assert_eq!(write_archive(&Empty {}, &mut page, 5), Some((5, 5)));
    assert!(Empty::schema().fields.is_empty());
}

#[test]
fn a_start_behind_the_page_does_not_fit() {
    assert_eq!(write_archive(&1u8, &mut page(64), 64), None);
    assert_eq!(write_archive(&1u8, &mut page(64), 65), None);
    assert_eq!(write_archive(&1u64, &mut page(64), usize::MAX), None);
}

#[test]
fn a_record_larger_than_any_page_is_written_to_its_own_memory() {
    let value: Vec<Str> =
        (0..50_000).map(|n| format!("a string of some length, {n}").into()).collect();
    let bytes = write_archive_large(&value);
    let archived = access::<<Vec<Str> as thalweg::rkyv::Archive>::Archived, Error>(&bytes).unwrap();
    assert_eq!(archived[49_999], "a string of some length, 49999");
}

/// Layouts are in checkpoints: a change here is a change of the format.
#[test]
fn layout_hashes_do_not_change() {
    let hashes = [
        Departure::schema(),
        Kind::schema(),
        Event::schema(),
        Day::schema(),
        WindowResult::<Str, u64>::schema(),
        Empty::schema(),
        <(Str, u64)>::schema(),
        u64::schema(),
    ]
    .map(|schema| (schema.name.as_str(), schema.layout_hash));
    let expected = [
        ("Departure", 0xb5848102e7901dbd),
        ("Kind", 0xfc4abeb355932747),
        ("Event", 0xc7241e335d83c883),
        ("Day", 0x9483d774a009dcf2),
        ("WindowResult", 0xe3309d107ce762a5),
        ("Empty", 0xb0879ad15e24deca),
        ("Tuple", 0xa7cbabcc6d720ba0),
        ("u64", 0x34813bcac9eb3c09),
    ];
    assert_eq!(hashes, expected);
}

mod renamed {
    use thalweg::record::Str;

    /// Another name, another docs, and a field with another name.
    #[thalweg::record]
    pub(super) struct Flight {
        #[field(id = 7)]
        pub(super) number: u32,
        #[field(renamed_from = "origin")]
        pub(super) from: Str,
    }
}

mod original {
    use thalweg::record::Str;

    #[thalweg::record(no_serde)]
    pub(super) struct FlightLeg {
        #[field(id = 7)]
        pub(super) flight: u32,
        pub(super) origin: Str,
    }

    #[thalweg::record(no_serde)]
    pub(super) struct Reordered {
        pub(super) origin: Str,
        #[field(id = 7)]
        pub(super) flight: u32,
    }
}

#[test]
fn renaming_keeps_the_layout_and_moving_does_not() {
    let ids = |schema: &Schema| schema.fields.iter().map(|field| field.id).collect::<Vec<_>>();
    let (old, new) = (original::FlightLeg::schema(), renamed::Flight::schema());
    assert_eq!(ids(old), ids(new));
    assert_eq!(ids(old)[0], 7);
    assert_eq!(old.layout_hash, new.layout_hash);
    assert_ne!(old.layout_hash, original::Reordered::schema().layout_hash);
}

#[test]
fn schemas_of_records_that_are_no_structs_name_their_parts() {
    let names =
        |schema: &Schema| schema.fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(<(Str, u64)>::schema()), ["0", "1"]);
    assert_eq!(names(u64::schema()), ["value"]);
    assert_eq!(names(Event::schema()), ["value"]);
    let json = serde_json::to_string(Day::schema()).unwrap();
    assert_eq!(&serde_json::from_str::<Schema>(&json).unwrap(), Day::schema());
}

#[test]
fn the_tag_in_the_schema_is_the_tag_in_the_archive() {
    let FieldType::Enum { variants, .. } = Kind::field_type() else { panic!("an enum") };
    let tags: Vec<u8> = variants.iter().map(|variant| variant.tag).collect();
    let written = [Kind::Domestic, Kind::International, Kind::Charter]
        .map(|kind| write_archive_large(&kind)[0]);
    assert_eq!(tags, written);
}

#[test]
fn alignment_covers_out_of_line_parts() {
    const {
        assert!(<Vec<u64>>::ALIGN == 8 && <Vec<u8>>::ALIGN == 4 && <Option<Vec<f64>>>::ALIGN == 8);
        assert!(Kind::ALIGN == 1 && Departure::ALIGN == 8 && Str::ALIGN == 4);
    }
}
