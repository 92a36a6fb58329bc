//! The slow engine: what a job gives, computed on plain lists by sorting, grouping and folding.
//!
//! It knows one thing about the real one: a split's watermark is made after every 64 of its records, from the greatest event time
//! so far (see `thalweg::time::WatermarkStrategy`). With it, which records are late is exact for input of one split.
//!
//! # Not here
//!
//! No pages, batches, workers or keys' hashes: nothing that must not show in results.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg::prelude::*;

use crate::records::{Event, Pair, Summary, Totals};

/// Results, and the records that came too late for theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Results.
    pub on_time: Vec<Summary>,
    /// Late records, in the order of the split.
    pub late: Vec<Event>,
}

/// Records between two watermarks.
const STRIDE: usize = 64;

/// The watermark that each record of a split meets.
pub fn watermarks(split: &[Event], bound: Duration) -> Vec<EventTime> {
    let met = |index: usize| {
        let seen = &split[..index / STRIDE * STRIDE];
        let greatest = seen.iter().map(|event| event.at).max();
        greatest.map_or(EventTime::MIN, |greatest| greatest - bound)
    };
    (0..split.len()).map(met).collect()
}

/// Start and end of the window that covers `at`.
pub fn window(at: EventTime, width: Duration) -> (EventTime, EventTime) {
    let width = i64::try_from(width.as_nanos()).expect("a test's window is short");
    let start = at.as_nanos().div_euclid(width) * width;
    (EventTime::from_nanos(start), EventTime::from_nanos(start + width))
}

/// Tumbling windows over one split.
pub fn tumbling(split: &[Event], bound: Duration, width: Duration) -> Outcome {
    let mut windows: BTreeMap<(EventTime, EventTime, Str), Totals> = BTreeMap::new();
    let mut late = Vec::new();
    for (event, watermark) in split.iter().zip(watermarks(split, bound)) {
        let (start, end) = window(event.at, width);
        if end <= watermark {
            late.push(event.clone());
        } else {
            windows.entry((start, end, event.name.clone())).or_default().add(event.id, event.value);
        }
    }
    let summary = |((start, end, name), totals)| Summary { start, end, name, totals };
    Outcome { on_time: windows.into_iter().map(summary).collect(), late }
}

/// Sessions over one split.
///
/// A session closes when the watermark is past its last record by more than the gap. A record joins what is open within the gap
/// before and after it; it is late if nothing is and a session of its own would be closed already.
pub fn sessions(split: &[Event], bound: Duration, gap: Duration) -> Outcome {
    let mut open: BTreeMap<Str, Vec<Summary>> = BTreeMap::new();
    let (mut on_time, mut late) = (Vec::new(), Vec::new());
    for (event, watermark) in split.iter().zip(watermarks(split, bound)) {
        let of_key = open.entry(event.name.clone()).or_default();
        on_time.extend(of_key.extract_if(.., |session| session.end + gap < watermark));
        let is_near = |session: &mut Summary| {
            session.start <= event.at + gap && event.at <= session.end + gap
        };
        let mut near: Vec<Summary> = of_key.extract_if(.., is_near).collect();
        near.sort_by_key(|session| session.start);
        let mut near = near.into_iter();
        let mut session = match near.next() {
            Some(session) => session,
            None if event.at + gap < watermark => {
                late.push(event.clone());
                continue;
            }
            None => Summary {
                start: event.at,
                end: event.at,
                name: event.name.clone(),
                totals: Totals::default(),
            },
        };
        session.start = session.start.min(event.at);
        session.end = session.end.max(event.at);
        for later in near {
            session.end = session.end.max(later.end);
            session.totals.merge(&later.totals);
        }
        session.totals.add(event.id, event.value);
        of_key.push(session);
    }
    on_time.extend(open.into_values().flatten());
    on_time.sort();
    Outcome { on_time, late }
}

/// Tumbling windows over all records of all splits, none of them late.
pub fn tumbling_of_all<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    width: Duration,
) -> Vec<Summary> {
    let events: Vec<Event> = events.into_iter().cloned().collect();
    tumbling(&events, NEVER_LATE, width).on_time
}

/// Sessions over all records of all splits, none of them late: per key, sorted by time, cut at every gap.
pub fn sessions_of_all<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    gap: Duration,
) -> Vec<Summary> {
    let mut keys: BTreeMap<&Str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        keys.entry(&event.name).or_default().push(event);
    }
    let mut sessions: Vec<Summary> = Vec::new();
    for (name, mut events) in keys {
        events.sort();
        let mut last: Option<Summary> = None;
        for event in events {
            let (at, name) = (event.at, name.clone());
            if last.as_ref().is_none_or(|session| session.end + gap < at) {
                let totals = Totals::default();
                sessions.extend(last.replace(Summary { start: at, end: at, name, totals }));
            }
            let session = last.as_mut().expect("one was just opened");
            session.end = at;
            session.totals.add(event.id, event.value);
        }
        sessions.extend(last);
    }
    sessions.sort();
    sessions
}

/// All pairs of records with equal name in one window.
pub fn join<'a>(
    left: impl IntoIterator<Item = &'a Event>,
    right: impl IntoIterator<Item = &'a Event, IntoIter: Clone>,
    width: Duration,
) -> Vec<Pair> {
    let right = right.into_iter();
    let mut pairs = Vec::new();
    for left in left {
        for right in right.clone() {
            if left.name == right.name && window(left.at, width) == window(right.at, width) {
                pairs.push(Pair { left: left.id, right: right.id });
            }
        }
    }
    pairs.sort();
    pairs
}

/// Folds the records of each key, in order, and keeps what `apply` returns.
pub fn fold<'a, K: Ord, V: Default, U: Ord>(
    events: impl IntoIterator<Item = &'a Event>,
    key: impl Fn(&Event) -> K,
    mut apply: impl FnMut(&mut V, &Event) -> Option<U>,
) -> Vec<U> {
    let mut keys: BTreeMap<K, V> = BTreeMap::new();
    let mut out: Vec<U> = events
        .into_iter()
        .filter_map(|event| apply(keys.entry(key(event)).or_default(), event))
        .collect();
    out.sort();
    out
}

/// A bound of disorder that makes nothing late.
pub const NEVER_LATE: Duration = Duration::from_secs(200 * 365 * 86_400);

/// The values in order, so that two lists can be compared as multisets.
pub fn sorted<T: Ord>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort();
    values
}

/// Results without what depends on the order in which records of several splits came.
pub fn unordered(results: &[Summary]) -> Vec<Summary> {
    sorted(
        results
            .iter()
            .map(|result| Summary { totals: result.totals.unordered(), ..result.clone() }),
    )
}
