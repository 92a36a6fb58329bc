//! A small job that takes checkpoints, for the tests that interrupt it: each epoch appends a few extents, syncs, publishes a manifest, and lets go of what the last two
//! epochs do not need; a restart goes on from the newest checkpoint.

use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::path::Path;

use thalweg_storage::checkpoint::{
    Blob, Manifest, ManifestError, Part, named, newest, unreferenced,
};
use thalweg_storage::format::SegmentId;
use thalweg_storage::io::{Answer, Disk, Operation, Publish, drive, run};
use thalweg_storage::segment::{
    AppendError, MappedSegment, Recycler, SegmentReader, SegmentRef, SegmentWriter, Verification,
};

use crate::support::{LAYOUT, append, payload};

/// Room for four or five extents, so that an epoch or two fill it.
const CAPACITY: u64 = 12 * 4096;
/// How many checkpoints are kept.
const RETAINED: usize = 2;

/// What is known outside of the disk: what was acknowledged must be there, and what was never begun must not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    pub(crate) acknowledged: u64,
    pub(crate) begun: u64,
}

/// An extent of a checkpoint, and of what its payload was made.
type Content = (SegmentId, u64, u64);

struct Job<'a> {
    disk: &'a mut dyn Disk,
    recycler: Recycler,
    writer: Option<SegmentWriter>,
    sealed: Vec<SegmentRef>,
    contents: Vec<Content>,
    retained: VecDeque<Manifest>,
}

fn directory() -> &'static Path {
    Path::new("state")
}

