//! Windows: event time cut into pieces, one result for each piece and key.
//!
//! A window's state is a pane: a table of its own that is filled, fired and dropped whole. A result leaves when the
//! watermark reaches the window's end; a record whose window has been fired is late and goes to the late output.
//!
//! * Arrives from: [`crate::exchange`], at the worker that owns the key.
//! * Leaves to: [`crate::exchange`] and so to [`crate::sink`], as [`WindowResult`] or [`SessionResult`].

mod assigner;
pub(crate) mod tumbling;
pub(crate) mod session;
pub(crate) mod join;

pub use assigner::{Session, TimeWindow, Tumbling};
pub use session::{OpenSession, SessionResult};
pub use tumbling::WindowResult;
