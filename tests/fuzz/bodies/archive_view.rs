//! Archives: any bytes through the checked access, which must refuse what cannot be read; and any value through a page.

use std::fmt::Debug;

use thalweg::prelude::*;
use thalweg::raw::page::{Control, Element, PageBuf};
use thalweg::record::{KeyHash, Record};
use thalweg::rkyv;

use super::input::Input;

/// See the file's header.
pub const TARGET: super::Target = super::Target { name: "archive_view", run, seeds, words: &[] };

/// A record of all kinds of fields.
#[record]
pub(super) struct Letter {
    number: u8,
    price: Option<u64>,
    subject: String,
    words: Vec<String>,
    pairs: Vec<(u16, i64)>,
    kind: Kind,
}

/// A field that is one of several.
#[record]
pub(super) enum Kind {
    /// Without anything.
    Plain,
    /// With something of which not all bits are good.
    Marked(char),
    /// With a string.
    Sent {
        /// A string.
        by: String,
        /// A float.
        weight: f32,
    },
}

/// One byte: 0 for a page's size (1) and letters, else which type the bytes are an archive of.
fn run(input: &[u8]) {
    let mut input = Input::new(input);
    match input.byte() % 5 {
        0 => through_a_page(&mut input),
        1 => access::<Letter>(input.rest()),
        2 => access::<Kind>(input.rest()),
        3 => access::<Vec<String>>(input.rest()),
        _ => access::<(u32, Option<String>)>(input.rest()),
    }
}

type Failure = rkyv::rancor::Error;
type Checker<'a> = rkyv::api::high::HighValidator<'a, Failure>;
type Reader = rkyv::api::high::HighDeserializer<Failure>;

/// Accepted bytes can be read to the last field.
fn access<T>(bytes: &[u8])
where
    T: rkyv::Archive + Debug,
    T::Archived: rkyv::Portable + rkyv::Deserialize<T, Reader>,
    T::Archived: for<'a> rkyv::bytecheck::CheckBytes<Checker<'a>>,
{
    let mut aligned = rkyv::util::AlignedVec::<16>::new();
    aligned.extend_from_slice(bytes);
    if let Ok(archived) = rkyv::access::<T::Archived, Failure>(&aligned) {
        let value = rkyv::deserialize::<T, Failure>(archived);
        drop(format!("{:?}", value.expect("owned values are always made")));
    }
}

fn letter(input: &mut Input<'_>) -> Letter {
    let number = input.byte();
    Letter {
        number,
        price: (number & 1 == 1).then(|| input.u64()),
        subject: input.text(),
        words: (0..input.byte() % 8).map(|_| input.text()).collect(),
        pairs: (0..input.byte() % 8).map(|_| (input.u16(), input.u64().cast_signed())).collect(),
        kind: match number >> 1 & 3 {
            0 => Kind::Plain,
            1 => Kind::Marked(char::from_u32(input.u32() % 0x11_0000).unwrap_or('ß')),
            _ => Kind::Sent { by: input.text(), weight: f32::from_bits(input.u32()) },
        },
    }
}

fn same(a: &impl Debug, b: &impl Debug) {
    // Floats that are no numbers have no equal, but a text.
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
}

fn through_a_page(input: &mut Input<'_>) {
    let mut page = PageBuf::<Letter>::new(256 + 64 * usize::from(input.byte()));
    let mut kept = Vec::new();
    while !input.is_empty() {
        let (at, hash) = (input.u64().cast_signed(), input.u64());
        let letter = letter(input);
        if page.push(&letter, EventTime::from_nanos(at), KeyHash(hash)) {
            kept.push((letter, at, hash));
        } else {
            let mut own = PageBuf::for_value(&letter);
            assert!(own.push(&letter, EventTime::MIN, KeyHash(0)));
            same(&own.view().record(0).to_value(), &letter);
        }
    }
    let _ = page.push_control(Control::End);
    for (index, (letter, at, hash)) in kept.iter().enumerate() {
        let Element::Record(record, time, key) = page.view().element(index) else {
            panic!("element {index} is a record");
        };
        assert_eq!((time.as_nanos(), key.0), (*at, *hash));
        same(&record.to_value(), letter);
        let mut aligned = rkyv::util::AlignedVec::<16>::new();
        aligned.extend_from_slice(record.archive());
        let checked = rkyv::access::<rkyv::Archived<Letter>, Failure>(&aligned);
        assert!(checked.is_ok(), "what was written passes the check");
    }
}

fn archive<T: Record>(value: &T) -> Vec<u8> {
    let mut page = PageBuf::<T>::for_value(value);
    assert!(page.push(value, EventTime::MIN, KeyHash(0)), "it was made for it");
    page.view().record(0).archive().to_vec()
}

fn words() -> Vec<String> {
    vec!["a".to_owned(), "a word that is longer than its place".to_owned()]
}

/// Some letters.
pub(super) fn letters() -> Vec<Letter> {
    let letter = |number: u8, kind| Letter {
        number,
        price: (number > 1).then_some(1 << 40),
        subject: "of letters".to_owned(),
        words: words(),
        pairs: vec![(1, -1), (500, i64::MAX)],
        kind,
    };
    let sent = Kind::Sent { by: "post, as it was before".to_owned(), weight: 1.5 };
    vec![letter(1, Kind::Plain), letter(7, Kind::Marked('ß')), letter(9, sent)]
}

fn seeds() -> Vec<Vec<u8>> {
    let letters = letters();
    let made: Vec<u8> = (0u32..90).map(|at| (at * 37 % 251).to_le_bytes()[0]).collect();
    vec![
        [&[0, 40], &made[..]].concat(),
        [&[0, 1], &made[3..], &made[..]].concat(),
        [&[1][..], &archive(&letters[0])].concat(),
        [&[1][..], &archive(&letters[2])].concat(),
        [&[2][..], &archive(&letters[1].kind)].concat(),
        [&[2][..], &archive(&letters[2].kind)].concat(),
        [&[3][..], &archive(&words())].concat(),
        [&[4][..], &archive(&(9_u32, Some("a string that is not short".to_owned())))].concat(),
    ]
}
