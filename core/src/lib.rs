//! Thalweg.

// What the `#[record]` attribute writes names this crate `::thalweg`; so do we, inside it.
extern crate self as thalweg;

#[expect(unsafe_code, reason = "the one folder of this crate in which unsafe code compiles")]
pub mod raw;
pub mod time;
pub mod record;

pub use rkyv;
pub use serde;
pub use thalweg_derive::record;
