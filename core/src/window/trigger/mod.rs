//! Triggers: when a window gives a result.
//!
//! A trigger sees each record of a key's window, the instants for which it asked, and the moment at which the watermark reaches the
//! window's end, and says each time what is to be done. Its state, one value a key and window, is in the store beside the window's contents.

mod count;
mod early;
mod purging;
mod watermark;

pub use count::Count;
pub use early::EarlyFirings;
pub use purging::Purging;
pub use watermark::AtWatermark;

use std::time::Duration;

use super::TimeWindow;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::{EventTime, ProcessingTime};

/// What a trigger says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Continue,
    /// The window gives a result and keeps its contents.
    Fire,
    /// The window forgets its contents and goes on.
    Purge,
    /// The window gives a result and forgets its contents.
    FireAndPurge,
}

/// The state of a trigger that needs none.
pub type NoState = [u8; 0];

/// Says when the windows of an operator fire.
///
/// One trigger serves all keys and windows of a worker; what it knows about one of them is its `State`.
pub trait Trigger<T: Record>: 'static {
    /// What is remembered for each key and window.
    type State: Record + Default;

    /// Whether this is [`AtWatermark`] and nothing else.
    #[doc(hidden)]
    const PLAIN: bool = false;

    /// A record was added to the window.
    fn on_record(
        &mut self,
        record: &Rec<T>,
        at: EventTime,
        pane: &mut TriggerContext<'_, Self::State>,
    ) -> Verdict;

    /// The watermark has reached an instant for which the trigger had asked with [`TriggerContext::wake_at`].
    fn on_event_time(
        &mut self,
        at: EventTime,
        pane: &mut TriggerContext<'_, Self::State>,
    ) -> Verdict {
        let _ = (at, pane);
        Verdict::Fire
    }

    /// The clock has reached an instant for which the trigger had asked with [`TriggerContext::wake_at_processing_time`].
    fn on_processing_time(
        &mut self,
        now: ProcessingTime,
        pane: &mut TriggerContext<'_, Self::State>,
    ) -> Verdict {
        let _ = (now, pane);
        Verdict::Fire
    }

    /// The watermark has reached the window's end.
    fn on_end(&mut self, pane: &mut TriggerContext<'_, Self::State>) -> Verdict {
        let _ = pane;
        Verdict::Fire
    }

    /// A later window has become part of this one; `later` is its state. An instant for which either has asked is kept, the earlier one.
    fn on_merge(&mut self, later: Self::State, pane: &mut TriggerContext<'_, Self::State>) {
        let _ = (later, pane);
    }

    /// Whether [`Self::on_merge`] knows what to do; without it the trigger is refused for windows that merge.
    fn can_merge(&self) -> bool {
        false
    }

    /// Whether the trigger may fire before the watermark has reached the window's end; if not it is refused for a window without one.
    fn fires_early(&self) -> bool {
        true
    }

    /// Whether [`Self::on_end`] may fire.
    fn fires_at_end(&self) -> bool {
        true
    }

    /// The settings, as plans show them.
    fn describe(&self) -> String;

    /// What is wrong with the settings.
    ///
    /// # Errors
    ///
    /// A sentence for whoever wrote the job.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// What a trigger may know and change of a key's window.
#[derive(Debug)]
pub struct TriggerContext<'a, S> {
    /// What the trigger remembers of the window.
    pub state: &'a mut S,
    pub(crate) window: TimeWindow,
    pub(crate) watermark: EventTime,
    pub(crate) now: ProcessingTime,
    pub(crate) has_ended: bool,
    pub(crate) wake: &'a mut EventTime,
    pub(crate) wake_clock: &'a mut EventTime,
}

impl<S> TriggerContext<'_, S> {
    /// The window; of a session as it is now.
    pub fn window(&self) -> TimeWindow {
        self.window
    }

    /// The operator's watermark.
    pub fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// Whether the watermark has reached the window's end.
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The instant for which the trigger has asked.
    pub fn wake(&self) -> Option<EventTime> {
        (*self.wake != EventTime::MAX).then_some(*self.wake)
    }

    /// Asks to be called when the watermark reaches `at`, instead of what was asked before. An instant that it has reached already is the next one.
    pub fn wake_at(&mut self, at: EventTime) {
        *self.wake = at.max(self.watermark.saturating_add(Duration::from_nanos(1)));
    }

    /// Forgets what was asked.
    pub fn cancel_wake(&mut self) {
        *self.wake = EventTime::MAX;
    }

    /// The clock, as it was last decided.
    pub fn processing_time(&self) -> ProcessingTime {
        self.now
    }

    /// The instant of processing time for which the trigger has asked.
    pub fn processing_time_wake(&self) -> Option<ProcessingTime> {
        let at = ProcessingTime::from_nanos(self.wake_clock.as_nanos());
        (at != ProcessingTime::MAX).then_some(at)
    }

    /// Asks to be called when the clock reaches `at`, instead of what was asked before. Does not outlive the window.
    pub fn wake_at_processing_time(&mut self, at: ProcessingTime) {
        let at = at.max(self.now.saturating_add(Duration::from_nanos(1)));
        *self.wake_clock = EventTime::from_nanos(at.as_nanos());
    }

    /// Forgets what was asked of the clock.
    pub fn cancel_processing_time_wake(&mut self) {
        *self.wake_clock = EventTime::MAX;
    }
}
