//! A job between threads of its host: what the way in and out costs.
//!
//! * [`round_trip`]: one record there and its answer back, spinning, beside a bare pair of rings.
//! * [`throughput`]: as many records as go in.

pub mod round_trip;
pub mod throughput;
