//! Whole jobs against the slow engine.

mod windows;
mod keyed_state;
