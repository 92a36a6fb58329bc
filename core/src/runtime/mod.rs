//! What turns the tasks: a [`worker::Worker`] that does one decided thing at a time.

pub(crate) mod decision;
pub(crate) mod stop;
pub(crate) mod epochs;
mod state_use;
mod time_use;
pub(crate) mod worker;

pub use decision::{Decision, Journal};
