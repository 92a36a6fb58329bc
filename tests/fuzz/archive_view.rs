//! Archives: any bytes through the checked access, which must refuse what cannot be read; and any value through a page.
#![no_main]

use std::fmt::Debug;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use thalweg::prelude::*;
use thalweg::raw::page::{Control, Element, PageBuf};
use thalweg::record::KeyHash;
use thalweg::rkyv;

#[record]
#[derive(Arbitrary)]
struct Letter {
    number: u8,
    price: Option<u64>,
    subject: String,
    words: Vec<String>,
    pairs: Vec<(u16, i64)>,
    kind: Kind,
}

#[record]
#[derive(Arbitrary)]
enum Kind {
    Plain,
    Marked(char),
    Sent { by: String, weight: f32 },
}

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Bytes(&'a [u8]),
    Letters { page: u8, letters: Vec<(Letter, i64, u64)> },
}

/// Accepted bytes can be read to the last field.
macro_rules! access {
    ($($type:ty),*) => {|bytes: &[u8]| {$(
        type Archived = <$type as rkyv::Archive>::Archived;
        if let Ok(archived) = rkyv::access::<Archived, rkyv::rancor::Error>(bytes) {
            let value = rkyv::deserialize::<$type, rkyv::rancor::Error>(archived);
            drop(format!("{:?}", value.expect("owned values are always made")));
        }
    )*}};
}

fn same(a: &impl Debug, b: &impl Debug) {
    // Floats that are no numbers have no equal, but a text.
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Bytes(bytes) => {
        let mut aligned = rkyv::util::AlignedVec::<16>::new();
        aligned.extend_from_slice(bytes);
        access!(Letter)(&aligned);
        access!(Kind)(&aligned);
        access!(Vec<String>)(&aligned);
        access!((u32, Option<String>))(&aligned);
    }
    Input::Letters { page, letters } => {
        let mut page = PageBuf::<Letter>::new(256 + 64 * usize::from(page));
        let mut kept = Vec::new();
        for (letter, at, hash) in &letters {
            if page.push(letter, EventTime::from_nanos(*at), KeyHash(*hash)) {
                kept.push((letter, *at, *hash));
            } else {
                let mut own = PageBuf::for_value(letter);
                assert!(own.push(letter, EventTime::MIN, KeyHash(0)));
                same(&own.view().record(0).to_value(), letter);
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
            type Archived = <Letter as rkyv::Archive>::Archived;
            let checked = rkyv::access::<Archived, rkyv::rancor::Error>(&aligned);
            assert!(checked.is_ok(), "what was written passes the check");
        }
    }
});
