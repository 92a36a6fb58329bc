//! Whole jobs, on every driver, against slow and obviously right oracles.

mod departures;
