//! What a run says: an aligned row for people, and one JSON line for later when asked with `--save`.
//!
//! A line stands for itself: it carries the machine, the commit and every parameter, so that results
//! from different days and machines can lie in one file.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::histogram::{LatencyHistogram, Percentiles};
use super::machine::Machine;

/// One run: what was run, where, with what, and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the benchmark, and of the file that it is saved in.
    pub benchmark: String,
    /// When it was made: seconds since the Unix epoch.
    pub unix_s: u64,
    /// What was varied: workers, keys, rate.
    pub parameters: Map<String, Value>,
    /// What was measured; a name ends with its unit (`records_per_s`, `hop_ns`).
    pub metrics: Map<String, Value>,
    /// Latencies, if the run measured any.
    pub latency: Option<Percentiles>,
    /// Where.
    pub machine: Machine,
}

impl Report {
    /// A report of a run that just ended on `machine`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a result is dated with the real time")]
    pub fn new(benchmark: &str, machine: &Machine) -> Self {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            benchmark: benchmark.to_owned(),
            unix_s: since_epoch.map_or(0, |time| time.as_secs()),
            parameters: Map::new(),
            metrics: Map::new(),
            latency: None,
            machine: machine.clone(),
        }
    }

    /// Adds what was varied.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Adds what was measured; the name ends with the unit.
    #[must_use]
    pub fn metric(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.metrics.insert(name.to_owned(), value.into());
        self
    }

    /// Adds the latencies.
    #[must_use]
    pub fn latency(mut self, histogram: &LatencyHistogram) -> Self {
        self.latency = Some(histogram.percentiles());
        self
    }

    /// The report as one line of JSON, without a line break.
    #[must_use]
    pub fn json_line(&self) -> String {
        serde_json::to_string(self).expect("invariant: all keys of a report are strings")
    }

    /// Appends the line to `<folder>/<benchmark>.jsonl` and returns that path; makes the folder if needed.
    ///
    /// # Errors
    ///
    /// [`SaveError`] names the file that could not be written.
    pub fn append_to(&self, folder: &Path) -> Result<PathBuf, SaveError> {
        let path = folder.join(format!("{}.jsonl", self.benchmark));
        let append = || -> io::Result<()> {
            std::fs::create_dir_all(folder)?;
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            // One write, so that two benchmarks at once cannot mix their lines.
            file.write_all(format!("{}\n", self.json_line()).as_bytes())
        };
        append().map_err(|source| SaveError { path: path.clone(), source })?;
        Ok(path)
    }
}

/// A result could not be saved; it is still on the screen.
#[derive(Debug, thiserror::Error)]
#[error("result file {path:?} could not be written; choose another folder with --results")]
pub struct SaveError {
    path: PathBuf,
    source: io::Error,
}

/// Beside the benchmarks' source, wherever the program is started.
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/results");

/// The options that every benchmark program takes; flatten it into the program's own.
#[derive(Debug, Clone, clap::Args)]
pub struct SaveOptions {
    /// Append each result to a file in the results folder
    #[arg(long, global = true)]
    pub save: bool,
    /// Folder for the results [default: bench/results in the source]
    #[arg(long, global = true, value_name = "FOLDER", hide_default_value = true, default_value = RESULTS)]
    pub results: PathBuf,
}

impl SaveOptions {
    /// Saves the report if `--save` was given.
    ///
    /// # Errors
    ///
    /// As [`Report::append_to`].
    pub fn keep(&self, report: &Report) -> Result<(), SaveError> {
        if self.save { report.append_to(&self.results).map(drop) } else { Ok(()) }
    }
}

/// Reports as rows with aligned columns; a column appears if any of the reports has it.
#[derive(Debug, Clone, Default)]
pub struct Table {
    titles: Vec<String>,
    rows: Vec<Vec<(String, String)>>,
}

impl Table {
    /// Adds one row.
    pub fn push(&mut self, report: &Report) {
        let mut cells = vec![("benchmark".to_owned(), report.benchmark.clone())];
        let values = report.parameters.iter().chain(&report.metrics);
        cells.extend(values.map(|(name, value)| (name.clone(), readable(value))));
        if let Some(latency) = &report.latency {
            cells.extend(Percentiles::TITLES.map(str::to_owned).into_iter().zip(latency.cells()));
        }
        for (title, _) in &cells {
            if !self.titles.contains(title) {
                self.titles.push(title.clone());
            }
        }
        self.rows.push(cells);
    }

    fn cell<'a>(row: &'a [(String, String)], title: &str) -> &'a str {
        row.iter().find(|(name, _)| name == title).map_or("", |(_, value)| value)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |title: &String| {
            let cells = self.rows.iter().map(|row| Self::cell(row, title).len());
            cells.max().unwrap_or(0).max(title.len())
        };
        let widths: Vec<usize> = self.titles.iter().map(width).collect();
        let line = |f: &mut fmt::Formatter<'_>, cells: &mut dyn Iterator<Item = &str>| {
            for (cell, &width) in cells.zip(&widths) {
                write!(f, "{cell:>width$}  ")?;
            }
            writeln!(f)
        };
        line(f, &mut self.titles.iter().map(String::as_str))?;
        for row in &self.rows {
            line(f, &mut self.titles.iter().map(|title| Self::cell(row, title)))?;
        }
        Ok(())
    }
}

/// Text without quotes, large numbers with `k` and `M`, small ones with three digits.
fn readable(value: &Value) -> String {
    match (value, value.as_f64()) {
        (Value::String(text), _) => text.clone(),
        (_, Some(number)) if number.abs() >= 1e6 => format!("{:.2} M", number / 1e6),
        (_, Some(number)) if number.abs() >= 1e4 => format!("{:.1} k", number / 1e3),
        (_, Some(number)) if number.fract() != 0.0 => format!("{number:.2}"),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut histogram = LatencyHistogram::new();
        histogram.record_ns(120);
        Report::new("bare_path", &Machine::read())
            .parameter("keys", 100_000)
            .metric("records_per_s", 76.5e6)
            .latency(&histogram)
    }

    #[test]
    fn a_saved_report_is_one_line_of_json_that_reads_back_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let report = report();
        report.append_to(folder.path()).unwrap();
        let path = report.append_to(folder.path()).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<Report> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, [report.clone(), report]);
    }

    #[test]
    fn without_save_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let options = SaveOptions { save: false, results: folder.path().to_owned() };
        options.keep(&report()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = report().append_to(file.path()).unwrap_err();
        assert!(error.to_string().contains("bare_path.jsonl"), "{error}");
    }

    #[test]
    fn rows_are_aligned_under_their_titles() {
        let mut table = Table::default();
        table.push(&report());
        table.push(&Report::new("ping", &Machine::read()).metric("hop_ns", 55.25));
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{text}");
        assert!(lines[1].contains("76.50 M") && lines[2].contains("55.25"), "{text}");
    }
}
