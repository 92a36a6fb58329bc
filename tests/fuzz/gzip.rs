//! Any bytes as gzip, and any bytes through gzip: no panic, no wrong data, and where chunks end does not show.
#![no_main]

use std::io::{Read as _, Write as _};

use libfuzzer_sys::fuzz_target;
use thalweg::format::gzip::Inflate;

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

fuzz_target!(|input: (u8, u8, bool, &[u8])| {
    let (chunk, room, compress, bytes) = input;
    let (chunk, room) = (usize::from(chunk).max(1), usize::from(room).max(1));
    if compress {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("memory");
        let packed = encoder.finish().expect("memory");
        assert_eq!(inflate(&packed, chunk, room), (bytes.to_vec(), Some(Ok(()))));
        return;
    }
    let (whole, end) = inflate(bytes, bytes.len().max(1), 1 << 16);
    if let Some(end) = end {
        let (pieces, pieces_end) = inflate(bytes, chunk, room);
        assert_eq!(pieces_end, Some(end.clone()));
        if end.is_ok() {
            assert_eq!(pieces, whole);
            let mut other = Vec::new();
            if flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut other).is_ok() {
                assert_eq!(other, whole);
            }
        }
    }
});
