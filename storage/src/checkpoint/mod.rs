//! What makes a checkpoint on disk: a manifest that names segments and positions, published last.
//!
//! A checkpoint is there exactly if its manifest is. The manifest is complete in itself: a restore needs it and the files it names, no earlier one.
//!
//! * Arrives from: the coordinator, when all workers have said that what they contribute is durable.
//! * Leaves to: the disk, by [`crate::io::Publish`]; on a restore back, as the [newest](newest()) one that is whole.
//!
//! # Not here
//!
//! No coordinator: when a checkpoint begins, and that it is complete, is decided elsewhere. Positions and operators' data are bytes without meaning here.

mod code;
mod manifest;
mod restore;
mod retain;

pub use manifest::{Blob, Manifest, ManifestError, Part, Position, SchemaRecord, TableRecord};
pub(crate) use restore::read_file;
pub use restore::{
    Passed, Reason, RestoreError, Restored, check_segments, newest, newest_noting, read,
};
pub use retain::{Unreferenced, named, unreferenced};
