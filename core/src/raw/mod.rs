//! The only folder of this crate in which `unsafe` compiles.
//!
//! Each file states its contract at the top, offers a safe interface and has its own miri tests.

pub mod writer;
