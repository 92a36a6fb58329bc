//! Pieces of event time: which records of a key may become one accumulator before they travel.

use std::time::Duration;

use crate::time::EventTime;

/// A piece of event time, as it has grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The event time with which its accumulator is sent.
    pub(crate) at: EventTime,
    /// Before the watermark is here it has to be sent.
    pub(crate) due: EventTime,
    /// The first instant after it: a record alone in it may be late when the watermark is here.
    pub(crate) end: EventTime,
}

/// How event time is cut.
pub(crate) trait Pieces: 'static {
    /// Whether a record whose piece has ended may be late, and travels whole; else it becomes an accumulator of its own.
    const MAY_BE_LATE: bool;

    /// The piece of a record, alone, at a time when the watermark is `watermark`; `None` if nobody wants the record.
    fn piece(&mut self, at: EventTime, watermark: EventTime) -> Option<Piece>;

    /// Lets `held` grow by `next`, if they may be one; else false.
    fn join(&self, held: &mut Piece, next: Piece) -> bool;

    /// So long before it has to be a piece may be sent when others are: where they are due one by one, each would be looked for by itself.
    fn slack(&self) -> Duration {
        Duration::ZERO
    }
}

/// Stretches of one length, for aggregates that are sent so often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    every: Duration,
    /// The stretch of the last record: its first instant, and the first after it.
    current: (EventTime, EventTime),
}

impl Steps {
    /// Stretches of `every`, which is not zero.
    pub(crate) fn every(every: Duration) -> Self {
        Self { every, current: (EventTime::EPOCH, EventTime::EPOCH) }
    }
}

impl Pieces for Steps {
    const MAY_BE_LATE: bool = false;

    #[inline]
    fn piece(&mut self, at: EventTime, watermark: EventTime) -> Option<Piece> {
        // A record from before the watermark is of the stretch that it comes in.
        let when = at.max(watermark);
        if when < self.current.0 || when >= self.current.1 {
            let start = when.floor(self.every);
            self.current = (start, start.saturating_add(self.every));
        }
        let end = self.current.1;
        Some(Piece { at, due: end, end })
    }

    #[inline]
    fn join(&self, held: &mut Piece, next: Piece) -> bool {
        let is_one = held.end == next.end;
        if is_one {
            held.at = held.at.max(next.at);
        }
        is_one
    }
}
