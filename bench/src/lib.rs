//! What Thalweg costs, measured against named references.

pub mod reference;
