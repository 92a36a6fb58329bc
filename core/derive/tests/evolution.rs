//! Records that have changed since they were written: each kind of change, and what is said of those that old values do not survive.

use proptest::collection::vec;
use proptest::prelude::*;
use thalweg::raw::writer::write_archive_large;
use thalweg::record::{Decoder, Field, Record, Str, Upgrade};
use thalweg::time::EventTime;

/// What `old`, written as it was, is as a value of `New`.
fn evolved<Old: Record, New: Record>(old: &Old) -> Result<New, String> {
    New::field_type().reads(&Old::field_type()).map_err(|found| found.to_string())?;
    let value = Decoder::new(&Old::field_type()).read(&write_archive_large(old));
    let value = value.expect("it was just written");
    Ok(New::from_value(value).expect("what it reads it can be made of"))
}

fn refused<Old: Record, New: Record>() -> String {
    New::field_type().reads(&Old::field_type()).expect_err("it is refused").to_string()
}

mod v1 {
    use super::*;

    #[thalweg::record]
    #[derive(Copy)]
    pub enum Kind {
        Domestic,
        International,
    }

    #[thalweg::record]
    pub struct Leg {
        pub miles: u16,
        pub carrier: Str,
    }

    #[thalweg::record]
    pub enum Change {
        Delayed { minutes: i32 },
        Moved(Str, EventTime),
    }

    #[thalweg::record]
    pub struct Flight {
        pub number: u32,
        pub origin: Str,
        pub gone: Vec<Str>,
        pub kind: Kind,
        pub legs: Vec<Leg>,
        pub last: Option<Leg>,
        pub pair: (u8, f32),
        pub changes: Vec<Change>,
        pub times: [i16; 2],
    }
}

mod v2 {
    use super::*;

    /// A variant more, one in front of the others, and one renamed.
    #[thalweg::record]
    #[derive(Copy)]
    pub enum Kind {
        Unknown,
        #[field(renamed_from = "International")]
        Abroad,
        Domestic,
    }

    /// Widened, moved, and with a field that has a default.
    #[thalweg::record]
    pub struct Leg {
        #[field(default = "none".into())]
        pub gate: Str,
        pub carrier: Str,
        pub miles: u64,
    }

    #[thalweg::record]
    pub enum Change {
        Cancelled,
        Moved(Str, EventTime, #[field(default)] u8),
        Delayed {
            #[field(default = 7)]
            code: u8,
            minutes: i64,
        },
    }

