//! Thalweg: a stream processing engine, thread per core and zero copy, that embeds in a service or runs as a program.
//!
//! A job is a function that connects typed streams. It is run once to be checked and shown ([`plan`]) and once on each worker to make that worker's
//! tasks. A worker is one job's share of one core; it owns its tasks, their state and their buffers, and shares nothing. Records travel as
//! [rkyv] archives in pages; a page crosses cores by handing over the right to read it.
//!
//! ```
//! use thalweg::prelude::*;
//!
//! #[record]
//! struct Reading {
//!     #[event_time]
//!     at: EventTime,
//!     sensor: Str,
//!     value: i64,
//! }
//!
//! # fn main() -> Result<()> {
//! let readings: Vec<Reading> = (0..100)
//!     .map(|i| Reading { at: EventTime::from_secs(i), sensor: "a".into(), value: i })
//!     .collect();
//! let sums = Collected::new();
//! let sink = sums.clone();
//! Engine::builder().workers(2).build().run("sums", move |t| {
//!     let Windowed { on_time, late } = t
//!         .source("readings", Items::of(readings.clone()))
//!         .watermarks(BoundedOutOfOrderness::of(5.secs()))
//!         .key_by(|r| &r.sensor)
//!         .window("per minute", Tumbling::of(1.minutes()))
//!         .aggregate(|sum: &mut i64, r| *sum += r.value());
//!     late.drop_counted();
//!     on_time.map(|w| (w.start(), w.value())).sink("sums", sink.sink());
//!     Ok(())
//! })?;
//! assert_eq!(sums.take(), [(EventTime::EPOCH, 1770), (EventTime::from_secs(60), 3180)]);
//! # Ok(())
//! # }
//! ```
//!
//! # The life of a record
//!
//! ```text
//! source ──▶ format ──▶ operator ──▶ exchange ──▶ state ──▶ window ──▶ sink
//!   poll      decode     chain       raw::ring     keyed     pane       close
//! ```
//!
//! | # | where | what happens |
//! |---|---|---|
//! | 1 | [`source`] | a split is polled for a bounded number of records, and never waited for |
//! | 2 | [`mod@format`] | bytes become values, which are serialised straight into the source's page |
//! | 3 | [`time`] | after every 64 records, and when the split runs dry, its watermark moves |
//! | 4 | [`operator`] | the fused chain runs over the page, one loop, direct calls |
//! | 5 | [`exchange`] | each result is copied into the open page of the worker that owns its key's group |
//! | 6 | [`raw::ring`] | the page is published by one store and read in place on the other core |
//! | 7 | [`state`] | values are asked for some records ahead, read and written in place; user code meets them in a [`process`] function |
//! | 8 | [`window`] | panes collect until the watermark closes them, and fire in slices |
//! | 9 | [`sink`] | results are encoded and written |
//!
//! With [`Checkpoints`](control::Checkpoints) a barrier follows the records now and then; what every operator then has is written beside the record path ([`checkpoint`]),
//! and a job that failed or was stopped goes on from there; with types that have changed, where old values can be made new ones ([`record::Upgrade`]). [`savepoint`] looks into what was kept.
//!
//! Where the host itself is source or sink, [`source::InputHandle`] writes into a page of a ring that a worker reads, and [`sink::OutputHandle`] reads one that a
//! worker writes. An [`Engine`](control::Engine) owns its cores' threads; a core's loop turns the workers of all its jobs.
//!
//! # Invariants of the architecture
//!
//! 1. *One owner*: every byte of state and every buffer belongs to one worker; only rings cross cores, and what crosses is the
//!    right to read a sealed page.
//! 2. *Sealed is immutable*: a page is never written after it was published.
//! 3. *A worker is a function of its inputs and of the order in which they are taken* ([`runtime`]). That order, the decisions, is
//!    what a run on any driver can record; replayed on the simulator ([`rt::Sim`]) it gives the same outputs, bit for bit.
//! 4. *Generic per record, dyn per batch*: the loop over a page is monomorphised, what is around it is boxed.
//! 5. *Batching by availability*: a page leaves when it is full, when its receiver is hungry, or when the sender runs dry; no timer.
//!
//! # Not here
//!
//! No cluster of its own.

// What the `#[record]` attribute writes names this crate `::thalweg`; so do we, inside it.
extern crate self as thalweg;

#[doc(hidden)]
#[expect(unsafe_code, reason = "the one folder of this crate in which unsafe code compiles")]
pub mod raw;
#[cfg(not(loom))]
mod canary;
#[cfg(not(loom))]
pub mod record;
#[cfg(not(loom))]
pub mod time;
#[cfg(not(loom))]
pub mod error;
#[cfg(not(loom))]
pub mod config;
#[cfg(not(loom))]
pub mod io;
#[cfg(not(loom))]
pub mod metrics;
#[cfg(not(loom))]
pub mod source;
#[cfg(not(loom))]
pub mod format;
#[cfg(not(loom))]
pub mod operator;
#[cfg(not(loom))]
pub mod exchange;
#[cfg(not(loom))]
pub mod state;
#[cfg(not(loom))]
pub mod window;
#[cfg(not(loom))]
pub mod sink;
#[cfg(not(loom))]
pub mod checkpoint;
#[cfg(not(loom))]
pub mod savepoint;
#[cfg(not(loom))]
pub mod plan;
#[cfg(not(loom))]
pub mod api;
#[cfg(not(loom))]
pub mod runtime;
#[cfg(not(loom))]
pub mod rt;
#[cfg(not(loom))]
pub mod control;
#[cfg(not(loom))]
pub mod testing;
#[cfg(not(loom))]
pub mod prelude;

#[cfg(not(loom))]
pub use api::process;
#[cfg(not(loom))]
pub use operator::aggregate as agg;
pub use rkyv;
pub use serde;
pub use thalweg_derive::{record, record_ref};
