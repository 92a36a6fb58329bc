//! Writes records into files, as CSV, NDJSON or text; the sink side of [`crate::source::Files`].
//!
//! Records are taken out of their archives and encoded a run at a time, into a buffer that is kept. The file is created when the
//! first record comes, or at the end if none does, and holds everything when the job has ended well.
//!
//! Exactly once in a job with checkpoints: [one file](one) is cut off where the checkpoint knows it; [parts](parts) get their names when they are committed.
//!
//! # Not here
//!
//! No atomic rename of one file: until the job has ended, a reader sees a file that grows. Parts are for readers who do not wait.

mod lines;
mod mark;
mod one;
mod roll;
mod part_files;
mod part_name;
mod parts;
mod part_recovery;

pub use mark::FileRecoveryError;
pub(super) use one::{OneFile, name_of, recover};
pub use part_files::PartFiles;
pub use part_recovery::PartsExistError;
pub use parts::PartsWriter;
pub use roll::Roll;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::Serialize;

use super::encoder::{AnyEncoder, has_header};
use super::{Delivery, Prepared, Sink, SinkWriter, Writers};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::format::EncodeError;
use crate::io::Files;
use crate::record::Record;
use crate::source::{FileRecords, OpenContext};

impl<T: Record> FileRecords<T> {
    /// To write: a file for each worker, with the worker's number in its name (`out-0.csv` for `out.csv`); records then stay on the worker where
    /// they are.
    pub fn per_worker(self) -> FileSink<T> {
        FileSink { records: self, writers: Writers::PerWorker, flushes: false }
    }

    /// To write: as [`FileSink::flush_when_idle`].
    pub fn flush_when_idle(self) -> FileSink<T> {
        FileSink { records: self, writers: Writers::One, flushes: true }
    }
}

/// Writes records into files, with settings; made by [`FileRecords::per_worker`] and its like.
pub struct FileSink<T> {
    records: FileRecords<T>,
    writers: Writers,
    flushes: bool,
}

crate::operator::opaque_debug!(FileSink<T>);

impl<T: Record> FileSink<T> {
    /// As [`FileRecords::per_worker`].
    #[must_use]
    pub fn per_worker(mut self) -> Self {
        self.writers = Writers::PerWorker;
        self
    }

    /// Writes out what is there whenever the worker has nothing else to do, so that others who follow the file see it. Default: a
    /// quarter of a megabyte at a time.
    #[must_use]
    pub fn flush_when_idle(mut self) -> Self {
        self.flushes = true;
        self
    }
}

impl<T: Record + Serialize> Sink<T> for FileSink<T> {
    type Writer = FileWriter<T>;

    fn writers(&self) -> Writers {
        self.writers
    }

    fn open(&self, context: &OpenContext) -> Result<FileWriter<T>, OperatorFault> {
        FileWriter::open(&self.records, (self.writers, self.flushes), context)
    }

    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }

    fn recover(&self, prepared: &[Prepared], context: &OpenContext) -> Result<(), OperatorFault> {
        let path = &self.records.path;
        match self.writers {
            Writers::One => recover_one(path, prepared, context),
            Writers::PerWorker => {
                recover(path, |name| number_of(path, name).is_some(), prepared, &*context.files)
            }
        }
    }

    fn describe(&self) -> String {
        match self.writers {
            Writers::One => self.records.describe(),
            Writers::PerWorker => format!("{} for each worker", self.records.describe()),
        }
    }
}

/// `out-0.csv` for `out.csv`: the number stands before all endings, which say what the file is.
fn numbered(path: &Path, worker: usize) -> PathBuf {
    let name = name_of(path);
    let (stem, endings) = stem_and_endings(&name);
    path.with_file_name(format!("{stem}-{worker}{endings}"))
}

fn stem_and_endings(name: &str) -> (&str, &str) {
    match name.char_indices().skip(1).find(|(_, c)| *c == '.') {
        Some((dot, _)) => name.split_at(dot),
        None => (name, ""),
    }
}

