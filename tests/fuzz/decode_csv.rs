//! Any bytes as CSV of any dialect: never a panic, and where chunks end does not show.
#![no_main]

use std::ops::ControlFlow;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use thalweg::format::csv::{CsvDecoder, CsvEncoder, CsvOptions};
use thalweg::format::{Decoded, Decoder, Encoder, Pace};

#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
struct Row {
    a: String,
    b: Option<i64>,
    c: f64,
    d: bool,
}

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    delimiter: u8,
    quoted: bool,
    trim: bool,
    multiline: bool,
    flexible: bool,
    long_lines: bool,
    chunk: u8,
    bytes: &'a [u8],
}

/// Everything that comes out, in words; a float that is no number has no equal.
fn decode(options: &CsvOptions, bytes: &[u8], chunk: usize, pause: bool) -> Vec<String> {
    rows(options, bytes, chunk, pause).iter().map(|row| format!("{row:?}")).collect()
}

fn rows(
    options: &CsvOptions,
    bytes: &[u8],
    chunk: usize,
    pause: bool,
) -> Vec<Result<Decoded<Row>, String>> {
    let mut decoder = match CsvDecoder::<Row>::new(options.clone()) {
        Ok(decoder) => decoder,
        Err(error) => return vec![Err(error.to_string())],
    };
    let mut out = Vec::new();
    for chunk in bytes.chunks(chunk) {
        let mut at = 0;
        loop {
            let decoded = decoder.decode(&chunk[at..], &mut |row| {
                out.push(Ok(row));
                if pause { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            match decoded {
                Ok(progress) => {
                    at += progress.consumed;
                    if progress.pace != Pace::Paused {
                        break;
                    }
                }
                Err(error) => {
                    out.push(Err(error.to_string()));
                    return out;
                }
            }
        }
    }
    match decoder.finish() {
        Ok(last) => out.extend(last.map(Ok)),
        Err(error) => out.push(Err(error.to_string())),
    }
    out
}

fuzz_target!(|input: Input<'_>| {
    let delimiter = b",;\t|"[usize::from(input.delimiter % 4)];
    let options = CsvOptions::new()
        .delimiter(delimiter)
        .quote(input.quoted.then_some(b'"'))
        .trim(input.trim)
        .multiline(input.multiline && input.quoted)
        .flexible(input.flexible)
        .max_line_bytes(if input.long_lines { 1 << 20 } else { 64 });
    let mut bytes = b"a,b,c,d\n".map(|byte| if byte == b',' { delimiter } else { byte }).to_vec();
    bytes.extend_from_slice(input.bytes);
    let whole = decode(&options, &bytes, bytes.len(), false);
    let chunk = usize::from(input.chunk).max(1);
    assert_eq!(whole, decode(&options, &bytes, chunk, true));
    let _ = decode(&options, input.bytes, chunk, false);

    // What was read is read again from what is written of it.
    let plain = CsvOptions::new().multiline(true);
    let good: Vec<Row> =
        rows(&options, &bytes, bytes.len(), false).into_iter().flatten().flatten().collect();
    let mut encoder = CsvEncoder::new(plain.clone());
    let mut written = Vec::new();
    let kept: Vec<_> =
        good.iter().filter(|row| encoder.encode(row, &mut written).is_ok()).cloned().collect();
    if !kept.is_empty() {
        let again = decode(&plain, &written, written.len(), false);
        let expected: Vec<_> = kept
            .into_iter()
            .map(|row| format!("{:?}", Ok::<_, String>(Decoded::Ok(row))))
            .collect();
        assert_eq!(again, expected);
    }
});
