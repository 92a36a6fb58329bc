//! Windows the slow way: every record in a list of every window that it lies in, every window looked at for every record.
//!
//! As [`crate::oracle`] it knows how a split's watermarks are made, and so which records of an input of one split are late.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg::prelude::*;
use thalweg::window::{PaneInfo, TimeWindow, Timing};

use crate::oracle::watermarks;
use crate::records::Event;

/// Which windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of a width, with an offset.
    Tumbling(Duration, Duration),
    /// Of a width, every slide, with an offset.
    Sliding(Duration, Duration, Duration),
    /// Up to a width, in steps.
    Cumulating(Duration, Duration),
    /// With a gap.
    Session(Duration),
}

/// When windows fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At the watermark.
    AtWatermark,
    /// And after so many records.
    EarlyRecords(u64),
    /// And at multiples of a span.
    EarlySpan(Duration),
    /// After so many records, only.
    Count(u64),
}

/// All settings of windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Which.
    pub kind: Kind,
    /// When.
    pub when: When,
    /// After the window's end.
    pub lateness: Duration,
    /// Whether a firing forgets.
    pub discarding: bool,
}

/// What a firing shows: the records' identities, sorted.
#[record]
#[derive(Eq, PartialOrd, Ord)]
pub struct Shown {
    /// The key.
    pub name: Str,
    /// The window's first instant.
    pub start: EventTime,
    /// The first after it.
    pub end: EventTime,
    /// Which firing.
    pub pane: PaneInfo,
    /// Whose records.
    pub ids: Vec<u64>,
}

/// What is shown, sorted, and the identities of late records, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Firings.
    pub shown: Vec<Shown>,
    /// Late records.
    pub late: Vec<u64>,
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).expect("short")
}

/// The windows that cover `at`.
pub fn windows(kind: Kind, at: EventTime) -> Vec<TimeWindow> {
    let at = at.as_nanos();
    let window = |start, end| TimeWindow {
        start: EventTime::from_nanos(start),
        end: EventTime::from_nanos(end),
    };
    let floor = |offset: i64, width: i64| at - (at - offset).rem_euclid(width);
    match kind {
        Kind::Tumbling(width, offset) => {
            let start = floor(nanos(offset), nanos(width));
            vec![window(start, start + nanos(width))]
        }
        Kind::Sliding(width, slide, offset) => {
            let last = floor(nanos(offset), nanos(slide));
            let starts = (0..).map(|back| last - back * nanos(slide));
            let covers = |start: &i64| start + nanos(width) > at;
            starts.take_while(covers).map(|start| window(start, start + nanos(width))).collect()
        }
        Kind::Cumulating(width, step) => {
            let start = floor(0, nanos(width));
            let ends = (1..=nanos(width) / nanos(step)).map(|steps| start + steps * nanos(step));
            ends.filter(|end| *end > at).map(|end| window(start, end)).collect()
        }
        Kind::Session(gap) => vec![window(at, at + nanos(gap) + 1)],
    }
}

/// A key's window.
#[derive(Debug, Clone)]
struct Pane {
    window: TimeWindow,
    ids: Vec<u64>,
    ended: bool,
    firings: u32,
    counted: u64,
    wake: Option<EventTime>,
}

struct Engine {
    rules: Rules,
    panes: BTreeMap<(Str, TimeWindow), Pane>,
    shown: Vec<Shown>,
}

impl Engine {
    fn fire(&mut self, name: &Str, pane: &mut Pane, timing: Timing) {
        if pane.ids.is_empty() {
            return;
        }
        let TimeWindow { start, end } = pane.window;
        let mut ids = pane.ids.clone();
        ids.sort_unstable();
        let info = PaneInfo { timing, number: pane.firings };
        self.shown.push(Shown { name: name.clone(), start, end, pane: info, ids });
        pane.firings += 1;
        if self.rules.discarding {
            pane.ids.clear();
        }
    }

