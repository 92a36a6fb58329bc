//! The body of this name, under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| (thalweg_fuzz::archive_view::TARGET.run)(input));
