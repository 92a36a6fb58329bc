//! Manifests: any bytes, with their checksums made right or not; what is accepted is written again as it was.

use thalweg_storage::checkpoint::Manifest;
use thalweg_storage::format::PAGE_BYTES;

use super::checkpoints;
use super::input::Input;
use super::mend::{self, MANIFEST_BODY};

/// See the file's header.
pub const TARGET: super::Target = super::Target { name: "manifest", run, seeds, words: &[] };

/// One byte: 0 for a whole file, else the body alone follows.
fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let is_body = input.byte() != 0;
    let mut file = input.rest().to_vec();
    if is_body {
        let mut whole = vec![0; MANIFEST_BODY];
        whole[..8].copy_from_slice(b"thalwman");
        whole[8] = 1;
        whole[16] = 9;
        mend::set(&mut whole, 24, &(file.len() as u64).to_le_bytes());
        whole.append(&mut file);
        whole.resize(whole.len().next_multiple_of(PAGE_BYTES), 0);
        mend::manifest(&mut whole);
        file = whole;
    }
    if let Ok(manifest) = Manifest::decode(&file) {
        let again = manifest.encode();
        assert_eq!(Manifest::decode(&again), Ok(manifest));
        if is_body {
            assert_eq!(&again[..], &file[..], "there is one way to write it");
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let golden = include_bytes!("../../golden/v1/manifest-0000000000000003").to_vec();
    let others = checkpoints::ALL.iter().map(|base| base.manifest.encode().to_vec());
    let files = std::iter::once(golden).chain(others);
    files
        .flat_map(|file| {
            let length = usize::try_from(mend::u64_at(&file, 24)).expect("it is short");
            let body = &file[MANIFEST_BODY..MANIFEST_BODY + length];
            [[&[1][..], body].concat(), [&[0][..], &file].concat()]
        })
        .collect()
}
