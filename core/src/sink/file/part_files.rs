//! The sink of parts, as a user says it.

use std::path::PathBuf;

use serde::Serialize;

use super::part_name::Family;
use super::part_recovery;
use super::parts::{PartSettings, PartsWriter};
use super::roll::Roll;
use crate::error::OperatorFault;
use crate::record::Record;
use crate::sink::{Delivery, Prepared, Sink, Writers};
use crate::source::{FileFormat, FileRecords, OpenContext};

impl<T: Record> FileRecords<T> {
    /// To write: many files in the folder of this path, each of which appears whole, under its name, and is never changed again.
    ///
    /// Each worker writes parts of its own. In a job with checkpoints a part gets its name when the checkpoint that knows it is complete; so who
    /// looks at these names alone (`out/*.csv`) sees every record exactly once, whatever happens to the job. Until then it ends in `.inprogress`.
    ///
    /// ```
    /// use thalweg::prelude::*;
    ///
    /// let folder = std::env::temp_dir().join("thalweg-doc-parts");
    /// # std::fs::remove_dir_all(&folder).ok();
    /// # let out = folder.clone();
    /// Engine::builder().build().run("squares", move |t| {
    ///     t.source("numbers", Generator::of(0..1000, |n| n * n))
    ///         .without_event_time()
    ///         .sink("squares", Files::ndjson(&out).parts(Roll::at_bytes(1 << 10)));
    ///     Ok(())
    /// })?;
    /// assert!(folder.join("part-0000000000-000-00000.ndjson").exists());
    /// # std::fs::remove_dir_all(&folder).ok();
    /// # Ok::<(), JobError>(())
    /// ```
    pub fn parts(self, roll: Roll) -> PartFiles<T> {
        let FileRecords { path, format, .. } = self.clone();
        let ending = match format {
            FileFormat::Csv(_) => ".csv",
            FileFormat::Ndjson => ".ndjson",
            FileFormat::Text => ".txt",
        };
        PartFiles {
            records: self,
            folder: path,
            prefix: "part".into(),
            ending,
            roll,
            is_compressed: false,
        }
    }
}

/// Writes records into parts in a folder; made by [`FileRecords::parts`].
pub struct PartFiles<T> {
    records: FileRecords<T>,
    folder: PathBuf,
    prefix: String,
    ending: &'static str,
    roll: Roll,
    is_compressed: bool,
}

crate::operator::opaque_debug!(PartFiles<T>);

impl<T: Record> PartFiles<T> {
    /// What names of parts begin with; default: "part". Sinks that share a folder, and runs that follow one another into it, differ in this.
    #[must_use]
    pub fn named(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Compresses the parts; their names end in `.gz`, too. A member ends at each checkpoint.
    #[must_use]
    pub fn gzip(mut self) -> Self {
        self.is_compressed = true;
        self.ending = match self.records.format {
            FileFormat::Csv(_) => ".csv.gz",
            FileFormat::Ndjson => ".ndjson.gz",
            FileFormat::Text => ".txt.gz",
        };
        self
    }

    fn family(&self) -> Family {
        let Self { folder, prefix, ending, .. } = self;
        Family { folder: folder.clone(), prefix: prefix.clone(), ending }
    }
}

impl<T: Record + Serialize> Sink<T> for PartFiles<T> {
    type Writer = PartsWriter<T>;

    fn writers(&self) -> Writers {
        Writers::PerWorker
    }

    fn open(&self, context: &OpenContext) -> Result<PartsWriter<T>, OperatorFault> {
        let Self { records, roll, is_compressed, .. } = self;
        let (roll, is_compressed) = (*roll, *is_compressed);
        let settings =
            PartSettings { family: self.family(), format: records.format, roll, is_compressed };
        PartsWriter::open(settings, context)
    }

    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }

    fn recover(&self, prepared: &[Prepared], context: &OpenContext) -> Result<(), OperatorFault> {
        part_recovery::recover(&self.family(), prepared, &*context.files)
    }

    fn describe(&self) -> String {
        format!("{} parts in {:?}, {}", self.records.format.name(), self.folder, self.roll)
    }
}
