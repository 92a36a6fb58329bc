//! Turns bytes into records and records into bytes; pure code, without I/O.
//!
//! A file is read in chunks of any size. [`gzip`] inflates them where needed, [`mod@line`] cuts them
//! into lines, [`split`] decides which reader owns which line, and [`csv`], [`json`] or [`text`] makes a
//! record of each line. On the way out the same formats write into a buffer of the caller.
//!
//! * Arrives from: a source, as chunks of bytes; a sink, as records.
//! * Leaves to: a source, as records through a callback that may pause; a sink, as bytes.
//!
//! # Invariants
//!
//! 1. Chunking is invisible: how the bytes are cut into chunks never changes what is decoded.
//! 2. Pausing loses nothing: what `decode` reports as consumed is decoded or kept, the rest stays
//!    with the caller.
//! 3. A bad line is data: it is handed out as a [`decode::BadLine`], and decoding goes on after
//!    it. Only what makes *every* line wrong is a [`decode::DecodeError`].
//! 4. No input makes a decoder panic, and none makes it hold more than one longest line.
//!
//! # Not here
//!
//! No files, no globs, no decision about bad lines (fail, skip, dead-letter): those belong to the
//! source, which also knows the file's name.

pub mod line;
pub mod split;
pub mod decode;
pub mod encode;
pub mod csv;
pub mod json;
pub mod text;
pub mod gzip;

pub use decode::{BadLine, DecodeError, Decoded, Decoder, Pace, Position, Progress};
pub use encode::{EncodeError, Encoder};
