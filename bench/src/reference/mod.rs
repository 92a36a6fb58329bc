//! The bare loops that the engine is measured against.
//!
//! Each is a program for one workload, with no operator, no configuration and no generality, so its
//! figure is what the hardware allows for that work. They contain no `unsafe`: what they reach is
//! reachable, and a target derived from them is fair.
//!
//! # Not here
//!
//! No use of the engine: a reference that shared its code would share its faults.

pub mod bare_path;
pub mod bids;
pub mod chain_loop;
pub mod count_table;
pub mod linear_probe;
pub mod page_ring;
pub mod ping_pong;
pub mod plain_wheel;
pub mod windows;
