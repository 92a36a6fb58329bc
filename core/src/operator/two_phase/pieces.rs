//! Pieces of event time: which records of a key may become one accumulator before they travel.

use std::time::Duration;

use crate::record::Record;
use crate::time::EventTime;
use crate::window::{Cumulating, Session, Slices, Sliding, TimeWindow, Tumbling, WindowAssigner};

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

/// The shortest time there is.
const INSTANT: Duration = Duration::from_nanos(1);

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

/// Windows that can be put together from pieces: [`Tumbling`], [`Sliding`], [`Cumulating`], [`Session`].
#[diagnostic::on_unimplemented(
    message = "windows of `{Self}` are not put together from pieces",
    label = "each of its windows needs the records themselves",
    note = "`two_phase` is for `Tumbling`, `Sliding`, `Cumulating` and `Session` windows"
)]
pub trait InPieces<T: Record>: WindowAssigner<T> {
    #[doc(hidden)]
    fn pieces(&self) -> WindowPieces;
}

/// The pieces of windows.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct WindowPieces {
    cut: Cut,
    /// The slice of the last record, which is mostly that of the next.
    current: Option<TimeWindow>,
}

#[derive(Debug, Clone, Copy)]
enum Cut {
    /// A slice is a piece.
    Slices(Slices),
    /// Records of a key that would be of one session even if there were no others.
    Sessions(Session),
}

impl WindowPieces {
    fn slices(slices: Option<Slices>) -> Self {
        let slices = slices.expect("invariant: such windows have slices");
        Self { cut: Cut::Slices(slices), current: None }
    }
}

impl Pieces for WindowPieces {
    const MAY_BE_LATE: bool = true;

    #[inline]
    fn piece(&mut self, at: EventTime, _: EventTime) -> Option<Piece> {
        match self.cut {
            Cut::Slices(slices) => {
                if let Some(span) = self.current.filter(|span| span.covers(at)) {
                    return Some(Piece { at, due: span.end, end: span.end });
                }
                let index = slices.index(at);
                if slices.is_gap(index) {
                    return None;
                }
                let span = slices.span(index);
                self.current = Some(span);
                Some(Piece { at, due: span.end, end: span.end })
            }
            Cut::Sessions(session) => {
                // A session that was open before, and that this one belongs to, closes no sooner than just after the first instant of this one.
                let TimeWindow { start, end } = session.reach(at);
                Some(Piece { at: start, due: start.saturating_add(INSTANT), end })
            }
        }
    }

    #[inline]
    fn join(&self, held: &mut Piece, next: Piece) -> bool {
        match self.cut {
            Cut::Slices(_) => held.end == next.end,
            Cut::Sessions(_) => {
                let is_one = held.at < next.end && next.at < held.end;
                if is_one {
                    held.at = held.at.min(next.at);
                    held.due = held.due.min(next.due);
                    held.end = held.end.max(next.end);
                }
                is_one
            }
        }
    }

    fn slack(&self) -> Duration {
        match self.cut {
            Cut::Slices(_) => Duration::ZERO,
            Cut::Sessions(session) => session.longest_silence() / 8,
        }
    }
}

/// Stretches of one length, for aggregates that are sent so often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    every: Duration,
    /// The stretch of the last record.
    current: TimeWindow,
}

impl Steps {
    /// Stretches of `every`, which is not zero.
    pub(crate) fn every(every: Duration) -> Self {
        Self { every, current: TimeWindow { start: EventTime::EPOCH, end: EventTime::EPOCH } }
    }
}

impl Pieces for Steps {
    const MAY_BE_LATE: bool = false;

    #[inline]
    fn piece(&mut self, at: EventTime, watermark: EventTime) -> Option<Piece> {
        // A record from before the watermark is of the stretch that it comes in.
        let when = at.max(watermark);
        if !self.current.covers(when) {
            let start = when.floor(self.every);
            self.current = TimeWindow { start, end: start.saturating_add(self.every) };
        }
        let end = self.current.end;
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

/// Windows that are made of shared slices.
macro_rules! in_slices {
    ($($window:ty)*) => {$(
        impl<T: Record> InPieces<T> for $window {
            fn pieces(&self) -> WindowPieces {
                WindowPieces::slices(WindowAssigner::<T>::slices(self))
            }
        }
    )*};
}

in_slices! { Tumbling Sliding Cumulating }

impl<T: Record> InPieces<T> for Session {
    fn pieces(&self) -> WindowPieces {
        WindowPieces { cut: Cut::Sessions(*self), current: None }
    }
}
