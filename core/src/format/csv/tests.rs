//! CSV as a whole: projection, errors with their places, and the way out and back in.

use std::ops::ControlFlow;

use compact_str::CompactString;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::*;
use crate::format::decode::{BadLine, DecodeError, Decoded, Decoder, Pace, Position};
use crate::format::encode::Encoder;
use crate::format::split::{ByteRange, Extent, plan_splits};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Delay {
    origin: CompactString,
    flight: u32,
    delay: Option<i32>,
}

fn delay(origin: &str, flight: u32, delay: Option<i32>) -> Delay {
    Delay { origin: origin.into(), flight, delay }
}

/// Feeds `bytes` in chunks and lets the callback break after every `pause` records.
fn drain<T: DeserializeOwned>(
    mut decoder: CsvDecoder<T>,
    bytes: &[u8],
    chunk: usize,
    pause: usize,
) -> Result<Vec<Decoded<T>>, DecodeError> {
    let mut out = Vec::new();
    for part in bytes.chunks(chunk) {
        let mut at = 0;
        loop {
            let mut left = pause;
            let progress = decoder.decode(&part[at..], &mut |decoded| {
                out.push(decoded);
                left -= 1;
                if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            at += progress.consumed;
            match progress.pace {
                Pace::NeedInput => break,
                Pace::Paused => {}
                Pace::SplitEnd => return Ok(out),
            }
        }
        assert_eq!(at, part.len());
    }
    out.extend(decoder.finish()?);
    Ok(out)
}

fn decode_with<T: DeserializeOwned>(
    options: CsvOptions,
    text: &[u8],
) -> Result<Vec<Decoded<T>>, DecodeError> {
    drain(CsvDecoder::new(options)?, text, text.len().max(1), usize::MAX)
}

fn decode<T: DeserializeOwned>(text: &str) -> Result<Vec<Decoded<T>>, DecodeError> {
    decode_with(CsvOptions::new(), text.as_bytes())
}

fn good<T: DeserializeOwned>(text: &str) -> Vec<T> {
    decode(text).unwrap().into_iter().map(Result::unwrap).collect()
}

fn bad<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> BadLine {
    decode::<T>(text).unwrap().pop().unwrap().unwrap_err()
}

#[test]
fn columns_are_found_by_name_in_any_order_and_others_are_ignored() {
    let text = "delay,x,flight,origin\r\n-3,?,15,JFK\r\n\r\n,\"a,b\",16,\"E\"\"R\"";
    assert_eq!(good::<Delay>(text), [delay("JFK", 15, Some(-3)), delay("E\"R", 16, None)]);
}

#[test]
fn an_absent_column_is_fine_for_an_option_only() {
    assert_eq!(good::<Delay>("origin,flight\nJFK,1\n"), [delay("JFK", 1, None)]);
    let error = decode::<Delay>("origin,Flight\nJFK,1\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the header has no column \"flight\"; it has \"origin\", \"Flight\"; \
         give the field the name of a column (`#[serde(rename)]`), or make it an `Option`"
    );
}

#[test]
fn a_bad_cell_is_named_with_line_column_and_field() {
    let bad = bad::<Delay>("origin,flight,delay\nJFK,1,2\nJFK,x7,2\n");
    assert_eq!(
        bad.to_string(),
        "line 3, column 5 (field \"flight\"): invalid digit found in string"
    );
    assert_eq!(&*bad.raw, b"JFK,x7,2");
    assert_eq!(bad.offset, 28);
}

#[test]
fn a_record_that_refuses_itself_blames_no_field() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "Delay")]
    struct Checked;
    impl TryFrom<Delay> for Checked {
        type Error = String;
        fn try_from(delay: Delay) -> Result<Self, String> {
            if delay.flight > 0 { Ok(Self) } else { Err("flight 0 does not exist".into()) }
        }
    }
    let bad = bad::<Checked>("origin,flight\nJFK,1\nJFK,0\n");
    assert_eq!(bad.to_string(), "line 3: flight 0 does not exist");
}

