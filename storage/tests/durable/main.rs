//! The layers below the store, against disks that fail, lose power, and lie.

mod support;
mod alike;
mod damage;
mod segments;
mod job;
mod powercut;
mod faults;
mod restore;
mod golden;
