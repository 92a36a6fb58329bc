//! The layers below the store, against disks that fail, lose power, and lie.

#![expect(clippy::unwrap_used, reason = "what a test sets up has to succeed")]

mod support;
mod alike;
mod damage;
mod segments;
mod job;
mod powercut;
mod faults;
mod restore;
mod golden;
