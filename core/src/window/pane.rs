//! One key's window: its contents, what its trigger remembers, and how often it has fired.
//!
//! Here is what all windows have in common that are not made of shared slices: what happens to a pane when a record comes, and when the
//! watermark reaches an instant for which it waits. Where panes are kept is the business of [`super::separate`] and [`super::session`].
//!
//! # Invariants
//!
//! 1. A pane fires only if it has contents.
//! 2. One firing is on time, when the watermark reaches the window's end; those before it are early, those after it late. A session that
//!    a late record makes longer has an end anew.
//! 3. A pane is forgotten when the watermark reaches the window's end and the allowed lateness.

use std::marker::PhantomData;

use super::TimeWindow;
use super::lateness::Lateness;
use super::result::{Fired, PaneInfo, Timing};
use super::trigger::{Trigger, TriggerContext, Verdict};
use crate::checkpoint::Freezing;
use crate::operator::output::Output;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::time::{EventTime, ProcessingTime};

/// What is kept for a key's window.
#[thalweg::record]
pub(crate) struct Pane<V: Record, S: Record> {
    /// The contents, `None` after a purge.
    pub(crate) value: Option<V>,
    /// What the trigger remembers.
    pub(crate) trigger: S,
    /// For when the trigger has asked; the end of time if for nothing.
    pub(crate) wake: EventTime,
    /// The same by the clock, in its nanoseconds.
    pub(crate) wake_clock: EventTime,
    /// Whether the watermark has reached the window's end.
    pub(crate) has_ended: bool,
    /// Firings so far.
    pub(crate) firings: u32,
}

/// Whose pane it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) hash: KeyHash,
    pub(crate) key: &'a [u8],
    pub(crate) window: TimeWindow,
    /// The name under which the contents keep lists: the window, or the one with which a session began.
    pub(crate) home: TimeWindow,
}

/// What follows when a key whose timer has come was looked at.
pub(crate) enum After {
    /// The timer was not the one that is set for it.
    Passed,
    /// It waits for this instant; and its timer by the clock is to be set for that one.
    Wait(EventTime, Option<EventTime>),
    /// Nothing of it is left.
    Close,
}

/// What windows hold and what becomes of it.
pub(crate) trait Body: 'static {
    /// What a pane holds.
    type Value: Record;
    /// What goes out.
    type Out: Record;
    /// Adds what a later window held, which has become part of this one.
    fn merge(
        &mut self,
        into: &mut Option<Self::Value>,
        site: &Site<'_>,
        from: Self::Value,
        home: TimeWindow,
    );
    /// Emits what a firing gives; without `keep` nobody needs the value any more.
    fn fire(
        &mut self,
        value: &mut Option<Self::Value>,
        fired: &Fired<'_>,
        site: &Site<'_>,
        keep: bool,
        out: &mut Output<Self::Out>,
    );
    /// The pane's contents are forgotten.
    fn purge(&mut self, site: &Site<'_>) {
        let _ = site;
    }
    /// Shows all tables that it has.
    fn freeze(&mut self, into: &mut Freezing<'_>) {
        let _ = into;
    }
    /// All windows that end at or before `end` have closed for good.
    fn forget_through(&mut self, end: EventTime) {
        let _ = end;
    }
}

/// Contents to which records of type `T` can be added.
pub(crate) trait Add<T: Record>: Body {
    /// Adds a record.
    fn add(
        &mut self,
        value: &mut Option<Self::Value>,
        site: &Site<'_>,
        record: &Rec<T>,
        at: EventTime,
    );
}

/// The pane of a body and a trigger.
pub(crate) type PaneOf<T, G, B> = Pane<<B as Body>::Value, <G as Trigger<T>>::State>;

/// Trigger, contents and output: what panes are worked on with.
pub(crate) struct Firing<T: Record, G, B: Body> {
    pub(crate) trigger: G,
    pub(crate) body: B,
    pub(crate) lateness: Lateness,
    pub(crate) watermark: EventTime,
    pub(crate) now: ProcessingTime,
    pub(crate) out: Output<B::Out>,
    marker: PhantomData<fn(T)>,
}

