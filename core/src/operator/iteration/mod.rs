//! Iteration: a loop in the dataflow. What its body feeds back goes through the body again.
//!
//! * Arrives from: [`crate::exchange`], into a [`head`]; what is fed back, into a [`feedback`].
//! * Leaves to: [`crate::exchange`], through the body and a [`gate`].
//!
//! ```text
//! input --> head --> body --> gate --> output
//!             ^        |
//!             |        v
//!          backlog <- feedback
//! ```
//!
//! Each worker has all of these; between them the body may deal records to other workers. Head and feedback of a worker share a [`backlog`] in memory, so that what
//! is fed back is always taken: a loop that is full does not stand still.
//!
//! # Event time
//!
//! Records under way in the loop must not be late because others went round fewer times. So a head does not pass its input's event time on but what is behind everything
//! that is under way, on all workers; and a gate lets event time out only when the loop was found to hold nothing older, also of what the body made because of it, as a window
//! does that fires. Both is found out by [waves](crate::raw::page::Wave) that heads send round the loop in rounds ([`tides`]), through the same
//! lanes as the records; only while there is something to find out.
//!
//! # Termination
//!
//! When all inputs have come to their end, and a whole round has found nothing under way, event time goes to its end in the body; when a round has found nothing of what that
//! brought about, the heads pass the end on.
//!
//! # Checkpoints
//!
//! A head passes a barrier on as any operator does, and keeps what is fed back to itself until the barrier has come round: then all that was under way at the barrier is
//! in the backlogs, and part of the checkpoint (Carbone et al., "Lightweight Asynchronous Snapshots for Distributed Dataflows", 2015, section 4.3).
//!
//! # Source
//!
//! The lower bound on the times of what is under way is that of Mattern, "Efficient Algorithms for Distributed Snapshots and Global Virtual Time Approximation",
//! JPDC 18(4), 1993: two cuts, and the least time of what was sent between them.

pub(crate) mod backlog;
pub(crate) mod feedback;
pub(crate) mod gate;
pub(crate) mod head;
mod tides;

pub(crate) use backlog::Backlog;
pub(crate) use feedback::Feedback;
pub(crate) use gate::Gate;
pub(crate) use head::Head;

#[cfg(test)]
mod tests;
