//! Nexmark: the benchmark of stream processing, its 23 queries on this engine.
//!
//! * [`model`]: persons, auctions, bids, and the stream of them all.
//! * [`reader`]: events from NDJSON.
//! * [`queries`]: q0 to q22, one file each, written as a user would.
//! * [`outlet`], [`line`]: results, as CSV.
//! * [`run`]: a query over a file.

pub mod model;
pub mod reader;
pub mod line;
pub mod outlet;
pub mod queries;
pub mod run;