impl<T: Record, G: Trigger<T>, B: Body> Firing<T, G, B> {
    pub(crate) fn new(trigger: G, body: B, lateness: Lateness, out: Output<B::Out>) -> Self {
        let (watermark, now) = (EventTime::MIN, ProcessingTime::MIN);
        Self { trigger, body, lateness, watermark, now, out, marker: PhantomData }
    }

    /// A pane for `window`, empty.
    pub(crate) fn open(&self, window: TimeWindow) -> PaneOf<T, G, B> {
        Pane {
            value: None,
            trigger: G::State::default(),
            wake: EventTime::MAX,
            wake_clock: EventTime::MAX,
            has_ended: window.end <= self.watermark,
            firings: 0,
        }
    }

    /// Adds a record to a pane.
    #[inline]
    pub(crate) fn record(
        &mut self,
        pane: &mut PaneOf<T, G, B>,
        site: &Site<'_>,
        record: &Rec<T>,
        at: EventTime,
    ) where
        B: Add<T>,
    {
        self.body.add(&mut pane.value, site, record, at);
        self.tell(pane, site, record, at);
    }

    /// Tells the trigger of a record that was added, and does what it says.
    #[inline]
    pub(crate) fn tell<R: Record>(
        &mut self,
        pane: &mut PaneOf<T, G, B>,
        site: &Site<'_>,
        record: &Rec<R>,
        at: EventTime,
    ) where
        G: Trigger<R, State = <G as Trigger<T>>::State>,
    {
        let verdict = self.asked(pane, site, |trigger, pane| {
            <G as Trigger<R>>::on_record(trigger, record, at, pane)
        });
        self.obey(verdict, pane, site, at, true);
    }

    /// Adds what a later window held, which has become part of this one.
    pub(crate) fn merge(
        &mut self,
        pane: &mut PaneOf<T, G, B>,
        site: &Site<'_>,
        later: PaneOf<T, G, B>,
        home: TimeWindow,
    ) {
        if let Some(value) = later.value {
            self.body.merge(&mut pane.value, site, value, home);
        }
        pane.wake = pane.wake.min(later.wake);
        pane.wake_clock = pane.wake_clock.min(later.wake_clock);
        pane.firings = pane.firings.max(later.firings);
        self.asked(pane, site, |trigger, pane| {
            trigger.on_merge(later.trigger, pane);
            Verdict::Continue
        });
    }

    /// The next instant for which the pane waits.
    #[inline]
    pub(crate) fn next(&self, pane: &PaneOf<T, G, B>, window: TimeWindow) -> EventTime {
        let end = if pane.has_ended { self.lateness.close_of(window) } else { window.end };
        pane.wake.min(end)
    }

    /// The instant for which the timer of a pane that waits for `next` has to be set, if it is not set, for `armed`, early enough; it is noted.
    #[inline]
    pub(crate) fn arm(&self, armed: &mut Option<EventTime>, next: EventTime) -> Option<EventTime> {
        let is_sooner = armed.is_none_or(|armed| next < armed);
        // What would only be looked at when all is over need not be, unless it gives a result then.
        if !is_sooner || next == EventTime::MAX && !self.trigger.fires_at_end() {
            return None;
        }
        *armed = Some(next);
        *armed
    }

    /// Does what is due, up to the watermark; the next instant for which the pane waits, or `None` if the window is to be forgotten.
    pub(crate) fn due(&mut self, pane: &mut PaneOf<T, G, B>, site: &Site<'_>) -> Option<EventTime> {
        loop {
            let next = self.next(pane, site.window);
            if next > self.watermark {
                return Some(next);
            }
            if pane.wake == next && next != EventTime::MAX {
                pane.wake = EventTime::MAX;
                let verdict =
                    self.asked(pane, site, |trigger, pane| trigger.on_event_time(next, pane));
                self.obey(verdict, pane, site, next, true);
            } else if !pane.has_ended {
                let verdict = self.asked(pane, site, |trigger, pane| trigger.on_end(pane));
                let timing = Timing::OnTime;
                let keep = !self.lateness.is_closed(site.window, self.watermark);
                self.carry_out(verdict, pane, site, (timing, next), keep);
                pane.has_ended = true;
            } else {
                return None;
            }
        }
    }

