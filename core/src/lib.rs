//! Thalweg.

// What the `#[record]` attribute writes names this crate `::thalweg`; so do we, inside it.
extern crate self as thalweg;

#[doc(hidden)]
#[expect(unsafe_code, reason = "the one folder of this crate in which unsafe code compiles")]
pub mod raw;
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
pub(crate) mod state;
#[cfg(not(loom))]
pub mod source;
#[cfg(not(loom))]
pub mod format;
#[cfg(not(loom))]
pub mod operator;
#[cfg(not(loom))]
pub mod exchange;
#[cfg(not(loom))]
pub mod window;
#[cfg(not(loom))]
pub mod sink;
#[cfg(not(loom))]
pub mod plan;
#[cfg(not(loom))]
pub mod runtime;
#[cfg(not(loom))]
pub mod rt;
#[cfg(not(loom))]
pub mod api;
#[cfg(not(loom))]
pub mod prelude;

pub use rkyv;
pub use serde;
pub use thalweg_derive::record;