    #[thalweg::record]
    pub struct Flight {
        #[field(default)]
        pub added: Option<u64>,
        pub number: i64,
        #[field(renamed_from = "origin")]
        pub from: Option<Str>,
        pub kind: Kind,
        pub legs: Vec<Leg>,
        pub last: Option<Leg>,
        pub pair: (u32, f64),
        pub changes: Vec<Change>,
        pub times: Vec<i32>,
    }
}

fn leg() -> impl Strategy<Value = v1::Leg> {
    (any::<u16>(), ".{0,30}")
        .prop_map(|(miles, carrier)| v1::Leg { miles, carrier: carrier.into() })
}

fn change() -> impl Strategy<Value = v1::Change> {
    prop_oneof![
        any::<i32>().prop_map(|minutes| v1::Change::Delayed { minutes }),
        (".{0,12}", any::<i64>())
            .prop_map(|(to, at)| v1::Change::Moved(to.into(), EventTime::from_nanos(at))),
    ]
}

fn flight() -> impl Strategy<Value = v1::Flight> {
    let kind = prop_oneof![Just(v1::Kind::Domestic), Just(v1::Kind::International)];
    let last = proptest::option::of(leg());
    let names = vec(".{0,20}".prop_map(Str::from), 0..3);
    (any::<u32>(), ".{0,20}", names, kind, vec(leg(), 0..4), last, vec(change(), 0..4)).prop_map(
        |(number, origin, gone, kind, legs, last, changes)| v1::Flight {
            number,
            origin: origin.into(),
            gone,
            kind,
            legs,
            last,
            pair: (7, 0.5),
            changes,
            times: [-1, 300],
        },
    )
}

fn leg_now(leg: &v1::Leg) -> v2::Leg {
    v2::Leg { gate: "none".into(), carrier: leg.carrier.clone(), miles: leg.miles.into() }
}

fn flight_now(flight: &v1::Flight) -> v2::Flight {
    let change = |change: &v1::Change| match change {
        v1::Change::Delayed { minutes } => {
            v2::Change::Delayed { code: 7, minutes: i64::from(*minutes) }
        }
        v1::Change::Moved(to, at) => v2::Change::Moved(to.clone(), *at, 0),
    };
    v2::Flight {
        added: None,
        number: flight.number.into(),
        from: Some(flight.origin.clone()),
        kind: match flight.kind {
            v1::Kind::Domestic => v2::Kind::Domestic,
            v1::Kind::International => v2::Kind::Abroad,
        },
        legs: flight.legs.iter().map(leg_now).collect(),
        last: flight.last.as_ref().map(leg_now),
        pair: (flight.pair.0.into(), flight.pair.1.into()),
        changes: flight.changes.iter().map(change).collect(),
        times: flight.times.iter().map(|time| i32::from(*time)).collect(),
    }
}

proptest! {
    #[test]
    fn every_change_that_is_allowed_holds_at_any_depth(flight in flight()) {
        prop_assert_eq!(evolved::<_, v2::Flight>(&flight), Ok(flight_now(&flight)));
    }

    #[test]
    fn damaged_archives_are_errors_or_other_values(
        flight in flight(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut archive = write_archive_large(&flight);
        for (place, byte) in damage {
            let place = place.index(archive.len());
            archive[place] = byte;
        }
        if let Ok(value) = Decoder::new(&v1::Flight::field_type()).read(&archive) {
            let _ = v2::Flight::from_value(value);
        }
    }
}

#[test]
fn numbers_are_widened_where_all_of_them_are_there() {
    fn widens<Old: Record, New: Record + PartialEq + std::fmt::Debug>(old: Old, new: New) {
        assert_eq!(evolved::<Old, New>(&old), Ok(new));
    }
    widens(200_u8, 200_u16);
    widens(200_u8, 200_i16);
    widens(60_000_u16, 60_000_u32);
    widens(u32::MAX, u64::from(u32::MAX));
    widens(u32::MAX, i64::from(u32::MAX));
    widens(-5_i8, -5_i64);
    widens(i32::MIN, i64::from(i32::MIN));
    widens(0.1_f32, f64::from(0.1_f32));
    widens(i16::MIN, f32::from(i16::MIN));
    widens(u32::MAX, f64::from(u32::MAX));
    widens(7_u64, Some(7_u64));
    for (found, expected) in [
        (refused::<u64, u32>(), "its values were `u64` and are `u32` now"),
        (refused::<u64, i64>(), "its values were `u64` and are `i64` now"),
        (refused::<i8, u64>(), "its values were `i8` and are `u64` now"),
        (refused::<i64, f64>(), "its values were `i64` and are `f64` now"),
        (refused::<u32, f32>(), "its values were `u32` and are `f32` now"),
        (refused::<f64, f32>(), "its values were `f64` and are `f32` now"),
        (refused::<u32, Str>(), "its values were `u32` and are `Str` now"),
        (refused::<bool, u8>(), "its values were `bool` and are `u8` now"),
        (refused::<i64, EventTime>(), "its values were `i64` and are `EventTime` now"),
        (refused::<Option<u8>, u8>(), "its values were `Option<u8>` and are `u8` now"),
        (refused::<[u8; 2], [u8; 3]>(), "its values were `[u8; 2]` and are `[u8; 3]` now"),
        (refused::<Vec<u8>, [u8; 3]>(), "its values were `Vec<u8>` and are `[u8; 3]` now"),
        (refused::<(u8, Str), (u8,)>(), "its values were `(u8, Str)` and are `(u8,)` now"),
        (refused::<(u8, Vec<u8>), (u8, Vec<Str>)>(), "field `1` was `u8` and is `Str` now"),
    ] {
        assert_eq!(found, expected);
    }
}

mod v3 {
    use super::*;

    #[thalweg::record]
    pub struct NoDefault {
        pub legs: Vec<Leg>,
    }

    #[thalweg::record]
    pub struct Leg {
        pub miles: u16,
        pub carrier: Str,
        pub gate: Str,
    }

    #[thalweg::record]
    pub struct OtherType {
        pub legs: Vec<OtherLeg>,
    }

    #[thalweg::record]
    pub struct OtherLeg {
        pub miles: Str,
    }

    #[thalweg::record]
    pub struct FewerVariants {
        pub changes: Vec<Moved>,
    }

    #[thalweg::record]
    pub enum Moved {
        Moved(Str, EventTime),
    }

    #[thalweg::record]
    pub struct OtherVariant {
        pub changes: Vec<Delayed>,
    }

    #[thalweg::record]
    pub enum Delayed {
        Moved(Str, EventTime),
        Delayed { minutes: Str },
    }
}

#[test]
fn a_change_that_old_values_do_not_survive_is_told_with_the_field_and_both_types() {
    assert_eq!(
        refused::<v1::Flight, v3::NoDefault>(),
        "field `legs.gate`, a `Str`, is new and has no default"
    );
    assert_eq!(
        refused::<v1::Flight, v3::OtherType>(),
        "field `legs.miles` was `u16` and is `Str` now"
    );
    assert_eq!(
        refused::<v1::Flight, v3::FewerVariants>(),
        "the variant `Delayed` of `changes` is gone"
    );
    assert_eq!(refused::<v1::Change, v3::Moved>(), "the variant `Delayed` of its values is gone");
    assert_eq!(
        refused::<v1::Flight, v3::OtherVariant>(),
        "field `changes.Delayed.minutes` was `i32` and is `Str` now"
    );
    assert_eq!(refused::<v1::Flight, u64>(), "its values were `Flight` and are `u64` now");
}

#[thalweg::record]
struct DelayV1 {
    minutes: i32,
}

#[thalweg::record(upgrade)]
struct DelayV2 {
    seconds: i64,
}

impl Upgrade for DelayV2 {
    type Old = DelayV1;

    fn upgrade(old: DelayV1) -> Self {
        Self { seconds: i64::from(old.minutes) * 60 }
    }
}

#[thalweg::record(upgrade)]
enum Delay {
    OnTime,
    Late { nanos: i64 },
}

impl Upgrade for Delay {
    type Old = DelayV2;

    fn upgrade(old: DelayV2) -> Self {
        match old.seconds {
            0 => Self::OnTime,
            seconds => Self::Late { nanos: seconds * 1_000_000_000 },
        }
    }
}

#[thalweg::record]
struct Held<T> {
    all: Vec<T>,
    last: Option<T>,
}

#[test]
fn a_record_is_upgraded_from_any_older_version_wherever_it_lies() {
    let late = Delay::Late { nanos: 120_000_000_000 };
    assert_eq!(evolved(&DelayV1 { minutes: 2 }), Ok(DelayV2 { seconds: 120 }));
    assert_eq!(evolved(&DelayV1 { minutes: 2 }), Ok(late.clone()));
    assert_eq!(evolved(&DelayV1 { minutes: 0 }), Ok(Delay::OnTime));
    assert_eq!(evolved(&DelayV2 { seconds: 120 }), Ok(late.clone()));
    assert_eq!(evolved(&late), Ok(late.clone()));
    let all = vec![DelayV1 { minutes: 0 }, DelayV1 { minutes: 2 }];
    let held = Held { all, last: Some(DelayV1 { minutes: 2 }) };
    let expected = Held { all: vec![Delay::OnTime, late.clone()], last: Some(late) };
    assert_eq!(evolved(&held), Ok(expected));
    assert_eq!(refused::<u8, Delay>(), "its values were `u8` and are `Delay` now");
    assert_eq!(refused::<v1::Leg, Delay>(), "its values were `Leg` and are `Delay` now");
}

#[test]
fn a_value_is_shown_as_json_has_it() {
    let flight = v1::Flight {
        number: 7,
        origin: "EWR".into(),
        gone: vec![],
        kind: v1::Kind::International,
        legs: vec![v1::Leg { miles: 3, carrier: "U\"A".into() }],
        last: None,
        pair: (1, 0.5),
        changes: vec![
            v1::Change::Delayed { minutes: -3 },
            v1::Change::Moved("B4".into(), EventTime::EPOCH),
        ],
        times: [1, 2],
    };
    let value = Decoder::new(&v1::Flight::field_type()).read(&write_archive_large(&flight));
    assert_eq!(
        value.unwrap().to_string(),
        r#"{"number":7,"origin":"EWR","gone":[],"kind":"International","legs":[{"miles":3,"carrier":"U\"A"}],"last":null,"pair":[1,0.5],"changes":[{"Delayed":{"minutes":-3}},{"Moved":["B4","1970-01-01T00:00:00Z"]}],"times":[1,2]}"#
    );
}
