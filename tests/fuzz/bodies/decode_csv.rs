//! Any bytes as CSV of any dialect: never a panic, and where chunks end does not show.

use std::ops::ControlFlow;

use thalweg::format::csv::{CsvDecoder, CsvEncoder, CsvOptions};
use thalweg::format::{Decoded, Decoder, Encoder, Pace};

use super::input::{Input, bits};

/// See the file's header.
pub const TARGET: super::Target = super::Target {
    name: "decode_csv",
    run,
    seeds,
    words: &[
        b"\"\"",
        b"\",\"",
        b"\r\n",
        b"\n",
        b"true",
        b"NaN",
        b"-inf",
        b"1e308",
        b"\xef\xbb\xbf",
    ],
};

#[derive(Clone, Debug, PartialEq, thalweg::serde::Deserialize, thalweg::serde::Serialize)]
#[serde(crate = "thalweg::serde")]
struct Row {
    a: String,
    b: Option<i64>,
    c: f64,
    d: bool,
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
    let mut decoder = match CsvDecoder::<Row>::new(*options) {
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

/// Delimiter (1), dialect (1), how much is given at once (1), and the text, without its first line or with one of its own.
fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let delimiter = b",;\t|"[usize::from(input.byte() % 4)];
    let [quoted, trim, multiline, flexible, long_lines, own_header] = bits(input.byte());
    let chunk = usize::from(input.byte()).max(1);
    let options = CsvOptions::new()
        .delimiter(delimiter)
        .quote(quoted.then_some(b'"'))
        .trim(trim)
        .multiline(multiline && quoted)
        .flexible(flexible)
        .max_line_bytes(if long_lines { 1 << 20 } else { 64 });
    let mut bytes = Vec::new();
    if !own_header {
        bytes.extend(b"a,b,c,d\n".map(|byte| if byte == b',' { delimiter } else { byte }));
    }
    bytes.extend_from_slice(input.rest());
    let whole = decode(&options, &bytes, bytes.len().max(1), false);
    assert_eq!(whole, decode(&options, &bytes, chunk, true));

    // What was read is read again from what is written of it.
    let plain = CsvOptions::new().multiline(true);
    let good: Vec<Row> =
        rows(&options, &bytes, bytes.len().max(1), false).into_iter().flatten().flatten().collect();
    let mut encoder = CsvEncoder::new(plain);
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
}

fn seeds() -> Vec<Vec<u8>> {
    vec![
        [&[0, 0b01_0101, 5], &b"EWR,1,2.5,true\n\"q \"\"uo\"\"\nte\",,-1e300,false\r\nx,-9223372036854775808,NaN,1\n"[..]].concat(),
        [&[1, 0b10_1011, 3], &b"d;c;b;a;e\n true ; 1 ; ; \" a \" ;9\nfalse;inf;7\n"[..]].concat(),
        [&[2, 0b11_0001, 64], &b"\xef\xbb\xbfa\tb\tc\td\n\"\"\t0\t.5\tfalse"[..]].concat(),
        [&[3, 0b00_0000, 1], &b"a\"b|+3|1.|0\n|||\n"[..]].concat(),
    ]
}