#[test]
fn a_number_beyond_its_type_is_bad() {
    let bad = bad::<Delay>("origin,flight\nJFK,4294967296\n");
    assert_eq!(&*bad.message, "number too large to fit in target type");
}

#[test]
fn a_cell_that_is_not_utf8_is_bad_only_if_it_is_needed() {
    let text = b"origin,flight,x\nA\xFF,1,\n,2,\xFF\n";
    let decoded = decode_with::<Delay>(CsvOptions::new(), text).unwrap();
    let bad = decoded[0].as_ref().unwrap_err();
    assert_eq!(bad.field.as_deref(), Some("origin"));
    assert!(bad.message.starts_with("invalid utf-8"), "{}", bad.message);
    assert_eq!(decoded[1], Ok(delay("", 2, None)));
}

#[test]
fn a_row_of_another_width_is_bad_unless_flexible() {
    let text = "origin,flight,delay\nJFK,1\nJFK,2,3,4\n";
    let messages: Vec<_> =
        decode::<Delay>(text).unwrap().into_iter().map(|d| d.unwrap_err().message).collect();
    assert_eq!(
        messages.iter().map(|m| &**m).collect::<Vec<_>>(),
        ["the row has 2 cells, the header has 3", "the row has 4 cells, the header has 3"]
    );
    let options = CsvOptions::new().flexible(true);
    let flexible = decode_with(options, text.as_bytes()).unwrap();
    assert_eq!(flexible, [Ok(delay("JFK", 1, None)), Ok(delay("JFK", 2, Some(3)))]);
}

#[test]
fn without_a_header_the_first_columns_fill_the_fields() {
    let options = CsvOptions::new().has_header(false).delimiter(b';');
    let decoded = decode_with(options, b"JFK;1;;extra\nLGA;2\n").unwrap();
    assert_eq!(decoded[0], Ok(delay("JFK", 1, None)));
    let bad = decoded[1].as_ref().unwrap_err();
    assert_eq!(&*bad.message, "the row has 2 cells, the record needs 3");
}

#[test]
fn a_header_without_rows_and_an_empty_file_give_nothing() {
    assert_eq!(good::<Delay>("origin,flight"), []);
    assert_eq!(good::<Delay>(""), []);
    assert_eq!(good::<Delay>("\u{feff}origin,flight\n"), []);
}

#[test]
fn a_decoder_that_failed_keeps_failing() {
    let mut decoder = CsvDecoder::<Delay>::new(CsvOptions::new()).unwrap();
    let mut emit = |_| ControlFlow::Continue(());
    let first = decoder.decode(b"wrong\norigin,flight\n", &mut emit).unwrap_err();
    assert_eq!(decoder.decode(b"origin,flight\n", &mut emit).unwrap_err(), first);
    assert_eq!(decoder.finish().unwrap_err(), first);
}

#[test]
fn a_needed_column_named_twice_is_refused() {
    let error = decode::<Delay>("origin,flight,x,x,flight\n").unwrap_err();
    assert_eq!(error.to_string(), "the header names column \"flight\" twice; rename one of them");
}

#[test]
fn line_breaks_in_quotes_need_multiline() {
    let text = "origin,flight\n\"J\nK\",1\nLGA,2\n";
    let decoded = decode_with(CsvOptions::new().multiline(true), text.as_bytes()).unwrap();
    assert_eq!(decoded, [Ok(delay("J\nK", 1, None)), Ok(delay("LGA", 2, None))]);
    let single = decode::<Delay>(text).unwrap();
    let bad = single[0].as_ref().unwrap_err();
    assert_eq!((bad.line, bad.column), (Some(2), Some(1)));
    assert_eq!(
        &*bad.message,
        "quoted cell is not closed on its line; if cells contain line breaks, set `multiline(true)`"
    );
    assert_eq!(single.last(), Some(&Ok(delay("LGA", 2, None))));
}

