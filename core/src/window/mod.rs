//! Windows: event time cut into pieces, one result for each piece and key.
//!
//! | a record meets | |
//! |---|---|
//! | [`assigner`] | which windows it is in |
//! | [`aligned`] | tumbling, sliding and cumulating windows that fire with the watermark: a table a [slice](slices), windows put together by the pane [`tree`] |
//! | [`operator`] | all others: panes [a key and window](separate), or those [of a key](session) that merge |
//! | [`pane`] | what a key's window holds: an [accumulator](contents) or [all records](buffer) |
//! | [`trigger`], [`lateness`] | when a window fires, and how long it takes late records |
//! | [`process`], [`result`] | what a firing gives |
//! | [`join`] | windows of two streams |
//!
//! A result leaves when the watermark reaches the window's end; a record whose windows have all closed for good is late and goes to
//! the late output. *Which* results there are and what is in them depends on the input alone. In which order they leave a worker is this:
//! firings are in the order of the instants for which windows waited; at one instant, aligned windows show their keys in the order
//! in which they came, all others in that of the keys' hashes.
//!
//! All state is in the store: panes, what triggers remember, lists, [`timers`].
//!
//! * Arrives from: [`crate::exchange`], at the worker that owns the key.
//! * Leaves to: [`crate::exchange`] and so to [`crate::sink`], as [`WindowResult`], [`SessionResult`] or what a window function emits.

mod assigner;
mod slices;
mod pieces;
mod lateness;
mod aggregator;
mod tree;
pub(crate) mod aligned;
pub(crate) mod operator;
pub(crate) mod pane;
pub(crate) mod separate;
pub(crate) mod session;
pub(crate) mod timers;
pub(crate) mod contents;
pub(crate) mod buffer;
mod trigger;
mod evictor;
mod process;
mod result;
pub(crate) mod join;

pub(crate) use aggregator::{FoldOnly, Reducing, Spanning};
pub use assigner::{
    Cumulating, DynamicSession, Global, InProcessingTime, Session, Sliding, TimeWindow, Tumbling,
    WindowAssigner,
};
pub(crate) use evictor::KeepAll;
pub use evictor::{Evict, EvictAfter, EvictCount, EvictDelta, EvictTime, Evictor};
pub(crate) use lateness::Lateness;
pub use pieces::InPieces;
pub use process::{Element, WindowContext, WindowState};
pub(crate) use process::{FinishList, FoldList, Processed, ProcessedWithState, WindowStates};
pub(crate) use result::{AsSession, Finish, Plain, WithPane};
pub use result::{PaneInfo, PaneResult, SessionResult, Timing, WindowResult};
#[doc(hidden)]
pub use slices::Slices;
pub(crate) use tree::{PaneTree, levels_above};
pub use trigger::{
    AtWatermark, Count, EarlyFirings, NoState, Purging, Trigger, TriggerContext, Verdict,
};

#[cfg(test)]
mod tests;
