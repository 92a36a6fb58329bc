//! Savepoints without the job: what is in them, and savepoints that no job has written.
//!
//! A savepoint says of itself of what types its states are ([`StateSchema`](crate::record::StateSchema)), so it can be read by a program that has none of them: [`SavepointReader::for_each`]
//! gives keys and values as [`Value`](crate::record::Value)s, which have a form in JSON; [`SavepointReader::values`] gives them as values of the program's own types, of newer versions too.
//! [`SavepointWriter`] makes a savepoint from values, for a job to begin with ([`EngineBuilder::restore_from`](crate::control::EngineBuilder::restore_from)).
//!
//! ```
//! use thalweg::prelude::*;
//! use thalweg::record::Form;
//! use thalweg::savepoint::{SavepointReader, SavepointWriter};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let (saved, state, later) = (folder.path().join("saved"), folder.path().join("state"), folder.path().join("later"));
//! let mut writer = SavepointWriter::new();
//! let known = [(Str::from("EWR"), 100u64), (Str::from("JFK"), 200)];
//! writer.values("departures", "value", Form::Archives, known)?;
//! writer.write(&saved)?;
//!
//! // A job that goes on from these counts.
//! let engine = Engine::builder()
//!     .checkpoints(Checkpoints::in_directory(&state))
//!     .restore_from(&saved)
//!     .build();
//! let job = engine.deploy("count", |t| {
//!     t.source("origins", Items::of(vec![Str::from("EWR"), Str::from("LGA")]))
//!         .without_event_time()
//!         .key_by_value(|origin| origin.to_value())
//!         .filter_map_with_state("departures", |count: &mut u64, _| {
//!             *count += 1;
//!             Some(*count)
//!         })
//!         .sink("nowhere", Blackhole);
//!     Ok(())
//! })?;
//! let pending = job.stop_with_savepoint(&later)?;
//! job.join()?;
//! pending.wait()?;
//!
//! let reader = SavepointReader::open(&later)?;
//! for state in reader.states() {
//!     println!("{}/{}: {} entries", state.operator, state.state, state.entries);
//! }
//! let mut shown = Vec::new();
//! reader.for_each("departures", "value", |entry| shown.push(entry.to_string()))?;
//! let mut counts = reader.values::<Str, u64>("departures", "value")?;
//! counts.sort();
//! assert!(shown.contains(&r#"{"key":"JFK","value":200}"#.to_owned()));
//! assert!(counts.contains(&("JFK".into(), 200)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Not here
//!
//! No format: that is `thalweg_storage::savepoint`'s, which has the same for bytes.

mod entry;
mod error;
mod keys;
mod reader;
mod writer;

pub use entry::StateEntry;
pub use error::{ReadError, WriteError};
pub use reader::{SavepointReader, StateSummary};
pub use writer::SavepointWriter;

#[cfg(test)]
mod tests;