#[test]
fn what_has_no_named_fields_is_refused_at_once() {
    #[derive(Debug, Deserialize)]
    struct Flat {
        #[serde(flatten)]
        _rest: std::collections::BTreeMap<String, String>,
    }
    for (error, name) in [
        (CsvDecoder::<(u32, u32)>::new(CsvOptions::new()).unwrap_err(), "(u32, u32)"),
        (CsvDecoder::<Flat>::new(CsvOptions::new()).unwrap_err(), std::any::type_name::<Flat>()),
    ] {
        assert_eq!(
            error.to_string(),
            format!(
                "\"{name}\" is not a struct with named fields, so CSV columns cannot fill it; read such a struct, and map it"
            )
        );
    }
}

#[test]
fn an_alias_is_refused_before_it_can_shift_a_column() {
    #[derive(Debug, Deserialize)]
    struct Renamed {
        #[serde(alias = "b")]
        _a: u32,
        _c: u32,
    }
    let error = decode::<Renamed>("_a,b,_c\n1,2,3\n").unwrap_err();
    let name = std::any::type_name::<Renamed>();
    assert_eq!(
        error.to_string(),
        format!("\"{name}\" has field aliases, which CSV does not support; use `rename`")
    );
}

#[test]
fn enums_newtypes_and_bools_are_cells() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Bid,
        Auction,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Meters(f64);
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Event {
        kind: Kind,
        far: Meters,
        open: bool,
        mark: char,
        big: u128,
    }
    let text = "kind,far,open,mark,big\nbid,1.5,true,;,340282366920938463463374607431768211455\n";
    let events = good::<Event>(text);
    assert_eq!(events[0].kind, Kind::Bid);
    let mut out = Vec::new();
    CsvEncoder::new(CsvOptions::new()).encode(&events[0], &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), text);
    let unknown = bad::<Event>("kind,far,open,mark,big\nsale,1.5,true,;,3\n");
    assert_eq!(unknown.field.as_deref(), Some("kind"));
    assert_eq!(&*unknown.message, "unknown variant `sale`, expected `bid` or `auction`");
    let unclear = bad::<Event>("kind,far,open,mark,big\nbid,1.5,yes,;,3\n");
    assert_eq!(
        unclear.to_string(),
        "line 2, column 9 (field \"open\"): neither \"true\" nor \"false\""
    );
}

#[test]
fn what_no_cell_can_hold_is_bad_and_says_what_to_do() {
    #[derive(Debug, Deserialize)]
    struct Nested {
        _id: u32,
        _parts: Vec<u32>,
    }
    #[derive(Debug, Deserialize)]
    struct Unit {
        _nothing: (),
    }
    assert_eq!(
        bad::<Nested>("_id,_parts\n1,2\n").to_string(),
        "line 2, column 3 (field \"_parts\"): a CSV cell holds one value, not a nested one; flatten it or use NDJSON"
    );
    assert_eq!(
        bad::<Unit>("_nothing\nx\n").to_string(),
        "line 2, column 1 (field \"_nothing\"): expected an empty cell"
    );
}

#[test]
fn wrong_quotes_and_rows_that_never_end_are_bad_where_they_begin() {
    assert_eq!(
        bad::<Delay>("origin,flight\n\"J\"FK,1\n").to_string(),
        "line 2, column 4: text after the closing quote of a cell"
    );
    let options = CsvOptions::new().multiline(true).max_line_bytes(40);
    let text = format!("origin,flight\n\"JFK,1\n{}", "LGA,2\n".repeat(9));
    let never = decode_with::<Delay>(options, text.as_bytes()).unwrap();
    assert_eq!(
        never[0].as_ref().unwrap_err().to_string(),
        "line 2: record is longer than 40 bytes, the limit `max_line_bytes`; is a quote never closed?"
    );
}

#[test]
fn a_flexible_row_that_is_too_short_for_a_field_that_must_be_there_is_bad() {
    let options = CsvOptions::new().flexible(true);
    let short = decode_with::<Delay>(options, b"origin,flight,delay\nJFK\n").unwrap();
    assert_eq!(
        short[0].as_ref().unwrap_err().to_string(),
        "line 2, column 5 (field \"flight\"): cannot parse integer from empty string"
    );
}

