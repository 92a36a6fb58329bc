//! The engine beside its peers: the same events, the same queries, one run.
//!
//! A contestant is a program of its own, started anew for each run, that prints one [`outcome::Outcome`] as a line of JSON on its standard output. The peers
//! are in `bench/peers`, out of the workspace; this module has what their programs share with ours.
//!
//! * [`order`]: what a contestant is told. [`outcome`]: what it says.
//! * [`laps`]: when a run began, when half of its events were made, when it ended. [`watched`]: a source that notes it.
//! * [`fingerprint`]: a number for all events, the same in all languages.
//! * [`ours`]: our own contestant. [`contest`]: starts them all.
//! * [`plot`]: what was saved, drawn.

pub mod order;
pub mod outcome;
pub mod laps;
pub mod watched;
pub mod fingerprint;
pub mod ours;
pub mod contest;
pub mod plot;
