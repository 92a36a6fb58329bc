//! Nexmark: the benchmark of stream processing, its 23 queries on this engine.
//!
//! * [`model`]: persons, auctions, bids, and the stream of them all.
//! * [`reader`]: events from NDJSON.
//! * [`generator`]: events made by number, in the field's default configuration.
//! * [`queries`]: q0 to q22, one file each, written as a user would.
//! * [`outlet`], [`written`], [`mod@line`]: results, as CSV.
//! * [`run`]: a query over a file. [`measure`]: what a query costs.

pub mod model;
pub mod reader;
pub mod generator;
pub mod line;
pub mod written;
pub mod outlet;
pub mod queries;
pub mod run;
pub mod measure;
