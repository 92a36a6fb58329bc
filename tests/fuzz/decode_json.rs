//! Any bytes as NDJSON: never a panic, and where chunks end does not show.
#![no_main]

use std::ops::ControlFlow;

use libfuzzer_sys::fuzz_target;
use thalweg::format::json::{JsonDecoder, JsonEncoder};
use thalweg::format::{Decoded, Decoder, Encoder, Pace};

#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
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

fuzz_target!(|input: (u8, &[u8])| {
    let (chunk, bytes) = input;
    let whole = decode(bytes, bytes.len().max(1), false);
    assert_eq!(whole, decode(bytes, usize::from(chunk).max(1), true));

    let mut encoder = JsonEncoder::new();
    let mut written = Vec::new();
    let good: Vec<Event> = whole.into_iter().flatten().collect();
    let kept: Vec<_> =
        good.into_iter().filter(|event| encoder.encode(event, &mut written).is_ok()).collect();
    let again: Vec<Event> =
        decode(&written, written.len().max(1), false).into_iter().flatten().collect();
    assert_eq!(again, kept);
});
