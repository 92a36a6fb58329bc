//! What the tests share: records, random streams, the slow and obviously right engine, and ways to run a job.

pub mod records;
pub mod random;
pub mod dice;
pub mod oracle;
pub mod window_oracle;
pub mod ruled_windows;
pub mod run;
pub mod processes;
pub mod bids;
pub mod visits;
pub mod retries;
pub mod canaries;
pub mod harness;
pub mod departures;
pub mod nexmark;
pub mod asking;
pub mod loops;
pub mod scripted;
pub mod settled;
#[path = "../fuzz/bodies/mod.rs"]
pub mod fuzz;
