//! What a checkpoint gives back: the state of one or several old workers, on its way to the tables of a new one.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use crate::archive;
use crate::checkpoint::{Manifest, TableRecord};
use crate::format::Flaw;
use crate::format::code::Decoder;
use crate::freeze::Shape;
use crate::io::Disk;
use crate::segment::{SegmentError, SegmentReader};
use crate::{Hint, Panes, Table, TableName, TimedTable};

/// A contiguous range of the key groups of a job.
///
/// The group of a hash is the number that its top bits make: `hash * count / 2^64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyGroups {
    /// How many groups the job has.
    pub count: u32,
    /// The first one of the range.
    pub first: u32,
    /// The last one of the range.
    pub last: u32,
}

impl KeyGroups {
    /// All groups of a job that has `count`.
    #[must_use]
    pub fn all(count: u32) -> Self {
        Self { count, first: 0, last: count.saturating_sub(1) }
    }

    /// Those of one worker of several, as even shares as can be: group `g` belongs to worker `g * workers / count`.
    #[must_use]
    pub fn of_worker(count: u32, worker: u32, workers: u32) -> Self {
        let (count64, worker, workers) = (u64::from(count), u64::from(worker), u64::from(workers));
        let start = |worker: u64| (worker * count64).div_ceil(workers);
        let number = |group: u64| u32::try_from(group).expect("invariant: a share of them");
        // A worker without any group has a range that runs backwards.
        let (first, end) = (number(start(worker)), number(start(worker + 1)));
        if first == end {
            return Self { count, first: 1, last: 0 };
        }
        Self { count, first, last: end - 1 }
    }

    /// Whether the key with this hash is in the range.
    #[inline]
    #[must_use]
    pub fn hold(&self, hash: u64) -> bool {
        let group = (u128::from(hash) * u128::from(self.count)) >> 64;
        (u128::from(self.first)..=u128::from(self.last)).contains(&group)
    }
}

/// Why the state of a checkpoint cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// A file is missing or damaged, or the disk refuses it.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The files are whole, and what they say of a table makes no sense: it was written by another version, or has a bug.
    #[error("the state of worker {worker} in checkpoint {epoch} cannot be read: {flaw}")]
    Content {
        /// The checkpoint.
        epoch: u64,
        /// The worker that wrote it.
        worker: u32,
        /// What is wrong.
        flaw: Flaw,
    },
}

/// State that was read and checked; becomes tables in [`crate::Store::restore`]. May go to another thread.
#[derive(Debug, Default)]
pub struct RestoredParts {
    pub(crate) tables: BTreeMap<TableName, RestoredTable>,
}

#[derive(Debug)]
pub(crate) struct RestoredTable {
    pub(crate) shape: Shape,
    pub(crate) value_align: usize,
    records: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The pane, or the deadline.
    at: i64,
    hash: u64,
    key: Vec<u8>,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Single(Vec<u8>),
    List(Vec<Vec<u8>>),
}

impl RestoredParts {
    /// Reads what the workers of `manifest` had in the key groups `wanted`, and checks every byte of it. Waits for its reads.
    ///
    /// # Errors
    ///
    /// See [`PartsError`].
    pub fn open(
        disk: &mut dyn Disk,
        directory: &Path,
        manifest: &Manifest,
        wanted: KeyGroups,
    ) -> Result<Self, PartsError> {
        let mut restored = Self::default();
        for part in &manifest.parts {
            let contents = read_part(disk, directory, &part.segments)?;
            for record in &part.tables {
                let own = KeyGroups {
                    count: wanted.count,
                    first: record.first_key_group,
                    last: record.last_key_group,
                };
                let content = contents.get(&record.number).map_or(&[][..], |content| content);
                let wanted = (own != wanted).then_some(wanted);
                restored.add(record, content, wanted).map_err(|flaw| PartsError::Content {
                    epoch: manifest.epoch,
                    worker: part.worker,
                    flaw,
                })?;
            }
        }
        Ok(restored)
    }

    /// Names of the tables that are there.
    pub fn names(&self) -> impl Iterator<Item = &TableName> {
        self.tables.keys()
    }

    fn add(
        &mut self,
        record: &TableRecord,
        content: &[u8],
        wanted: Option<KeyGroups>,
    ) -> Result<(), Flaw> {
        let name = TableName::new(&record.operator, &record.state);
        let mut decoder = Decoder::new(content, 0);
        let shape = if content.is_empty() {
            None
        } else {
            Some(archive::shape_of(decoder.u32()?).ok_or_else(|| decoder.flaw())?)
        };
        let table = self.tables.entry(name).or_insert_with(|| RestoredTable {
            shape: shape.unwrap_or(Shape::Table),
            value_align: record.value_align as usize,
            records: Vec::new(),
        });
        while decoder.end().is_err() {
            let (at, hash) = (decoder.i64()?, decoder.u64()?);
            let key = decoder.bytes()?.to_vec();
            let held = if decoder.u32()? == 0 {
                Held::Single(decoder.bytes()?.to_vec())
            } else {
                let count = decoder.count(4)?;
                let values = (0..count).map(|_| Ok(decoder.bytes()?.to_vec()));
                Held::List(values.collect::<Result<_, Flaw>>()?)
            };
            if wanted.is_none_or(|wanted| wanted.hold(hash)) {
                table.records.push(Entry { at, hash, key, held });
            }
        }
        Ok(())
    }
}

impl RestoredTable {
    pub(crate) fn fill_table(self, table: &mut Table) {
        self.records.into_iter().for_each(|entry| entry.fill(table));
    }

    pub(crate) fn fill_panes(self, panes: &mut Panes) {
        self.records.into_iter().for_each(|entry| entry.fill(panes.pane(entry.at)));
    }

    pub(crate) fn fill_timed(self, timed: &mut TimedTable) {
        for Entry { at, hash, key, held } in self.records {
            match held {
                Held::Single(payload) if payload.is_empty() => {
                    timed.set(Hint::default(), hash, &key, at);
                }
                Held::Single(payload) => timed.put(hash, &key, at, &payload),
                Held::List(_) => unreachable!("invariant: a table with deadlines has no lists"),
            }
        }
    }
}

impl Entry {
    fn fill(&self, table: &mut Table) {
        match &self.held {
            Held::Single(value) => {
                table.put(self.hash, &self.key, value);
            }
            Held::List(values) => values.iter().for_each(|value| {
                table.append(self.hash, &self.key, value);
            }),
        }
    }
}

/// What each table number of a part has.
fn read_part(
    disk: &mut dyn Disk,
    directory: &Path,
    segments: &[crate::segment::SegmentRef],
) -> Result<BTreeMap<u32, Vec<u8>>, SegmentError> {
    let mut contents = BTreeMap::<u32, Vec<u8>>::new();
    for segment in segments {
        let path: PathBuf = directory.join(segment.identity.id.file_name());
        let reader = SegmentReader::open_as(disk, &path, segment)?;
        let mut result = Ok(());
        for number in 0..reader.entries().len() {
            match reader.extent(disk, number) {
                Ok((extent, image)) => {
                    let content = contents.entry(extent.tag.table).or_default();
                    content.extend_from_slice(&image[extent.payload()]);
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        reader.close(disk);
        result?;
    }
    Ok(contents)
}
