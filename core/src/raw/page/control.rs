//! Control elements: what travels beside records, in order with them.

use super::slot::{ACTIVE, BARRIER, END, HALT, IDLE, WATERMARK};
use crate::time::EventTime;

/// What travels in a stream beside records, in order with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// No record with an earlier event time is expected after this point.
    Watermark(EventTime),
    /// The sender expects no records for now and must not hold event time back.
    Idle,
    /// The sender has records again.
    Active,
    /// The sender has finished.
    End,
    /// The sender was stopped: nothing will come any more, but event time has not come to its end, and stays where it is.
    Halt,
    /// What came before belongs to the checkpoint of this epoch, what comes after does not.
    Barrier(u64),
}

impl Control {
    pub(super) fn encode(self) -> (i64, u64, u32) {
        match self {
            Control::Watermark(at) => (at.as_nanos(), 0, WATERMARK),
            Control::Idle => (0, 0, IDLE),
            Control::Active => (0, 0, ACTIVE),
            Control::End => (0, 0, END),
            Control::Halt => (0, 0, HALT),
            Control::Barrier(epoch) => (epoch.cast_signed(), 0, BARRIER),
        }
    }
}
