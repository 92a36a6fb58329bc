//! Lists the states of a savepoint, and dumps one.

use std::error::Error;
use std::io::{BufWriter, Write};

use thalweg::savepoint::{SavepointReader, StateSummary};

pub(crate) fn list(folder: &str, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let reader = SavepointReader::open(folder)?;
    writeln!(out, "checkpoint {}", reader.epoch())?;
    let rows: Vec<[String; 5]> = reader.states().map(|state| row(&state)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths = [0, 1, 2, 3].map(|column| width(column).unwrap_or(0));
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            write!(out, "{cell:width$}  ")?;
        }
        writeln!(out, "{}", row[4])?;
    }
    for position in reader.positions() {
        let text = String::from_utf8_lossy(&position.position);
        writeln!(out, "source {:?}, split {:?}: at {text}", position.source, position.split)?;
    }
    Ok(())
}

fn row(state: &StateSummary) -> [String; 5] {
    let StateSummary { operator, state: name, entries, bytes, schema, .. } = state;
    let types = schema.as_ref().map_or("not described".to_owned(), |schema| {
        let value = schema.value.as_ref().map_or(String::new(), |value| format!(" -> {value}"));
        format!("{}: {}{value}", schema.form, schema.key)
    });
    let (entries, bytes) = (format!("{entries} entries"), format!("{bytes} bytes"));
    [operator.clone(), name.clone(), entries, bytes, types]
}

pub(crate) fn dump(
    (folder, operator, state): (&str, &str, &str),
    out: &mut dyn Write,
) -> Result<(), Box<dyn Error>> {
    let reader = SavepointReader::open(folder)?;
    let mut out = BufWriter::new(out);
    let mut written = Ok(());
    reader.for_each(operator, state, |entry| {
        if written.is_ok() {
            written = writeln!(out, "{entry}");
        }
    })?;
    written?;
    Ok(out.flush()?)
}
