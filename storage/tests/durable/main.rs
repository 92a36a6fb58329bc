//! The layers below the store, against disks that fail, lose power, and lie.

#![expect(clippy::unwrap_used, reason = "what a test sets up has to succeed")]
#![expect(clippy::cast_possible_truncation, reason = "numbers of bits and seeds are small")]

mod store;
mod parked;
mod oracle;
mod interrupted;
mod support;
mod alike;
mod damage;
mod segments;
mod job;
mod powercut;
mod faults;
mod restore;
mod golden;
mod savepoints;
