//! A result in files that survive the process: what a query has given so far is there after a kill, once.
//!
//! Rows lie in a file for each worker, changes in one file that is a log of them; both are cut off where the checkpoint knows them when a job goes on. What they come
//! to is read when the job has ended.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thalweg::prelude::*;
use thalweg::sink::{FileSink, UpsertFile};

/// Lines of a result, in the files of a folder of its own.
#[derive(Debug, Clone)]
pub struct Written {
    folder: PathBuf,
}

/// A line of the log of changes.
#[derive(Debug, Deserialize)]
struct Change {
    key: Vec<u8>,
    value: Option<Vec<String>>,
}

impl Written {
    /// In this folder, which is made if it is not there.
    pub fn into(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    pub(super) fn rows(&self) -> FileSink<Str> {
        Files::ndjson(self.folder.join("rows.ndjson")).per_worker()
    }

    pub(super) fn changes(&self) -> Upserts<UpsertFile<Vec<u8>, Vec<Str>>> {
        Upserts(UpsertFiles::ndjson(self.folder.join("changes.ndjson")))
    }

    /// The whole result, sorted by bytes.
    ///
    /// # Errors
    ///
    /// What the system said of the folder and its files, or that one holds something else.
    pub fn sorted(&self) -> io::Result<String> {
        let (mut lines, mut latest) = (Vec::new(), BTreeMap::new());
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            match name.to_string_lossy() {
                name if name.starts_with("rows-") => {
                    read(&entry.path(), |line: String| lines.push(line))?;
                }
                name if name == "changes.ndjson" => read(&entry.path(), |change: Change| {
                    match change.value {
                        Some(value) => latest.insert(change.key, value),
                        None => latest.remove(&change.key),
                    };
                })?,
                _ => {}
            }
        }
        lines.extend(latest.into_values().flatten());
        Ok(super::outlet::sorted(lines))
    }
}

fn read<T: DeserializeOwned>(path: &Path, mut each: impl FnMut(T)) -> io::Result<()> {
    for line in fs::read_to_string(path)?.lines() {
        each(serde_json::from_str(line)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_the_rows_of_all_workers_and_the_latest_of_the_changes() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        put("rows-0.ndjson", "\"b\"\n\"a \\\"x\\\"\"\n");
        put("rows-1.ndjson", "\"b\"\n");
        put(
            "changes.ndjson",
            "{\"op\":\"upsert\",\"key\":[1],\"value\":[\"old\"]}\n{\"op\":\"upsert\",\"key\":[2],\"value\":[\"gone\"]}\n{\"op\":\"upsert\",\"key\":[1],\"value\":[\"new\",\"two\"]}\n{\"op\":\"delete\",\"key\":[2],\"value\":null}\n",
        );
        let sorted = Written::into(folder.path()).sorted().unwrap();
        assert_eq!(sorted, "a \"x\"\nb\nb\nnew\ntwo\n");
    }
}
