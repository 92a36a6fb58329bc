//! Any bytes as NDJSON: never a panic, and where chunks end does not show.

use std::ops::ControlFlow;

use thalweg::format::json::{JsonDecoder, JsonEncoder};
use thalweg::format::{Decoded, Decoder, Encoder, Pace};

use super::input::Input;

/// See the file's header.
pub const TARGET: super::Target = super::Target {
    name: "decode_json",
    run,
    seeds,
    words: &[
        b"\"a\":", b"\"b\":", b"\"c\":[", b"\"d\":{", b"null", b"1e308", b"\\ud83d", b"}\n{",
        b"\r\n",
    ],
};

#[derive(Clone, Debug, PartialEq, thalweg::serde::Deserialize, thalweg::serde::Serialize)]
#[serde(crate = "thalweg::serde")]
struct Event {
    a: String,
    b: Option<i64>,
    #[serde(default)]
    c: Vec<Option<f64>>,
    #[serde(default)]
    d: Option<Box<Event>>,
}

fn decode(bytes: &[u8], chunk: usize, pause: bool) -> Vec<Decoded<Event>> {
    let mut decoder = JsonDecoder::<Event>::new();
    let mut out = Vec::new();
    for chunk in bytes.chunks(chunk) {
        let mut at = 0;
        loop {
            let progress = decoder.decode(&chunk[at..], &mut |event| {
                out.push(event);
                if pause { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            let progress = progress.expect("no line makes the others wrong");
            at += progress.consumed;
            if progress.pace != Pace::Paused {
                break;
            }
        }
    }
    out.extend(decoder.finish().expect("as above"));
    out
}

/// How much is given at once (1), and the text.
fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let (chunk, bytes) = (usize::from(input.byte()).max(1), input.rest());
    let whole = decode(bytes, bytes.len().max(1), false);
    assert_eq!(whole, decode(bytes, chunk, true));

    let mut encoder = JsonEncoder::new();
    let mut written = Vec::new();
    let good: Vec<Event> = whole.into_iter().flatten().collect();
    let kept: Vec<_> =
        good.into_iter().filter(|event| encoder.encode(event, &mut written).is_ok()).collect();
    let again: Vec<Event> =
        decode(&written, written.len().max(1), false).into_iter().flatten().collect();
    assert_eq!(again, kept);
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"a":"x","b":-7,"c":[1.5,null,-0.0,1e-300],"d":{"a":"\u00e9\n\"","b":null}}"#,
        "{\"a\":\"x\",\"b\":9223372036854775807}\r\n\n{ \"b\" : null , \"a\" : \"\\ud83d\\ude00\" , \"z\" : [ {}, [ [ ] ] ] }\n{\"a\":1}\nnot json\n",
        r#"{"a":"","b":1,"c":[],"d":{"a":"","b":2,"d":{"a":"ß","b":3,"c":[0.1]}}}"#,
    ];
    texts.iter().zip([1, 3, 40]).map(|(text, chunk)| [&[chunk], text.as_bytes()].concat()).collect()
}
