//! The body of this name, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (thalweg_fuzz::decode_json::TARGET.run)(input));