/// Restores, then goes on to epoch `last`. Says with what it stopped.
pub(crate) fn go(disk: &mut dyn Disk, known: &mut Known, last: u64) -> Result<(), Box<dyn Error>> {
    let restored = newest(disk, directory(), Verification::OnTouch)?;
    let next = restored.next_epoch();
    let manifest = restored.manifest.unwrap_or_default();
    let first = SegmentId(1);
    let mut recycler = Recycler::new(directory().into(), LAYOUT, CAPACITY, 3, first, 1);
    let names = list(disk)?;
    // An older checkpoint is retained too if it can be read; its files are not to be written again.
    let mut retained = VecDeque::new();
    let epochs = names.iter().filter_map(|name| Manifest::of_file_name(name));
    for epoch in epochs.filter(|epoch| *epoch < manifest.epoch) {
        match thalweg_storage::checkpoint::read(disk, directory(), epoch) {
            Ok(older) => retained.push_back(older),
            Err(ManifestError::Unfit { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if manifest.epoch > 0 {
        retained.push_back(manifest.clone());
    }
    while retained.len() > RETAINED {
        retained.pop_front();
    }
    recycler.adopt(disk, &named(&retained))?;
    let part = manifest.parts.first().cloned().unwrap_or_default();
    let mut job = Job {
        disk,
        recycler,
        writer: None,
        sealed: part.segments,
        contents: part.blobs.first().map(|blob| decode(&blob.data)).unwrap_or_default(),
        retained,
    };
    for epoch in next..=last {
        job.epoch(epoch, known)?;
    }
    Ok(())
}

impl Job<'_> {
    fn epoch(&mut self, epoch: u64, known: &mut Known) -> Result<(), Box<dyn Error>> {
        // The state is the last few extents; older ones are dead.
        for number in 0..1 + epoch % 3 {
            self.append(epoch * 10 + number)?;
        }
        let dead = self.contents.len().saturating_sub(6);
        self.contents.drain(..dead);
        let contents = &self.contents;
        self.sealed.retain(|segment| contents.iter().any(|(id, ..)| *id == segment.identity.id));
        let writer = self.writer.as_mut().expect("an extent was written");
        writer.sync(self.disk);
        finish(self.disk, writer)?;
        let mut segments = self.sealed.clone();
        segments.push(writer.durable());
        let blob = Blob { data: encode(&self.contents), ..Blob::default() };
        let part = Part { segments, blobs: vec![blob], ..Part::default() };
        let parent = epoch.checked_sub(1);
        let manifest = Manifest {
            epoch,
            parent,
            time_ns: 0,
            key_groups: 8,
            schemas: Vec::new(),
            parts: vec![part],
        };
        known.begun = epoch;
        let path = directory().join(Manifest::file_name(epoch));
        Publish::now(self.disk, path, manifest.encode())?;
        known.acknowledged = epoch;
        self.retained.push_back(manifest);
        self.let_go()
    }

    fn append(&mut self, seed: u64) -> Result<(), Box<dyn Error>> {
        let bytes = payload(seed, 3000 + (seed as usize * 997) % 6000);
        loop {
            if self.writer.is_none() {
                let mut prepare = self.recycler.prepare(self.disk);
                drive(self.disk, &mut prepare);
                self.writer = Some(prepare.result().expect("it has ended")?);
            }
            let writer = self.writer.as_mut().expect("it was just made");
            match append(self.disk, writer, &bytes, seed) {
                Ok(offset) => {
                    self.contents.push((writer.identity().id, offset, seed));
                    return Ok(());
                }
                Err(AppendError::Full { .. }) => {
                    writer.seal(self.disk);
                    finish(self.disk, writer)?;
                    self.sealed.push(writer.durable());
                    self.writer = None;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Manifests first, durably; then what only they named can be written again.
    fn let_go(&mut self) -> Result<(), Box<dyn Error>> {
        let mut gone = Vec::new();
        while self.retained.len() > RETAINED {
            gone.extend(self.retained.pop_front());
        }
        let names = list(self.disk)?;
        let retained = self.retained.make_contiguous();
        let in_use = self.writer.iter().map(|writer| writer.identity().id).collect();
        let unreferenced = unreferenced(&names, retained, &in_use);
        for epoch in unreferenced.manifests {
            let path = directory().join(Manifest::file_name(epoch));
            run(self.disk, Operation::Remove { path })?;
        }
        run(self.disk, Operation::SyncDirectory { path: directory().into() })?;
        let mut given_back = BTreeSet::new();
        for segment in gone.iter().flat_map(|manifest| &manifest.parts[0].segments) {
            let id = segment.identity.id;
            if !unreferenced.segments.contains(&id) || !given_back.insert(id) {
                continue;
            }
            let path = self.recycler.path(id);
            let map = MappedSegment::open(self.disk, &path, segment, Verification::OnTouch)?;
            if let Some(ticket) = self.recycler.give_back(self.disk, map.retire()) {
                self.disk.wait(ticket).result?;
            }
        }
        Ok(())
    }
}

fn finish(disk: &mut dyn Disk, writer: &mut SegmentWriter) -> Result<(), Box<dyn Error>> {
    drive(disk, writer);
    match writer.error() {
        Some(error) => Err(error.to_string().into()),
        None => {
            assert!(writer.is_durable(), "what was synced without an error is durable");
            Ok(())
        }
    }
}

fn list(disk: &mut dyn Disk) -> Result<Vec<String>, Box<dyn Error>> {
    match run(disk, Operation::List { path: directory().into() })? {
        Answer::Names(names) => Ok(names),
        other => panic!("a listing gives names, not {other:?}"),
    }
}

fn encode(contents: &[Content]) -> Vec<u8> {
    contents
        .iter()
        .flat_map(|(id, offset, seed)| [id.0, *offset, *seed])
        .flat_map(u64::to_le_bytes)
        .collect()
}

fn decode(bytes: &[u8]) -> Vec<Content> {
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let content =
        |bytes: &[u8]| (SegmentId(word(&bytes[..8])), word(&bytes[8..16]), word(&bytes[16..]));
    bytes.chunks(24).map(content).collect()
}

/// Whether the disk holds what `known` says it must, and nothing else: the newest checkpoint is the acknowledged one or the one begun after it, and
/// every extent of it is there, byte for byte.
pub(crate) fn check(disk: &mut dyn Disk, known: Known) -> Result<u64, String> {
    let restored =
        newest(disk, directory(), Verification::AtOpen).map_err(|error| error.to_string())?;
    if let Some(passed) = restored.passed.first() {
        return Err(format!("{passed}: {}", passed.reason));
    }
    let Some(manifest) = restored.manifest else {
        return if known.acknowledged == 0 {
            Ok(0)
        } else {
            Err(format!("checkpoint {} is lost", known.acknowledged))
        };
    };
    let epoch = manifest.epoch;
    if epoch < known.acknowledged || epoch > known.begun {
        return Err(format!("checkpoint {epoch} is there, and {known:?}"));
    }
    let part = &manifest.parts[0];
    for (id, offset, seed) in decode(&part.blobs[0].data) {
        let segment = part.segments.iter().find(|segment| segment.identity.id == id);
        let segment = segment.ok_or_else(|| format!("segment {} is not named", id.0))?;
        let path = directory().join(id.file_name());
        let reader = SegmentReader::open_as(disk, &path, segment).map_err(|e| e.to_string())?;
        let number = reader.entries().iter().position(|entry| entry.offset == offset);
        let number = number.ok_or_else(|| format!("no extent at {offset} of {}", id.0))?;
        let (extent, image) = reader.extent(disk, number).map_err(|error| error.to_string())?;
        reader.close(disk);
        if image[extent.payload()] != payload(seed, 3000 + (seed as usize * 997) % 6000) {
            return Err(format!("extent {seed} holds something else"));
        }
    }
    Ok(epoch)
}
