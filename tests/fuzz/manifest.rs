//! Manifests: any bytes, with their checksums made right or not; what is accepted is written again as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thalweg_storage::checkpoint::Manifest;
use thalweg_storage::format::checksum::crc32c;

fuzz_target!(|input: (bool, &[u8])| {
    let (make_right, body) = input;
    let mut file = body.to_vec();
    if make_right {
        file = vec![0; 64];
        file[..8].copy_from_slice(b"thalwman");
        file[8] = 1;
        file[16] = 9;
        file[24..32].copy_from_slice(&(body.len() as u64).to_le_bytes());
        file.extend_from_slice(body);
        file.resize(file.len().next_multiple_of(4096), 0);
        let checksum = crc32c(&file[64..]);
        file[32..36].copy_from_slice(&checksum.to_le_bytes());
        let checksum = crc32c(&file[..60]);
        file[60..64].copy_from_slice(&checksum.to_le_bytes());
    }
    if let Ok(manifest) = Manifest::decode(&file) {
        let again = manifest.encode();
        assert_eq!(Manifest::decode(&again), Ok(manifest));
        if make_right {
            assert_eq!(&again[..], &file[..], "there is one way to write it");
        }
    }
});