/// Which worker's file has this name. A name that ends with a year, or with anything longer, is none of ours.
fn number_of(path: &Path, name: &str) -> Option<usize> {
    let own = name_of(path);
    let (stem, endings) = stem_and_endings(&own);
    let number = name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(endings)?;
    let worker = number.parse().ok().filter(|worker| *worker < MOST_WORKERS)?;
    (name_of(&numbered(path, worker)) == name).then_some(worker)
}

/// More workers than a machine has cores for.
const MOST_WORKERS: usize = 1000;

/// As [`recover`], of a sink with one file.
pub(super) fn recover_one(
    path: &Path,
    prepared: &[Prepared],
    context: &OpenContext,
) -> Result<(), OperatorFault> {
    let own = name_of(path);
    recover(path, |name| name == own, prepared, &*context.files)
}

impl<T: Record + Serialize> Sink<T> for FileRecords<T> {
    type Writer = FileWriter<T>;

    fn writers(&self) -> Writers {
        Writers::One
    }

    fn open(&self, context: &OpenContext) -> Result<FileWriter<T>, OperatorFault> {
        FileWriter::open(self, (Writers::One, false), context)
    }

    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }

    fn recover(&self, prepared: &[Prepared], context: &OpenContext) -> Result<(), OperatorFault> {
        recover_one(&self.path, prepared, context)
    }

    fn describe(&self) -> String {
        self.describe()
    }
}

/// A record that has no form in its file's format.
#[derive(Debug, thiserror::Error)]
#[error("a record cannot be written to {path:?}")]
pub struct FileSinkError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: EncodeError,
}

/// Writes one file.
pub struct FileWriter<T> {
    file: OneFile,
    files: Rc<dyn Files>,
    encoder: AnyEncoder<T>,
    /// No record has come, and the format has a header.
    header_is_due: bool,
    flushes: bool,
    holds_back: bool,
}

crate::operator::opaque_debug!(FileWriter<T>);

impl<T: Record + Serialize> FileWriter<T> {
    fn open(
        records: &FileRecords<T>,
        (writers, flushes): (Writers, bool),
        context: &OpenContext,
    ) -> Result<Self, OperatorFault> {
        let FileRecords { path, format, .. } = records;
        let own = |worker| match writers {
            Writers::One => path.clone(),
            Writers::PerWorker => numbered(path, worker),
        };
        let is_own = |name: &str| (0..context.workers).any(|worker| name_of(&own(worker)) == name);
        let file = OneFile::open(&own(context.worker), is_own, context)?;
        let header_is_due = has_header(*format) && file.is_empty();
        let encoder = AnyEncoder::new(*format);
        Ok(Self {
            encoder: if file.is_empty() { encoder } else { encoder.appending() },
            file,
            files: Rc::clone(&context.files),
            header_is_due,
            flushes,
            holds_back: false,
        })
    }

    /// The header of a file without records: by the names of the fields, since no record tells serde's.
    fn write_header(&mut self) {
        let names: Vec<&str> = T::schema().fields.iter().map(|field| &*field.name).collect();
        if let AnyEncoder::Csv(encoder) = &mut self.encoder {
            encoder.write_header(&names, self.file.lines.text());
        }
    }
}

