//! Which files a state directory still needs.

use std::collections::BTreeSet;

use super::manifest::Manifest;
use crate::format::SegmentId;
use crate::io::TEMPORARY;

/// Files that nothing needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unreferenced {
    /// Segments, to be retired or removed.
    pub segments: Vec<SegmentId>,
    /// Epochs whose manifests are not retained, to be removed *before* segments that only they name are written again.
    pub manifests: Vec<u64>,
    /// What publishing left behind when it was cut short, to be removed.
    pub temporary: Vec<String>,
}

/// The segments that these manifests name.
pub fn named<'a>(manifests: impl IntoIterator<Item = &'a Manifest>) -> BTreeSet<SegmentId> {
    let parts = manifests.into_iter().flat_map(|manifest| &manifest.parts);
    parts.flat_map(|part| &part.segments).map(|segment| segment.identity.id).collect()
}

/// Of the `names` in a state directory, those that neither `retained` manifests need nor `in_use` says are being written. Files of other kinds are nobody's business.
#[must_use]
pub fn unreferenced(
    names: &[String],
    retained: &[Manifest],
    in_use: &BTreeSet<SegmentId>,
) -> Unreferenced {
    let needed = named(retained);
    let kept: BTreeSet<u64> = retained.iter().map(|manifest| manifest.epoch).collect();
    let mut found = Unreferenced::default();
    for name in names {
        if let Some(id) = SegmentId::of_file_name(name) {
            if !needed.contains(&id) && !in_use.contains(&id) {
                found.segments.push(id);
            }
        } else if let Some(epoch) = Manifest::of_file_name(name) {
            if !kept.contains(&epoch) {
                found.manifests.push(epoch);
            }
        } else if name
            .strip_suffix(TEMPORARY)
            .is_some_and(|name| Manifest::of_file_name(name).is_some())
        {
            found.temporary.push(name.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Part;
    use crate::format::{Generation, Identity};
    use crate::segment::SegmentRef;

    fn manifest(epoch: u64, ids: &[u64]) -> Manifest {
        let segment = |id: &u64| SegmentRef {
            identity: Identity { id: SegmentId(*id), generation: Generation::FIRST },
            layout: 0,
            capacity: 0,
            end: 0,
            extents: 0,
            digest: 0,
            sealed: true,
        };
        let part =
            |ids: &[u64]| Part { segments: ids.iter().map(segment).collect(), ..Part::default() };
        let parts = ids.chunks(1).map(part).collect();
        Manifest { epoch, parts, ..Manifest::default() }
    }

    #[test]
    fn a_file_is_needed_while_one_retained_manifest_names_it_or_somebody_writes_it() {
        let retained = [manifest(4, &[1, 2]), manifest(5, &[2, 3])];
        assert_eq!(named(&retained), [1, 2, 3].map(SegmentId).into());
        let names = [0, 1, 2, 3, 4, 5].map(|id| SegmentId(id).file_name());
        let mut names = names.to_vec();
        names.extend([3, 4, 5].map(Manifest::file_name));
        names.push(format!("{}.tmp", Manifest::file_name(6)));
        names.extend(["LOCK", "notes.tmp", "x.seg"].map(str::to_owned));
        let found = unreferenced(&names, &retained, &[SegmentId(5)].into());
        assert_eq!(found.segments, [0, 4].map(SegmentId));
        assert_eq!(found.manifests, [3]);
        assert_eq!(found.temporary, ["manifest-0000000000000006.tmp"]);
    }
}
