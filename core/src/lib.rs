//! Thalweg.

pub mod format;
