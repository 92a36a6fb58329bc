//! Pieces of windows: what records of a key may become one accumulator before they travel to the worker that owns the key; see [`crate::operator::two_phase`].

use std::time::Duration;

use super::assigner::{Cumulating, Session, Sliding, TimeWindow, Tumbling, WindowAssigner};
use super::slices::Slices;
use crate::operator::two_phase::{Piece, Pieces};
use crate::record::Record;
use crate::time::EventTime;

/// The shortest time there is.
const INSTANT: Duration = Duration::from_nanos(1);

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
