//! Where panes are kept whose windows merge: the open sessions of a key, in one entry of the table.
//!
//! Mostly a key has one session, which is held in place; a list is needed for more. A record extends a session, joins some, or opens one.
//!
//! # Invariants
//!
//! 1. Open sessions of a key do not overlap and are ordered by start.
//! 2. The timer of a key with open sessions is set for, or before, the first instant for which one of them waits.
//! 3. When sessions become one, the earliest takes in the others, in order, before the record that joined them.

use super::TimeWindow;
use super::operator::Panes;
use super::pane::{After, Body, Firing, Pane, PaneOf, Site};
use super::timers::{Timer, Timers};
use super::trigger::Trigger;
use crate::checkpoint::Freezing;
use crate::operator::Progress;
use crate::record::{KeyHash, Record};
use crate::state::{Hint, Prefetch, ValueTable};
use crate::time::EventTime;

/// A session that may still grow.
#[thalweg::record]
pub(crate) struct Open<V: Record, S: Record> {
    pub(crate) start: EventTime,
    pub(crate) end: EventTime,
    /// The window with which it began, under which its contents keep lists.
    pub(crate) home_start: EventTime,
    pub(crate) home_end: EventTime,
    pub(crate) pane: Pane<V, S>,
}

impl<V: Record, S: Record> Open<V, S> {
    fn new(window: TimeWindow, pane: Pane<V, S>) -> Self {
        let TimeWindow { start, end } = window;
        Self { start, end, home_start: start, home_end: end, pane }
    }

    fn window(&self) -> TimeWindow {
        TimeWindow { start: self.start, end: self.end }
    }

    fn home(&self) -> TimeWindow {
        TimeWindow { start: self.home_start, end: self.home_end }
    }

    fn site<'a>(&self, hash: KeyHash, key: &'a [u8]) -> Site<'a> {
        Site { hash, key, window: self.window(), home: self.home() }
    }
}

/// The open sessions of a key, and for when its timers are set, that of event time and that of the clock.
#[thalweg::record]
pub(crate) struct OpenSessions<V: Record, S: Record> {
    pub(crate) armed: Option<EventTime>,
    pub(crate) armed_clock: Option<EventTime>,
    pub(crate) first: Option<Open<V, S>>,
    pub(crate) more: Vec<Open<V, S>>,
}

impl<V: Record, S: Record> OpenSessions<V, S> {
    const fn none() -> Self {
        Self { armed: None, armed_clock: None, first: None, more: Vec::new() }
    }

    fn at(&mut self, index: usize) -> &mut Open<V, S> {
        let open = match index {
            0 => self.first.as_mut(),
            index => self.more.get_mut(index - 1),
        };
        open.expect("invariant: a session has this place")
    }

    fn iter(&self) -> impl Iterator<Item = &Open<V, S>> {
        self.first.iter().chain(&self.more)
    }

    /// The places of the sessions that overlap `window`, or where it would be one of its own.
    fn near(&self, window: TimeWindow) -> std::ops::Range<usize> {
        let before = self.iter().take_while(|open| open.end <= window.start).count();
        let near = self.iter().skip(before).take_while(|open| open.start < window.end).count();
        before..before + near
    }

    fn insert(&mut self, index: usize, open: Open<V, S>) {
        match (index, self.first.take()) {
            (0, None) => self.first = Some(open),
            (0, Some(first)) => {
                self.first = Some(open);
                self.more.insert(0, first);
            }
            (index, first) => {
                self.first = first;
                self.more.insert(index - 1, open);
            }
        }
    }

    /// Lets go of the sessions for which `keep` is false.
    fn retain(
        first: &mut Option<Open<V, S>>,
        more: &mut Vec<Open<V, S>>,
        mut keep: impl FnMut(&mut Open<V, S>) -> bool,
    ) {
        if first.as_mut().is_some_and(|open| !keep(open)) {
            *first = None;
        }
        more.retain_mut(keep);
        if first.is_none() && !more.is_empty() {
            *first = Some(more.remove(0));
        }
    }
}

/// See the module.
pub(crate) struct Merging<V: Record, S: Record> {
    table: ValueTable<OpenSessions<V, S>>,
    timers: Timers,
    clock: Timers,
    /// The key of a timer that has come.
    due: Vec<u8>,
}

impl<V: Record, S: Record> Merging<V, S> {
    pub(crate) fn new(
        table: ValueTable<OpenSessions<V, S>>,
        timers: Timers,
        clock: Timers,
    ) -> Self {
        Self { table, timers, clock, due: Vec::new() }
    }
}

impl<V: Record, S: Record> Prefetch for Merging<V, S> {
    type Key = KeyHash;

    #[inline(always)]
    fn bucket(&self, hash: KeyHash) {
        self.table.bucket(hash);
    }

    #[inline(always)]
    fn entry(&self, hash: KeyHash) -> Hint {
        self.table.entry(hash)
    }

    #[inline(always)]
    fn again(&self, hash: KeyHash) -> Hint {
        self.table.again(hash)
    }
}

/// The open sessions of a body and a trigger.
type SessionsOf<T, G, B> = OpenSessions<<B as Body>::Value, <G as Trigger<T>>::State>;

