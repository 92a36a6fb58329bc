//! NDJSON against serde_json, and the way out and back in.

use compact_str::CompactString;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::format::split::{ByteRange, plan_splits};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Event {
    id: u64,
    name: CompactString,
    price: Option<f64>,
    #[serde(default)]
    tags: Vec<String>,
}

fn drain<T: DeserializeOwned>(
    extent: &Extent,
    file: &[u8],
    chunk: usize,
    pause: usize,
) -> Vec<Decoded<T>> {
    let mut decoder = JsonDecoder::<T>::open(extent, 1 << 20);
    let mut out = Vec::new();
    for part in file[usize::try_from(extent.read_from()).unwrap()..].chunks(chunk) {
        let mut at = 0;
        loop {
            let mut left = pause;
            let progress = decoder
                .decode(&part[at..], &mut |decoded| {
                    out.push(decoded);
                    left -= 1;
                    if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
                .unwrap();
            at += progress.consumed;
            match progress.pace {
                Pace::NeedInput => break,
                Pace::Paused => {}
                Pace::SplitEnd => return out,
            }
        }
    }
    out.extend(decoder.finish().unwrap());
    out
}

fn decode(text: &[u8]) -> Vec<Decoded<Event>> {
    drain(&Extent::whole(), text, text.len().max(1), usize::MAX)
}

#[test]
fn unknown_fields_are_stepped_over_and_blank_lines_skipped() {
    let text = b"{\"x\":[{\"id\":9}],\"id\":1,\"name\":\"\\u00e9\"}\r\n \n\n{\"name\":\"b\",\"id\":2,\"price\":1}";
    let read: Vec<_> = decode(text).into_iter().map(Result::unwrap).collect();
    let event = |id, name: &str, price| Event { id, name: name.into(), price, tags: vec![] };
    assert_eq!(read, [event(1, "é", None), event(2, "b", Some(1.0))]);
}

#[test]
fn a_bad_line_is_told_with_its_place_and_the_next_one_is_read() {
    let read = decode(b"{\"id\":1,\"name\":\"a\"}\n{\"id\":1,,}\n{\"id\":3,\"name\":\"c\"}\n");
    assert!(read[0].is_ok() && read[2].is_ok());
    let bad = read[1].as_ref().unwrap_err();
    assert_eq!((bad.line, bad.offset), (Some(2), 20));
    let column = bad.column.unwrap();
    assert!((8..=10).contains(&column), "{bad}");
    assert!(!bad.message.contains('\n') && !bad.message.contains(" at line "), "{bad}");
    assert_eq!(&*bad.raw, b"{\"id\":1,,}");
}

#[test]
fn a_missing_field_is_named() {
    let read = decode(b"{\"id\":1}\n");
    let bad = read[0].as_ref().unwrap_err();
    assert_eq!(bad.to_string(), "line 1, column 8: missing field `name`");
}

#[test]
fn depth_without_end_is_bad_and_not_a_crash() {
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(100_000);
        let ignored = format!("{{\"id\":1,\"name\":\"a\",\"x\":{deep}\n");
        let typed = format!("{{\"id\":1,\"name\":{deep}\n");
        for line in [ignored, typed] {
            let bad = decode(line.as_bytes()).remove(0).unwrap_err();
            assert_eq!(bad.to_string(), "line 1: nested more than 128 levels deep");
        }
    }
}

#[test]
fn what_json_cannot_hold_is_refused_with_the_reason_and_leaves_no_bytes() {
    let mut out = b"before".to_vec();
    let by_pairs = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = JsonEncoder::new().encode(&by_pairs, &mut out).unwrap_err();
    assert_eq!(
        crate::error::error_chain(&error),
        "the record cannot be written as JSON: Expected the key to be string/bool/number when serializing map, now is tuple"
    );
    assert_eq!(out, b"before");
}

#[test]
fn what_is_no_number_is_written_as_null() {
    let mut out = Vec::new();
    let event = Event { id: 1, name: "a".into(), price: Some(f64::NAN), tags: vec![] };
    JsonEncoder::new().encode(&event, &mut out).unwrap();
    assert_eq!(out, b"{\"id\":1,\"name\":\"a\",\"price\":null,\"tags\":[]}\n");
}

#[test]
fn what_json_cannot_hold_is_refused_and_leaves_no_bytes() {
    let mut out = b"before".to_vec();
    let map = std::collections::BTreeMap::from([(vec![1_u8], 2)]);
    assert!(JsonEncoder::new().encode(&map, &mut out).is_err());
    assert_eq!(out, b"before");
}

fn event() -> impl Strategy<Value = Event> {
    let tags = prop::collection::vec("\\PC{0,6}", 0..3);
    let price = prop::option::of(any::<f64>().prop_filter("finite", |f| f.is_finite()));
    (any::<u64>(), any::<String>(), price, tags).prop_map(|(id, name, price, tags)| Event {
        id,
        name: name.into(),
        price,
        tags,
    })
}

/// Text that is JSON, or nearly so: an object with one byte changed, or pieces in any order.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let changed =
        (event(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(event, at, byte)| {
            let mut text = serde_json::to_vec(&event).unwrap();
            let at = at.index(text.len());
            text[at] = byte;
            text
        });
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"id\"",
        "\"name\"",
        "\"price\"",
        "\"tags\"",
        "\"x\"",
        "\"\\ud800\"",
        "1",
        "-1",
        "1.5",
        "1e5",
        "01",
        "1.",
        "null",
        "true",
        "18446744073709551616",
        " ",
        "\"",
        "\\",
        "1e999",
    ]);
    let pieces =
        prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat().into_bytes());
    let fields = prop::collection::vec(
        prop::sample::select(vec![
            "\"id\":1",
            "\"id\":-1",
            "\"id\":1.0",
            "\"name\":\"a\"",
            "\"name\":null",
            "\"price\":1",
            "\"price\":1e999",
            "\"price\":null",
            "\"price\":\"1\"",
            "\"tags\":[]",
            "\"tags\":[1]",
            "\"x\":{}",
            "\"x\":[1,{\"y\":2}]",
            "\"x\":\"\\n\"",
            "\"na\\u006de\":\"b\"",
        ]),
        0..6,
    )
    .prop_map(|fields| format!("{{{}}}", fields.join(",")).into_bytes());
    prop_oneof![changed, pieces, fields]
        .prop_filter("one line", |text| !text.contains(&b'\n') && !text.trim_ascii().is_empty())
}