impl<T: Record + Serialize> SinkWriter<T> for FileWriter<T> {
    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let lines = &mut self.file.lines;
        for (record, _) in run.iter() {
            let encoded = self.encoder.encode(&record.to_value(), lines.text());
            encoded.map_err(|source| FileSinkError { path: lines.path().to_owned(), source })?;
            self.header_is_due = false;
        }
        self.holds_back = self.flushes;
        Ok(lines.put()?)
    }

    fn holds_back(&self) -> bool {
        self.holds_back
    }

    fn poll_flush(&mut self) -> Result<bool, OperatorFault> {
        let flushed = self.file.lines.poll_flush()?;
        self.holds_back &= !flushed;
        Ok(flushed)
    }

    fn poll_prepare(&mut self, _: u64) -> Result<Option<Prepared>, OperatorFault> {
        let prepared = self.file.poll_prepare(&*self.files)?;
        self.holds_back &= prepared.is_none();
        Ok(prepared)
    }

    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        if std::mem::take(&mut self.header_is_due) {
            self.write_header();
        }
        Ok(self.file.lines.poll_close()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::error_chain;
    use crate::prelude::{Files, *};
    use crate::rt::{MemoryFiles, Sim, SimDisk};

    #[test]
    fn the_workers_number_stands_before_the_endings() {
        for (path, expected) in
            [("a/out.csv.gz", "a/out-2.csv.gz"), ("out", "out-2"), (".hidden.csv", ".hidden-2.csv")]
        {
            assert_eq!(numbered(Path::new(path), 2), Path::new(expected));
        }
    }

    #[test]
    fn a_name_is_ours_if_a_worker_would_write_it() {
        let path = Path::new("a/out.csv");
        for (name, worker) in [("out-0.csv", Some(0)), ("out-12.csv", Some(12))] {
            assert_eq!(number_of(path, name), worker);
        }
        for other in ["out.csv", "out-2024.csv", "out-01.csv", "out-1.csv.gz", "put-1.csv", "out-"]
        {
            assert_eq!(number_of(path, other), None, "{other}");
        }
    }

    #[crate::record]
    struct Basket {
        parts: Vec<u64>,
    }

    /// Why a job with this sink fails.
    fn failure<S: Sink<Basket>>(
        files: MemoryFiles,
        sink: impl Fn() -> S + Send + Sync + 'static,
    ) -> String {
        let job = move |t: &mut Topology| {
            let baskets = Items::of(vec![Basket { parts: vec![1] }]);
            t.source("baskets", baskets).without_event_time().sink("out", sink());
            Ok(())
        };
        error_chain(&Sim::new(1, 1).files(files).run(job).unwrap_err())
    }

    #[test]
    fn a_record_that_has_no_form_is_refused_with_the_file_and_the_field() {
        let none = MemoryFiles::default;
        let nested = "field \"parts\" is a sequence, and a CSV cell holds one value; flatten it or use NDJSON";
        assert_eq!(
            failure(none(), || Files::csv("out/a.csv")),
            format!(
                "operator \"out\" failed: a record cannot be written to \"out/a.csv\": {nested}"
            )
        );
        assert_eq!(
            failure(none(), || Files::csv("out").parts(Roll::default())),
            format!(
                "operator \"out\" failed: a record cannot be written to \"out/part-0000000000-000-00000.csv.inprogress\": {nested}"
            )
        );
        assert_eq!(
            failure(none(), || Files::text("out/a.txt")),
            "operator \"out\" failed: a record cannot be written to \"out/a.txt\": the record is neither a string nor has it \
             a field \"text\", so it is no line of text; map it to a string, or use NDJSON"
        );
    }

    #[test]
    fn parts_of_another_run_are_not_written_between() {
        let old = "part-0000000003-000-00000.ndjson";
        let files = || MemoryFiles::default().with(Path::new("out").join(old), "{}\n");
        let expected = format!(
            "operator \"out\" failed: folder \"out\" holds parts of another run, such as {old:?}; \
             empty it, choose another, or give the parts another name (`named`)"
        );
        let parts = || Files::ndjson("out").parts(Roll::default());
        assert_eq!(failure(files(), parts), expected);
        let disk = SimDisk::default();
        let job = move |t: &mut Topology| {
            let baskets = Items::of(vec![Basket { parts: vec![1] }]);
            t.source("baskets", baskets).without_event_time().sink("out", parts());
            Ok(())
        };
        let ran = Sim::new(1, 1).files(files()).checkpoints(&disk).run(job);
        assert_eq!(error_chain(&ran.unwrap_err()), expected);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let no_folder = tempfile::NamedTempFile::new().unwrap();
        let path = no_folder.path().join("a.csv");
        let out = path.clone();
        let ran = Engine::builder().driver(Driver::Plain).build().run("squares", move |t| {
            let squares = t.source("squares", Generator::of(0..9, |n| n * n)).without_event_time();
            squares.map(|n| Str::from(n.to_string())).sink("out", Files::text(&out));
            Ok(())
        });
        assert_eq!(
            error_chain(&ran.unwrap_err()),
            format!(
                "operator \"out\" failed: cannot create file {path:?}: its folder cannot be made: File exists (os error 17)"
            )
        );
    }
}
