//! What a measurement is held against: the least code that does the same work.

pub mod linear_probe;
