//! The engine on the workloads of [`mod@crate::reference`]: same records, same work, through the public API.

pub mod bids;
pub mod chain;
pub mod open_loop;
pub mod path;
pub mod windows;
