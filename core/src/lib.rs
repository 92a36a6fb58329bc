//! Thalweg.

#[doc(hidden)]
#[expect(unsafe_code, reason = "the one folder where it is allowed, see its header")]
pub mod raw;