    /// Does what is due by the clock; the next instant for which the pane waits.
    pub(crate) fn due_by_clock(
        &mut self,
        pane: &mut PaneOf<T, G, B>,
        site: &Site<'_>,
    ) -> Option<EventTime> {
        if pane.wake_clock.as_nanos() <= self.now.as_nanos() {
            pane.wake_clock = EventTime::MAX;
            let now = self.now;
            let verdict =
                self.asked(pane, site, |trigger, pane| trigger.on_processing_time(now, pane));
            self.obey(verdict, pane, site, self.watermark, true);
        }
        (pane.wake_clock != EventTime::MAX).then_some(pane.wake_clock)
    }

    /// As [`Self::arm`], for the clock.
    #[inline]
    pub(crate) fn arm_by_clock(
        &self,
        armed: &mut Option<EventTime>,
        next: EventTime,
    ) -> Option<EventTime> {
        if next == EventTime::MAX || armed.is_some_and(|armed| armed <= next) {
            return None;
        }
        *armed = Some(next);
        *armed
    }

    /// Forgets what a window holds.
    pub(crate) fn close(&mut self, site: &Site<'_>) {
        self.body.purge(site);
    }

    /// Everything that was due at the watermark has been done.
    pub(crate) fn settle(&mut self) {
        self.body.forget_through(self.lateness.before(self.watermark));
    }

    /// Asks the trigger.
    #[inline]
    fn asked(
        &mut self,
        pane: &mut PaneOf<T, G, B>,
        site: &Site<'_>,
        ask: impl FnOnce(&mut G, &mut TriggerContext<'_, G::State>) -> Verdict,
    ) -> Verdict {
        let mut context = TriggerContext {
            state: &mut pane.trigger,
            window: site.window,
            watermark: self.watermark,
            now: self.now,
            has_ended: pane.has_ended,
            wake: &mut pane.wake,
            wake_clock: &mut pane.wake_clock,
        };
        ask(&mut self.trigger, &mut context)
    }

    /// Does what the trigger has said, before or after the window's end.
    #[inline]
    pub(crate) fn obey(
        &mut self,
        verdict: Verdict,
        pane: &mut PaneOf<T, G, B>,
        site: &Site<'_>,
        at: EventTime,
        keep: bool,
    ) {
        if verdict != Verdict::Continue {
            let timing = if pane.has_ended { Timing::Late } else { Timing::Early };
            self.carry_out(verdict, pane, site, (timing, at), keep);
        }
    }

    fn carry_out(
        &mut self,
        verdict: Verdict,
        pane: &mut PaneOf<T, G, B>,
        site: &Site<'_>,
        (timing, at): (Timing, EventTime),
        keep: bool,
    ) {
        let fires = matches!(verdict, Verdict::Fire | Verdict::FireAndPurge);
        let purges = matches!(verdict, Verdict::Purge | Verdict::FireAndPurge)
            || fires && !self.lateness.accumulating;
        if fires && pane.value.is_some() {
            // A window without an end has no last instant; its results have the time of what made it fire.
            let last = site.window.last_instant();
            let at = if site.window.end == EventTime::MAX { at.min(last) } else { last };
            let fired = Fired {
                hash: site.hash,
                key: site.key,
                window: site.window,
                pane: PaneInfo { timing, number: pane.firings },
                watermark: self.watermark,
                at,
            };
            self.body.fire(&mut pane.value, &fired, site, keep && !purges, &mut self.out);
            pane.firings = pane.firings.saturating_add(1);
        }
        if purges {
            pane.value = None;
            self.body.purge(site);
        }
    }
}
