//! Stub, replaced.
