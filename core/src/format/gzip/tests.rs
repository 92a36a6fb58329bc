//! Inflating against what flate2 compressed, whole, in pieces and damaged.

use std::io::Write;

use flate2::write::GzEncoder;
use flate2::{Compression as Level, GzBuilder};
use proptest::prelude::*;

use super::*;

fn member(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn inflate(file: &[u8], chunk: usize, max_output: usize) -> Result<Vec<u8>, GzipError> {
    let mut inflate = Inflate::new();
    let mut plain = Vec::new();
    for part in file.chunks(chunk) {
        let mut at = 0;
        loop {
            let before = plain.len();
            let done = inflate.push(&part[at..], &mut plain, max_output)?;
            assert_eq!(plain.len(), before + done.produced);
            assert!(done.produced <= max_output);
            at += done.consumed;
            if !done.full {
                break;
            }
        }
        assert_eq!(at, part.len());
    }
    inflate.finish()?;
    Ok(plain)
}

proptest! {
    #[test]
    fn members_in_a_row_inflate_to_their_contents_joined(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..4),
        zeros in 0_usize..9, chunk in 1_usize..40, max_output in 1_usize..100,
    ) {
        let mut file: Vec<u8> = parts.iter().flat_map(|part| member(part)).collect();
        file.resize(file.len() + zeros, 0);
        prop_assert_eq!(inflate(&file, chunk, max_output), Ok(parts.concat()));
    }

    #[test]
    fn damage_is_never_silent(
        plain in prop::collection::vec(any::<u8>(), 1..300), at in any::<prop::sample::Index>(),
        flip in 1_u8..=255, chunk in 1_usize..40,
    ) {
        let mut file = member(&plain);
        // The first ten bytes hold a time and a system that no checksum covers.
        let at = 10 + at.index(file.len() - 10);
        file[at] ^= flip;
        if let Ok(found) = inflate(&file, chunk, 64) {
            // Padding bits of deflate mean nothing; everything else must be noticed.
            prop_assert_eq!(found, plain);
        }
    }

    #[test]
    fn a_cut_off_file_is_truncated_wherever_it_is_cut(
        plain in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(),
        chunk in 1_usize..40,
    ) {
        let file = member(&plain);
        let cut = at.index(file.len());
        let error = inflate(&file[..cut], chunk, 64).unwrap_err();
        prop_assert_eq!(error, GzipError::Truncated { offset: cut as u64 });
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200), head in any::<bool>(), chunk in 1_usize..40,
    ) {
        let mut file = if head { vec![0x1F, 0x8B, 8] } else { Vec::new() };
        file.extend(bytes);
        let whole = inflate(&file, 1000, 64);
        prop_assert_eq!(inflate(&file, chunk, 7).is_ok(), whole.is_ok());
    }
}

#[test]
fn a_header_with_every_field_is_stepped_over() {
    let mut encoder = GzBuilder::new()
        .extra(vec![1, 0, 3])
        .filename("flights.csv")
        .comment("a comment")
        .write(Vec::new(), Level::fast());
    encoder.write_all(b"content").unwrap();
    let file = encoder.finish().unwrap();
    assert_eq!(inflate(&file, 1, 3), Ok(b"content".to_vec()));
}

#[test]
fn a_bomb_takes_many_calls_and_little_memory() {
    let file = member(&vec![0; 8 << 20]);
    assert!(file.len() < 10_000);
    let mut inflate = Inflate::new();
    let (mut total, mut at, mut calls) = (0, 0, 0);
    loop {
        let mut out = Vec::new();
        let done = inflate.push(&file[at..], &mut out, 64 << 10).unwrap();
        assert!(out.capacity() <= 64 << 10);
        (total, at, calls) = (total + out.len(), at + done.consumed, calls + 1);
        if !done.full {
            break;
        }
    }
    assert_eq!(inflate.finish(), Ok(()));
    assert_eq!((total, at), (8 << 20, file.len()));
    assert!(calls >= 128);
}

#[test]
fn garbage_behind_a_member_is_named_with_its_place() {
    let mut file = member(b"abc");
    let offset = file.len() as u64;
    file.extend(b"xyz");
    assert_eq!(inflate(&file, 100, 100), Err(GzipError::NotGzip { offset }));
}

#[test]
fn a_wrong_checksum_is_an_error_and_stays_one() {
    let mut file = member(b"abc");
    let end = file.len();
    file[end - 8] ^= 1;
    let mut inflate = Inflate::new();
    let error = GzipError::ChecksumMismatch { offset: end as u64 };
    assert_eq!(inflate.push(&file, &mut Vec::new(), 100), Err(error));
    assert_eq!(inflate.push(&file, &mut Vec::new(), 100), Err(error));
    assert_eq!(inflate.finish(), Err(error));
}

#[test]
fn each_damage_is_said_with_its_place_and_what_to_do() {
    let file = member(b"abc");
    let end = file.len();
    let said = |damage: &dyn Fn(&mut Vec<u8>)| {
        let mut file = file.clone();
        damage(&mut file);
        inflate(&file, 1_000, 100).unwrap_err().to_string()
    };
    assert_eq!(
        said(&|file| file.push(7)),
        format!(
            "no gzip member starts at compressed byte {end}; was something else appended to the file?"
        )
    );
    assert_eq!(
        said(&|file| file[3] = 0xE0),
        "the gzip header at compressed byte 3 is not valid; fetch the file again"
    );
    // The third kind of block does not exist.
    assert_eq!(
        said(&|file| file[10] = 0x07),
        "the gzip stream is corrupt near compressed byte 11; fetch the file again"
    );
    assert_eq!(
        said(&|file| file[end - 8] ^= 1),
        format!(
            "the checksum of the gzip member that ends at compressed byte {end} does not match; fetch the file again"
        )
    );
    assert_eq!(
        said(&|file| file.truncate(end - 3)),
        format!(
            "the gzip stream is cut off at compressed byte {}; wait until all of it is written, or fetch the file again",
            end - 3
        )
    );
}

#[test]
fn content_and_name_tell_the_compression() {
    assert_eq!(Compression::of_content(&member(b"")), Compression::Gzip);
    assert_eq!(Compression::of_content(b"origin,dest"), Compression::Plain);
    assert_eq!(Compression::of_name("a.csv.GZ"), Compression::Gzip);
    assert_eq!(Compression::of_name("gz"), Compression::Plain);
}
