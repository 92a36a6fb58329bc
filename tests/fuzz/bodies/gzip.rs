//! Any bytes as gzip, and any bytes through gzip: no panic, no wrong data, and where chunks end does not show.

use std::io::{Read as _, Write as _};

use flate2::{Compression, Crc, GzBuilder, write::GzEncoder};
use thalweg::format::gzip::Inflate;

use super::input::Input;

/// See the file's header.
pub const TARGET: super::Target =
    super::Target { name: "gzip", run, seeds, words: &[b"\x1f\x8b\x08", b"\x00\x00\xff\xff"] };

/// No more than this is inflated of one input.
const MOST: usize = 1 << 20;

/// What comes out; `None` as the second part says that there is more than [`MOST`].
fn inflate(bytes: &[u8], chunk: usize, room: usize) -> (Vec<u8>, Option<Result<(), String>>) {
    let mut inflate = Inflate::new();
    let mut out = Vec::new();
    for chunk in bytes.chunks(chunk) {
        let mut at = 0;
        loop {
            match inflate.push(&chunk[at..], &mut out, room) {
                Ok(done) => {
                    at += done.consumed;
                    if out.len() > MOST {
                        return (out, None);
                    }
                    if !done.full && at == chunk.len() {
                        break;
                    }
                    assert!(done.full || done.consumed > 0, "a call gets somewhere");
                }
                Err(error) => return (out, Some(Err(error.to_string()))),
            }
        }
    }
    (out, Some(inflate.finish().map_err(|error| error.to_string())))
}

/// How much is given at once (1), room for what comes out (1), and what the rest is: 0 a file, 1 what is to be packed, 2 a deflated stream whose frame is made.
fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let (chunk, room) = (usize::from(input.byte()).max(1), usize::from(input.byte()).max(1));
    match (input.byte() % 3, input.rest()) {
        (0, file) => unpack(file, chunk, room),
        (1, bytes) => {
            let packed = pack(bytes, Compression::fast());
            assert_eq!(inflate(&packed, chunk, room), (bytes.to_vec(), Some(Ok(()))));
        }
        (_, stream) => unpack(&framed(stream), chunk, room),
    }
}

fn unpack(file: &[u8], chunk: usize, room: usize) {
    let (whole, end) = inflate(file, file.len().max(1), 1 << 16);
    let Some(end) = end else { return };
    let (pieces, pieces_end) = inflate(file, chunk, room);
    assert_eq!(pieces_end, Some(end.clone()));
    if end.is_ok() {
        assert_eq!(pieces, whole);
        let mut other = Vec::new();
        if flate2::read::MultiGzDecoder::new(file).read_to_end(&mut other).is_ok() {
            assert_eq!(other, whole);
        }
    }
}

/// A deflated stream as a member of a file, with the checksum of what is in it; behind it what is behind the stream.
fn framed(stream: &[u8]) -> Vec<u8> {
    let mut decoder = flate2::bufread::DeflateDecoder::new(stream);
    let (mut crc, mut piece) = (Crc::new(), [0; 4096]);
    while let Ok(count @ 1..) = decoder.read(&mut piece) {
        crc.update(&piece[..count]);
        if crc.amount() as usize > MOST {
            break;
        }
    }
    let used = usize::try_from(decoder.total_in()).expect("it is of an input");
    let mut file = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    file.extend_from_slice(&stream[..used]);
    file.extend_from_slice(&crc.sum().to_le_bytes());
    file.extend_from_slice(&crc.amount().to_le_bytes());
    file.extend_from_slice(&stream[used..]);
    file
}

fn pack(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn seeds() -> Vec<Vec<u8>> {
    let text: String = (0..120).map(|line| format!("EWR,{line},{}\n", line * line % 97)).collect();
    let text = text.as_bytes();
    let mut named = GzBuilder::new()
        .filename("departures.csv")
        .comment("of one month")
        .extra(vec![1, 2, 4, 0, 9, 9, 9, 9])
        .mtime(7)
        .write(Vec::new(), Compression::best());
    named.write_all(text).expect("memory");
    let named = named.finish().expect("memory");
    let two = [pack(text, Compression::fast()), pack(b"", Compression::none()), named.clone()];
    let stream = pack(text, Compression::best());
    vec![
        [&[7, 30, 0], &named[..]].concat(),
        [&[1, 1, 0], &two.concat()[..]].concat(),
        [&[255, 255, 1], text].concat(),
        [&[9, 99, 2], &stream[10..stream.len() - 8]].concat(),
        [&[9, 99, 2], &stream[10..stream.len() - 8], &two[0]].concat(),
    ]
}