#[test]
fn a_later_split_takes_the_header_of_the_file() {
    let text = b"origin,flight\nJFK,1\nLGA,2\nEWR,3\n";
    let header = Header::read(&text[..14], false, &CsvOptions::new()).unwrap();
    assert_eq!(header.as_ref().unwrap().names(), ["origin", "flight"]);
    assert_eq!(Header::read(&text[..9], false, &CsvOptions::new()).unwrap(), None);
    let extent = Extent::of(ByteRange { start: 16, end: 21 });
    let mut decoder = CsvDecoder::<Delay>::open(CsvOptions::new(), &extent, header).unwrap();
    let mut seen = Vec::new();
    let from = usize::try_from(extent.read_from()).unwrap();
    let progress = decoder
        .decode(&text[from..], &mut |decoded| {
            seen.push(decoded.unwrap());
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(progress.pace, Pace::SplitEnd);
    assert_eq!(seen, [delay("LGA", 2, None)]);
    assert_eq!(decoder.position(), Position { byte: 26, line: None });
}

#[test]
fn floats_are_written_shortest_with_a_digit_behind_the_point() {
    #[derive(Serialize)]
    struct Float {
        value: f64,
    }
    let write = |value| {
        let mut out = Vec::new();
        CsvEncoder::appending(CsvOptions::new()).encode(&Float { value }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let cases = [
        (10.0, "10.0\n"),
        (39.02, "39.02\n"),
        (10.357_019_999_999_999, "10.357019999999999\n"),
        (-0.0, "-0.0\n"),
        (1e15, "1000000000000000.0\n"),
        (1e16, "1e16\n"),
        (1e21, "1e21\n"),
        (1.25e-7, "1.25e-7\n"),
        (f64::NAN, "NaN\n"),
        (f64::NEG_INFINITY, "-inf\n"),
    ];
    for (value, expected) in cases {
        assert_eq!(write(value), expected);
    }
}

#[test]
fn a_file_gets_its_header_once_and_the_next_file_again() {
    let mut encoder = CsvEncoder::new(CsvOptions::new());
    let mut out = Vec::new();
    encoder.encode(&delay("a,b", 1, None), &mut out).unwrap();
    encoder.encode(&delay("c", 2, Some(-1)), &mut out).unwrap();
    assert_eq!(out, b"origin,flight,delay\n\"a,b\",1,\nc,2,-1\n");
    out.clear();
    encoder.start_file();
    encoder.encode(&delay("d", 3, None), &mut out).unwrap();
    assert_eq!(out, b"origin,flight,delay\nd,3,\n");
}

#[test]
fn a_nested_value_is_refused_by_name_and_leaves_no_bytes() {
    #[derive(Serialize)]
    struct Nested {
        id: u32,
        parts: Vec<u32>,
    }
    let mut out = b"before".to_vec();
    let nested = Nested { id: 1, parts: vec![2] };
    let error = CsvEncoder::new(CsvOptions::new()).encode(&nested, &mut out).unwrap_err();
    assert_eq!(
        error.to_string(),
        "field \"parts\" is a sequence, and a CSV cell holds one value; flatten it or use NDJSON"
    );
    assert_eq!(out, b"before");
}

#[test]
fn a_record_without_columns_is_refused_by_what_it_is() {
    #[derive(Serialize)]
    enum Kind {
        Bid,
        Sale { price: u32 },
    }
    fn said<T: Serialize>(record: &T) -> String {
        let mut out = Vec::new();
        CsvEncoder::new(CsvOptions::new()).encode(record, &mut out).unwrap_err().to_string()
    }
    for (said, what) in [
        (said(&true), "a bool"),
        (said(&7), "a number"),
        (said(&'x'), "a character"),
        (said(&"x"), "a string"),
        (said(&Some(7)), "an option"),
        (said(&()), "a unit"),
        (said(&Kind::Bid), "an enum"),
        (said(&Kind::Sale { price: 1 }), "an enum"),
        (said(&[7].as_slice()), "a sequence"),
        (said(&(7, 8)), "a tuple"),
        (said(&std::collections::BTreeMap::from([(7, 8)])), "a map"),
    ] {
        assert_eq!(
            said,
            format!(
                "the record is {what}, not a struct with named fields, so it has no CSV columns; map it to one, or use NDJSON"
            )
        );
    }
}

#[test]
fn a_field_that_is_no_cell_is_refused_by_what_it_is() {
    #[derive(Serialize)]
    enum Sale {
        Price(u32),
    }
    #[derive(Serialize)]
    struct One<T> {
        field: T,
    }
    fn said<T: Serialize>(field: T) -> String {
        let mut out = Vec::new();
        let encoded = CsvEncoder::new(CsvOptions::new()).encode(&One { field }, &mut out);
        encoded.unwrap_err().to_string()
    }
    for (said, what) in [
        (said((1, 2)), "a tuple"),
        (said(std::collections::BTreeMap::from([(7, 8)])), "a map"),
        (said(One { field: 1 }), "a struct"),
        (said(Sale::Price(1)), "an enum with data"),
    ] {
        assert_eq!(
            said,
            format!(
                "field \"field\" is {what}, and a CSV cell holds one value; flatten it or use NDJSON"
            )
        );
    }
}

#[test]
fn records_that_write_themselves_are_held_to_the_columns_of_the_first() {
    /// So many fields, or none that can be written.
    struct Fields(Option<usize>);
    impl Serialize for Fields {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            use serde::ser::{Error as _, SerializeStruct as _};
            let count = self.0.ok_or_else(|| S::Error::custom("the price is not known"))?;
            let mut fields = to.serialize_struct("Fields", count)?;
            ["a", "b", "c"][..count]
                .iter()
                .try_for_each(|name| fields.serialize_field(name, &1))?;
            fields.end()
        }
    }
    let mut encoder = CsvEncoder::new(CsvOptions::new());
    let mut out = Vec::new();
    encoder.encode(&Fields(Some(2)), &mut out).unwrap();
    let error = encoder.encode(&Fields(Some(3)), &mut out).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the record has 3 fields, the file's header 2; give every record the fields of the first"
    );
    let error = encoder.encode(&Fields(None), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "the record cannot be serialized: the price is not known");
    assert_eq!(out, b"a,b\n1,1\n");
}

#[test]
fn a_row_of_one_empty_cell_is_not_an_empty_line() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct One {
        only: Option<u32>,
    }
    let mut out = Vec::new();
    CsvEncoder::new(CsvOptions::new()).encode(&One { only: None }, &mut out).unwrap();
    assert_eq!(out, b"only\n\"\"\n");
    assert_eq!(good::<One>(std::str::from_utf8(&out).unwrap()), [One { only: None }]);
}

#[test]
fn a_delimiter_that_a_number_may_contain_forces_quotes() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pair {
        a: f64,
        b: i32,
    }
    for delimiter in [b'.', b'-', b'1', b'\t'] {
        let options = CsvOptions::new().delimiter(delimiter);
        let mut out = Vec::new();
        let pair = Pair { a: -1.5, b: -11 };
        CsvEncoder::new(options).encode(&pair, &mut out).unwrap();
        assert_eq!(decode_with(options, &out).unwrap(), [Ok(pair)]);
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wide {
    text: String,
    maybe: Option<String>,
    small: i8,
    large: u64,
    signed: i64,
    float: f64,
    single: f32,
    flag: bool,
}

fn wide() -> impl Strategy<Value = Wide> {
    let text = || prop::string::string_regex("[a,\"\n\r é;]{0,8}").unwrap();
    let float = any::<f64>().prop_filter("equal to itself", |f| !f.is_nan());
    let single = any::<f32>().prop_filter("equal to itself", |f| !f.is_nan());
    let maybe = prop::option::of(text().prop_filter("not empty", |text| !text.is_empty()));
    (text(), maybe, any::<i8>(), any::<u64>(), any::<i64>(), float, single, any::<bool>()).prop_map(
        |(text, maybe, small, large, signed, float, single, flag)| Wide {
            text,
            maybe,
            small,
            large,
            signed,
            float,
            single,
            flag,
        },
    )
}

fn messy() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => Just(b','), 3 => Just(b'\n'), 1 => Just(b'\r'), 2 => Just(b'"'), 4 => b'0'..=b'9',
        1 => any::<u8>(),
    ];
    (any::<bool>(), prop::collection::vec(byte, 0..120)).prop_map(|(header, mut bytes)| {
        if header {
            bytes.splice(0..0, *b"origin,flight,x\n");
        }
        bytes
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        records in prop::collection::vec(wide(), 0..5), chunk in 1_usize..50, pause in 1_usize..4,
    ) {
        let options = CsvOptions::new().multiline(true);
        let mut out = Vec::new();
        let mut encoder = CsvEncoder::new(options);
        for record in &records {
            encoder.encode(record, &mut out).unwrap();
        }
        let read = drain(CsvDecoder::<Wide>::new(options).unwrap(), &out, chunk, pause).unwrap();
        let read: Vec<_> = read.into_iter().map(Result::unwrap).collect();
        prop_assert_eq!(read, records);
    }

    #[test]
    fn what_is_written_reads_the_same_with_the_csv_crate(records in prop::collection::vec(wide(), 0..5)) {
        let mut out = Vec::new();
        let mut encoder = CsvEncoder::new(CsvOptions::new());
        for record in &records {
            encoder.encode(record, &mut out).unwrap();
        }
        let read: Vec<Wide> =
            csv::Reader::from_reader(&out[..]).deserialize().map(Result::unwrap).collect();
        prop_assert_eq!(read, records);
    }

    #[test]
    fn arbitrary_bytes_decode_the_same_in_any_chunks_and_pauses(
        bytes in messy(), chunk in 1_usize..20, pause in 1_usize..4,
        multiline in any::<bool>(), has_header in any::<bool>(), flexible in any::<bool>(),
        trim in any::<bool>(), limit in 1_usize..60,
    ) {
        let options = CsvOptions::new()
            .multiline(multiline).has_header(has_header).flexible(flexible).trim(trim)
            .max_line_bytes(limit);
        let decoder = || CsvDecoder::<Delay>::new(options).unwrap();
        let whole = drain(decoder(), &bytes, 1000, usize::MAX);
        prop_assert_eq!(drain(decoder(), &bytes, chunk, pause), whole);
    }

    #[test]
    fn splits_of_any_size_decode_to_what_the_whole_file_does(
        bytes in messy(), split in 1_u64..50, chunk in 1_usize..20,
    ) {
        let options = CsvOptions::new();
        let whole = drain(CsvDecoder::<Delay>::new(options).unwrap(), &bytes, 1000, usize::MAX);
        let Ok(Some(header)) = Header::read(&bytes, true, &options) else { return Ok(()) };
        let Ok(whole) = whole else { return Ok(()) };
        let mut parts = Vec::new();
        for range in plan_splits(bytes.len() as u64, split.try_into().unwrap()) {
            let extent = Extent::of(range);
            let decoder = CsvDecoder::<Delay>::open(options, &extent, Some(header.clone())).unwrap();
            let from = usize::try_from(extent.read_from()).unwrap();
            parts.extend(drain(decoder, &bytes[from..], chunk, usize::MAX).unwrap());
        }
        let unnumbered = |decoded: Decoded<Delay>| decoded.map_err(|bad| BadLine { line: None, ..bad });
        let parts: Vec<_> = parts.into_iter().map(unnumbered).collect();
        let whole: Vec<_> = whole.into_iter().map(unnumbered).collect();
        prop_assert_eq!(parts, whole);
    }
}
