//! A log of changes in a file: an operation, a key and a value a line.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::Serialize;

use super::{UpsertSink, UpsertWriter};
use crate::error::OperatorFault;
use crate::format::csv::CsvOptions;
use crate::io::Files;
use crate::record::Record;
use crate::sink::encoder::AnyEncoder;
use crate::sink::file::{FileSinkError, OneFile, recover_one};
use crate::sink::{Delivery, Prepared, Writers};
use crate::source::{FileFormat, OpenContext};

/// Where files of changes start: `Upserts(UpsertFiles::ndjson("stock.ndjson"))` is a sink.
///
/// A line is `{"op":"upsert","key":1,"value":10}` or `{"op":"delete","key":1,"value":null}`; in CSV the columns are `op`, `key` and `value`, and key and
/// value are one cell each.
#[derive(Debug)]
pub enum UpsertFiles {}

impl UpsertFiles {
    /// One JSON object a line.
    pub fn ndjson<K: Record, V: Record>(path: impl AsRef<Path>) -> UpsertFile<K, V> {
        UpsertFile::new(path.as_ref(), FileFormat::Ndjson)
    }

    /// CSV with a header.
    pub fn csv<K: Record, V: Record>(path: impl AsRef<Path>) -> UpsertFile<K, V> {
        UpsertFile::new(path.as_ref(), FileFormat::Csv(CsvOptions::default()))
    }
}

/// A file of changes; made by [`UpsertFiles`]. One writer, on worker 0, writes the changes of all workers.
pub struct UpsertFile<K, V> {
    path: PathBuf,
    format: FileFormat,
    marker: PhantomData<fn(K, V)>,
}

crate::operator::opaque_debug!(UpsertFile<K, V>);

impl<K, V> UpsertFile<K, V> {
    fn new(path: &Path, format: FileFormat) -> Self {
        Self { path: path.to_owned(), format, marker: PhantomData }
    }
}

/// One line.
#[derive(Serialize)]
struct Change<K, V> {
    op: &'static str,
    key: K,
    value: Option<V>,
}

/// Writes one file of changes.
pub struct UpsertFileWriter<K, V> {
    file: OneFile,
    files: Rc<dyn Files>,
    encoder: AnyEncoder<Change<K, V>>,
}

crate::operator::opaque_debug!(UpsertFileWriter<K, V>);

impl<K: Record + Serialize, V: Record + Serialize> UpsertFileWriter<K, V> {
    fn change(&mut self, op: &'static str, key: K, value: Option<V>) -> Result<(), OperatorFault> {
        let lines = &mut self.file.lines;
        let encoded = self.encoder.encode(&Change { op, key, value }, lines.text());
        encoded.map_err(|source| FileSinkError { path: lines.path().to_owned(), source })?;
        Ok(())
    }
}

impl<K: Record + Serialize, V: Record + Serialize> UpsertSink<K, V> for UpsertFile<K, V> {
    type Writer = UpsertFileWriter<K, V>;

    fn writers(&self) -> Writers {
        Writers::One
    }

    fn open(&self, context: &OpenContext) -> Result<UpsertFileWriter<K, V>, OperatorFault> {
        let file = OneFile::open(&self.path, |_| false, context)?;
        let encoder = AnyEncoder::new(self.format);
        let encoder = if file.is_empty() { encoder } else { encoder.appending() };
        Ok(UpsertFileWriter { file, files: Rc::clone(&context.files), encoder })
    }

    fn delivery(&self) -> Delivery {
        Delivery::ExactlyOnce
    }

    fn recover(&self, prepared: &[Prepared], context: &OpenContext) -> Result<(), OperatorFault> {
        recover_one(&self.path, prepared, context)
    }

    fn describe(&self) -> String {
        format!("{} of changes {:?}", self.format.name(), self.path)
    }
}

impl<K: Record + Serialize, V: Record + Serialize> UpsertWriter<K, V> for UpsertFileWriter<K, V> {
    fn upsert(&mut self, key: K, value: V) -> Result<(), OperatorFault> {
        self.change("upsert", key, Some(value))
    }

    fn delete(&mut self, key: K) -> Result<(), OperatorFault> {
        self.change("delete", key, None)
    }

    fn end_run(&mut self) -> Result<(), OperatorFault> {
        Ok(self.file.lines.put()?)
    }

    fn poll_flush(&mut self) -> Result<bool, OperatorFault> {
        Ok(self.file.lines.poll_flush()?)
    }

    fn poll_prepare(&mut self, _: u64) -> Result<Option<Prepared>, OperatorFault> {
        Ok(self.file.poll_prepare(&*self.files)?)
    }

    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        Ok(self.file.lines.poll_close()?)
    }
}
