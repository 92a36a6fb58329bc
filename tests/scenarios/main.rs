//! Whole jobs, on every driver, against slow and obviously right oracles.

mod windows;
mod keyed_state;
mod departures;
