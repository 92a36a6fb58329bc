//! Sliding windows: of one width, one begins with every slide.

use std::time::Duration;

use super::{TimeWindow, WindowAssigner, check_span, nanos, offset_text};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;
use crate::window::slices::Slices;

/// Windows of one width, one of which begins with every slide; aligned to the Unix epoch.
///
/// An aggregation that can merge keeps one accumulator a key and *slice*: a record is added once however many windows it lies in.
/// With a slide longer than the width there are gaps between windows, and records in them are in no window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sliding {
    width: Duration,
    slide: Duration,
    offset: Duration,
}

impl Sliding {
    /// Windows of `width`, one every `slide`; zero is refused when the job is built. The width need not be a multiple of the slide.
    pub const fn of(width: Duration, slide: Duration) -> Self {
        Self { width, slide, offset: Duration::ZERO }
    }

    /// The same windows, each `offset` later; see [`super::Tumbling::offset`].
    #[must_use]
    pub const fn offset(mut self, offset: Duration) -> Self {
        self.offset = offset;
        self
    }

    fn geometry(self) -> Slices {
        Slices::sliding(nanos(self.width).max(1), nanos(self.slide).max(1), nanos(self.offset))
    }
}

impl<T: Record> WindowAssigner<T> for Sliding {
    const KIND: &'static str = "sliding window";
    const OVERLAP: bool = true;
    const SLICED: bool = true;

    fn assign(&mut self, _: &Rec<T>, at: EventTime, windows: &mut Vec<TimeWindow>) {
        let slices = self.geometry();
        windows.extend(slices.windows_of(slices.index(at)).map(|last| slices.window(last)));
    }

    fn describe(&self) -> String {
        format!("{:?} every {:?}{}", self.width, self.slide, offset_text(self.offset))
    }

    fn check(&self) -> Result<(), String> {
        check_span("a window", self.width)?;
        check_span("a window's slide", self.slide)
    }

    fn slices(&self) -> Option<Slices> {
        Some(self.geometry())
    }
}
