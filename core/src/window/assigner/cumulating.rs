//! Cumulating windows: from the beginning of a span to each step within it.

use std::time::Duration;

use super::{TimeWindow, WindowAssigner, check_span, nanos, offset_text};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;
use crate::window::slices::Slices;

/// Windows that begin together with every `width` and end one step after the other: the day so far, every hour.
///
/// As Flink's `CUMULATE`. A record is added once, to the slice of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cumulating {
    width: Duration,
    step: Duration,
    offset: Duration,
}

impl Cumulating {
    /// Windows of `step`, two steps, and so on up to `width`, which is a multiple of the step.
    pub const fn of(width: Duration, step: Duration) -> Self {
        Self { width, step, offset: Duration::ZERO }
    }

    /// The same windows, each `offset` later; see [`super::Tumbling::offset`].
    #[must_use]
    pub const fn offset(mut self, offset: Duration) -> Self {
        self.offset = offset;
        self
    }

    fn geometry(self) -> Slices {
        let step = nanos(self.step).max(1);
        Slices::cumulating(step, (nanos(self.width) / step).max(1), nanos(self.offset))
    }
}

impl<T: Record> WindowAssigner<T> for Cumulating {
    const KIND: &'static str = "cumulating window";
    const OVERLAP: bool = true;
    const SLICED: bool = true;

    fn assign(&mut self, _: &Rec<T>, at: EventTime, windows: &mut Vec<TimeWindow>) {
        let slices = self.geometry();
        windows.extend(slices.windows_of(slices.index(at)).map(|last| slices.window(last)));
    }

    fn describe(&self) -> String {
        format!("{:?} in steps of {:?}{}", self.width, self.step, offset_text(self.offset))
    }

    fn check(&self) -> Result<(), String> {
        check_span("a window", self.width)?;
        check_span("a window's step", self.step)?;
        match self.width.as_nanos() % self.step.as_nanos() {
            0 => Ok(()),
            _ => Err(format!(
                "{:?} is not a multiple of its step of {:?}; cumulating windows end with a whole step",
                self.width, self.step
            )),
        }
    }

    fn slices(&self) -> Option<Slices> {
        Some(self.geometry())
    }
}