proptest! {
    #[test]
    fn what_is_written_reads_back_here_and_with_serde_json(
        events in prop::collection::vec(event(), 0..5), chunk in 1_usize..60, pause in 1_usize..4,
    ) {
        let mut out = Vec::new();
        let mut encoder = JsonEncoder::new();
        for event in &events {
            encoder.encode(event, &mut out).unwrap();
        }
        let read: Vec<Event> =
            drain(&Extent::whole(), &out, chunk, pause).into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(&read, &events);
        let oracle: Vec<Event> = std::str::from_utf8(&out).unwrap().lines()
            .map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(oracle, events);
    }

    #[test]
    fn what_serde_json_reads_reads_the_same_here(text in nearly_json()) {
        let ours = decode(&text).pop().unwrap();
        match (serde_json::from_slice::<Event>(&text), ours) {
            (Ok(expected), Ok(found)) => prop_assert_eq!(expected, found),
            (Ok(_), Err(bad)) => prop_assert!(false, "refused: {bad}"),
            (Err(error), Ok(_)) => prop_assert!(false, "accepted although: {error}"),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn arbitrary_bytes_decode_the_same_in_any_chunks_pauses_and_splits(
        lines in prop::collection::vec(prop_oneof![nearly_json(), prop::collection::vec(any::<u8>(), 0..30)], 0..6),
        chunk in 1_usize..30, pause in 1_usize..4, split in 1_u64..100,
    ) {
        let file = lines.join(&b'\n');
        let unnumbered = |decoded: Decoded<Event>| decoded.map_err(|bad| BadLine { line: None, ..bad });
        let whole: Vec<_> = decode(&file).into_iter().map(unnumbered).collect();
        let mut parts = Vec::new();
        for range in plan_splits(file.len() as u64, split.try_into().unwrap()) {
            parts.extend(drain(&Extent::of(range), &file, chunk, pause).into_iter().map(unnumbered));
        }
        prop_assert_eq!(&parts, &whole);
        let again = drain(&Extent::of(ByteRange::WHOLE), &file, chunk, pause);
        prop_assert_eq!(again.into_iter().map(unnumbered).collect::<Vec<_>>(), whole);
    }
}
