//! Control elements: what travels beside records, in order with them.

use super::slot::{ACTIVE, BARRIER, CALL, END, HALT, IDLE, WATERMARK, WAVE};
use super::wave::Wave;
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
    /// In a loop: the waves of this round are on their way, and heads that have not sent theirs are to.
    Call(u64),
    /// In a loop: what came before is accounted for in what the wave says.
    Wave(Wave),
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
            Control::Call(round) => (round.cast_signed(), 0, CALL),
            Control::Wave(Wave { least, far, signs }) => {
                let kind = WAVE | u32::from(signs.bits()) << 8;
                (least.as_nanos(), far.as_nanos().cast_unsigned(), kind)
            }
        }
    }
}
