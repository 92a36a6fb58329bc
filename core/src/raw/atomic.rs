//! Atomics and `Arc` from std, or from loom under `--cfg loom`.
//!
//! Everything in `raw` that crosses threads takes these, so that the code which loom explores is
//! the code which runs.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc, Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering, fence},
};

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc, Condvar, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering, fence},
};
