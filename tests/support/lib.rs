//! What the tests share: records, and the slow, obviously right engine.

pub mod records;