/// The place of the session to which a record belongs whose window this is, made one of those near it; `None` if the record is late.
fn join<T: Record, G: Trigger<T>, B: Body>(
    firing: &mut Firing<T, G, B>,
    open: &mut SessionsOf<T, G, B>,
    (hash, key): (KeyHash, &[u8]),
    window: TimeWindow,
) -> Option<usize> {
    let near = open.near(window);
    let place = near.start;
    if near.is_empty() {
        if firing.lateness.is_closed(window, firing.watermark) {
            return None;
        }
        open.insert(place, Open::new(window, firing.open(window)));
        return Some(place);
    }
    let hull = open.iter().skip(place).take(near.len()).map(Open::window);
    let hull = hull.fold(window, TimeWindow::hull);
    let target = open.at(place);
    if target.window() != hull {
        (target.start, target.end) = (hull.start, hull.end);
        target.pane.has_ended = hull.end <= firing.watermark;
    }
    for _ in 1..near.len() {
        let later = open.more.remove(place);
        let home = later.home();
        let target = open.at(place);
        let site = target.site(hash, key);
        firing.merge(&mut target.pane, &site, later.pane, home);
    }
    Some(place)
}

impl<T, G, B> Panes<T, G, B> for Merging<B::Value, G::State>
where
    T: Record,
    G: Trigger<T>,
    B: Body,
{
    fn arrive(
        &mut self,
        firing: &mut Firing<T, G, B>,
        (hash, hint, key): (KeyHash, Hint, &[u8]),
        window: TimeWindow,
        take: impl FnOnce(&mut Firing<T, G, B>, &mut PaneOf<T, G, B>, &Site<'_>),
    ) -> bool {
        let mut is_empty = false;
        let (is_late, due, clock) = self.table.update_with(
            ((hash, hint), key),
            firing,
            |_| OpenSessions::none(),
            |firing, open| {
                let Some(place) = join(firing, open, (hash, key), window) else {
                    is_empty = open.first.is_none();
                    return (true, None, None);
                };
                let target = open.at(place);
                let site = target.site(hash, key);
                take(firing, &mut target.pane, &site);
                let next = firing.next(&target.pane, site.window);
                let wake_clock = target.pane.wake_clock;
                let clock = firing.arm_by_clock(&mut open.armed_clock, wake_clock);
                (false, firing.arm(&mut open.armed, next), clock)
            },
        );
        if is_empty {
            self.table.remove(hash, key);
        }
        if let Some(at) = due {
            self.timers.set(at, hash, key);
        }
        if let Some(at) = clock {
            self.clock.set(at, hash, key);
        }
        !is_late
    }

    fn fire(&mut self, firing: &mut Firing<T, G, B>, limit: &mut usize) -> Progress {
        loop {
            let Timer { at, hash } =
                match self.timers.pop_due(firing.watermark, limit, &mut self.due) {
                    Ok(timer) => timer,
                    Err(is_done) => return Progress::from(is_done),
                };
            let key = self.due.as_slice();
            let after = self.table.change(hash, key, |open: &mut SessionsOf<T, G, B>| {
                if open.armed != Some(at) {
                    return After::Passed;
                }
                open.armed = None;
                let (armed, mut clock) = (&mut open.armed, EventTime::MAX);
                OpenSessions::retain(&mut open.first, &mut open.more, |session| {
                    let site = session.site(hash, key);
                    let next = firing.due(&mut session.pane, &site);
                    *limit = limit.saturating_sub(1);
                    match next {
                        Some(at) => *armed = Some(armed.map_or(at, |armed| armed.min(at))),
                        None => firing.close(&site),
                    }
                    clock = clock.min(session.pane.wake_clock);
                    next.is_some()
                });
                let clock = firing.arm_by_clock(&mut open.armed_clock, clock);
                open.armed.map_or(After::Close, |at| After::Wait(at, clock))
            });
            match after {
                Some(After::Wait(at, clock)) => {
                    self.timers.set(at, hash, key);
                    if let Some(at) = clock {
                        self.clock.set(at, hash, key);
                    }
                }
                Some(After::Close) => drop(self.table.remove(hash, key)),
                Some(After::Passed) | None => {}
            }
        }
    }

    fn fire_by_clock(&mut self, firing: &mut Firing<T, G, B>, limit: &mut usize) {
        let now = EventTime::from_nanos(firing.now.as_nanos());
        while let Ok(Timer { at, hash }) = self.clock.pop_due(now, limit, &mut self.due) {
            let key = self.due.as_slice();
            let changed = self.table.change(hash, key, |open: &mut SessionsOf<T, G, B>| {
                if open.armed_clock != Some(at) {
                    return (None, None);
                }
                open.armed_clock = None;
                let mut due = None;
                for session in open.first.iter_mut().chain(&mut open.more) {
                    let site = session.site(hash, key);
                    let next = firing.due_by_clock(&mut session.pane, &site);
                    firing.arm_by_clock(&mut open.armed_clock, next.unwrap_or(EventTime::MAX));
                    let next = firing.next(&session.pane, site.window);
                    due = firing.arm(&mut open.armed, next).or(due);
                }
                (open.armed_clock, due)
            });
            let Some((clock, due)) = changed else { continue };
            if let Some(at) = clock {
                self.clock.set(at, hash, key);
            }
            if let Some(at) = due {
                self.timers.set(at, hash, key);
            }
        }
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.table);
        self.timers.freeze(into);
        self.clock.freeze(into);
    }

    fn timers(&self) -> (Option<EventTime>, Option<EventTime>) {
        (self.timers.next(), self.clock.next())
    }
}