    fn advance(&mut self, watermark: EventTime) {
        let panes = std::mem::take(&mut self.panes);
        for ((name, home), mut pane) in panes {
            let at_end = pane.window.end;
            if let Some(wake) = pane.wake.filter(|wake| *wake <= watermark) {
                pane.wake = None;
                let timing = if wake > at_end { Timing::Late } else { Timing::Early };
                self.fire(&name, &mut pane, timing);
            }
            if !pane.ended && at_end <= watermark {
                if !matches!(self.rules.when, When::Count(_)) {
                    self.fire(&name, &mut pane, Timing::OnTime);
                }
                pane.ended = true;
            }
            let gone = watermark == EventTime::MAX || at_end + self.rules.lateness <= watermark;
            if !gone {
                self.panes.insert((name, home), pane);
            }
        }
    }

    /// Adds a record to the pane of a window; false if it has closed for good.
    fn add(&mut self, event: &Event, window: TimeWindow, watermark: EventTime) -> bool {
        let mut near: Vec<_> = match self.rules.kind {
            Kind::Session(_) => {
                let overlaps = |pane: &Pane| pane.window.overlaps(window);
                let of_key = self
                    .panes
                    .iter()
                    .filter(|((name, _), pane)| *name == event.name && overlaps(pane));
                of_key.map(|(key, _)| key.clone()).collect()
            }
            _ => {
                let key = (event.name.clone(), window);
                self.panes.contains_key(&key).then_some(key).into_iter().collect()
            }
        };
        near.sort_by_key(|key| self.panes[key].window);
        let closed = window.end + self.rules.lateness <= watermark || watermark == EventTime::MAX;
        if near.is_empty() && closed {
            return false;
        }
        let mut near = near.into_iter();
        let (home, mut pane) = match near.next() {
            Some(key) => (key.1, self.panes.remove(&key).expect("it is there")),
            None => {
                let ended = window.end <= watermark;
                let (ids, counted) = (Vec::new(), 0);
                (window, Pane { window, ids, ended, firings: 0, counted, wake: None })
            }
        };
        let old = pane.window;
        for key in near {
            let later = self.panes.remove(&key).expect("it is there");
            pane.ids.extend(later.ids);
            pane.window.end = pane.window.end.max(later.window.end);
            pane.counted += later.counted;
            pane.firings = pane.firings.max(later.firings);
            pane.wake = [pane.wake, later.wake].into_iter().flatten().min();
        }
        pane.window.start = pane.window.start.min(window.start);
        pane.window.end = pane.window.end.max(window.end);
        if pane.window != old {
            pane.ended = pane.window.end <= watermark;
        }
        pane.ids.push(event.id);
        // What counts towards early firings alone does not count any more.
        if !pane.ended || matches!(self.rules.when, When::Count(_)) {
            pane.counted += 1;
        }
        let timing = if pane.ended { Timing::Late } else { Timing::Early };
        let fires = match self.rules.when {
            When::Count(records) => pane.counted >= records,
            _ if pane.ended => true,
            When::AtWatermark => false,
            When::EarlyRecords(records) => pane.counted >= records,
            When::EarlySpan(span) => {
                if pane.wake.is_none() {
                    let from = watermark.max(pane.window.start).as_nanos();
                    let next = from - from.rem_euclid(nanos(span)) + nanos(span);
                    let next = EventTime::from_nanos(next);
                    pane.wake = (next < pane.window.end).then_some(next);
                }
                false
            }
        };
        if fires {
            if matches!(self.rules.when, When::Count(_)) || !pane.ended {
                pane.counted = 0;
            }
            self.fire(&event.name.clone(), &mut pane, timing);
        }
        self.panes.insert((event.name.clone(), home), pane);
        true
    }
}

/// What windows by name over one split show.
pub fn run(split: &[Event], bound: Duration, rules: Rules) -> Outcome {
    let mut engine = Engine { rules, panes: BTreeMap::new(), shown: Vec::new() };
    let mut late = Vec::new();
    let mut before = EventTime::MIN;
    for (event, watermark) in split.iter().zip(watermarks(split, bound)) {
        if watermark > before {
            engine.advance(watermark);
            before = watermark;
        }
        let windows = windows(rules.kind, event.at);
        let mut taken = windows.is_empty();
        for window in windows {
            taken |= engine.add(event, window, before);
        }
        if !taken {
            late.push(event.id);
        }
    }
    engine.advance(EventTime::MAX);
    let mut shown = engine.shown;
    shown.sort();
    late.sort_unstable();
    Outcome { shown, late }
}
