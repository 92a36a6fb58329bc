//! Session windows: per key, stretches of activity that end after a silence.
//!
//! A key's open sessions are one list in its state, ordered by start; a record extends one, joins two, or opens one. A
//! timer is set when a session is opened and looked at when it is due; if the session has grown meanwhile it is set
//! again, so the records of a session never move it.
//!
//! # Invariants
//!
//! 1. Open sessions of a key are disjoint, further than the gap apart, and ordered by start.
//! 2. Every key with an open session has a timer at or before the closing of its first session to close.
//! 3. A session closes when the watermark is past its last record by more than the gap: no record that is not late can still join it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use super::assigner::Session;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::{Input, Operator, Progress};
use crate::raw::view::Rec;
use crate::record::{Key, KeyHash, KeyScratch, Record};
use crate::state::ValueTable;
use crate::time::EventTime;

/// What a session gives for one key.
#[thalweg::record]
pub struct SessionResult<K: Key, V: Record> {
    /// Event time of the first record.
    pub first: EventTime,
    /// Event time of the last record.
    pub last: EventTime,
    /// The key.
    pub key: K,
    /// The accumulator as it was when the session closed.
    pub value: V,
}

/// A session that may still grow.
#[thalweg::record]
pub struct OpenSession<V: Record> {
    /// Event time of the first record so far.
    pub first: EventTime,
    /// Event time of the last record so far.
    pub last: EventTime,
    /// The accumulator.
    pub value: V,
}

/// When to look at a key; ordered by time, then by key, so that firing order is a function of the input.
type Timer = (EventTime, KeyHash, Box<[u8]>);

/// Made by `SessionStream::aggregate`.
pub(crate) struct SessionAggregate<T: Record, S: KeySelector<T>, V: Record, F, M> {
    gap: Duration,
    selector: Rc<S>,
    sessions: ValueTable<Vec<OpenSession<V>>>,
    timers: BTreeSet<Timer>,
    add: F,
    merge: M,
    on_time: Output<SessionResult<S::Key, V>>,
    late: Output<T>,
    watermark: EventTime,
    key: KeyScratch,
}

/// What became of a record.
enum Added {
    Late {
        key_is_empty: bool,
    },
    /// The key had no session before: it needs a timer.
    First,
    /// Its session closes no earlier than the key's timer.
    Later,
    /// It opened a session before the key's others: the timer may be too late, so one more is set.
    Earlier,
}

impl<T, S, V, F, M> SessionAggregate<T, S, V, F, M>
where
    T: Record,
    S: KeySelector<T>,
    V: Record + Default + Clone,
    F: FnMut(&mut V, &Rec<T>) + 'static,
    M: FnMut(&mut V, V) + 'static,
{
    pub(crate) fn new(
        session: Session,
        selector: Rc<S>,
        sessions: ValueTable<Vec<OpenSession<V>>>,
        add: F,
        merge: M,
        on_time: Output<SessionResult<S::Key, V>>,
        late: Output<T>,
    ) -> Self {
        Self {
            gap: session.longest_silence(),
            selector,
            sessions,
            timers: BTreeSet::new(),
            add,
            merge,
            on_time,
            late,
            watermark: EventTime::MIN,
            key: KeyScratch::default(),
        }
    }

    fn is_closed(gap: Duration, last: EventTime, watermark: EventTime) -> bool {
        watermark == EventTime::MAX || last.saturating_add(gap) < watermark
    }

    /// Closes what is due, up to `limit` sessions.
    fn fire(&mut self, mut limit: usize) -> Progress {
        let Self { gap, sessions, timers, on_time, watermark, .. } = self;
        let due = |timer: &Timer| *watermark == EventTime::MAX || timer.0 < *watermark;
        while timers.first().is_some_and(due) {
            if limit == 0 {
                return Progress::More;
            }
            let (_, hash, key) = timers.pop_first().expect("invariant: a timer is due");
            let mut next = None;
            sessions.update(hash, &key, Vec::new, |open: &mut Vec<OpenSession<V>>| {
                open.retain(|session| {
                    if !Self::is_closed(*gap, session.last, *watermark) {
                        let closes = session.last.saturating_add(*gap);
                        next = Some(next.map_or(closes, |next: EventTime| next.min(closes)));
                        return true;
                    }
                    let result = SessionResult {
                        first: session.first,
                        last: session.last,
                        key: S::Key::from_key_bytes(&key),
                        value: session.value.clone(),
                    };
                    on_time.value(&result, session.last.saturating_add(*gap));
                    limit = limit.saturating_sub(1);
                    false
                });
            });
            match next {
                Some(at) => drop(timers.insert((at, hash, key))),
                None => drop(sessions.remove(hash, &key)),
            }
        }
        Progress::Done
    }
}

/// Adds a record at `at` to the sessions of its key.
fn add_record<V: Record + Default>(
    open: &mut Vec<OpenSession<V>>,
    at: EventTime,
    gap: Duration,
    watermark: EventTime,
    add: impl FnOnce(&mut V),
    mut merge: impl FnMut(&mut V, V),
) -> Added {
    let near = |session: &OpenSession<V>| {
        session.first <= at.saturating_add(gap) && at <= session.last.saturating_add(gap)
    };
    let Some(index) = open.iter().position(near) else {
        if watermark == EventTime::MAX || at.saturating_add(gap) < watermark {
            return Added::Late { key_is_empty: open.is_empty() };
        }
        let mut session = OpenSession { first: at, last: at, value: V::default() };
        add(&mut session.value);
        let place = open.partition_point(|other| other.first < at);
        open.insert(place, session);
        return match (open.len(), place) {
            (1, _) => Added::First,
            (_, 0) => Added::Earlier,
            _ => Added::Later,
        };
    };
    add(&mut open[index].value);
    open[index].first = open[index].first.min(at);
    open[index].last = open[index].last.max(at);
    // The record may have closed the gap to the next session; to the one before it is too far, or that one were `index`.
    if index + 1 < open.len() && open[index + 1].first <= open[index].last.saturating_add(gap) {
        let next = open.remove(index + 1);
        open[index].last = open[index].last.max(next.last);
        merge(&mut open[index].value, next.value);
    }
    Added::Later
}

const FIRST_SLICE: usize = 256;

impl<T, S, V, F, M> Operator for SessionAggregate<T, S, V, F, M>
where
    T: Record,
    S: KeySelector<T>,
    V: Record + Default + Clone,
    F: FnMut(&mut V, &Rec<T>) + 'static,
    M: FnMut(&mut V, V) + 'static,
{
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.watermark = at;
        Ok(self.fire(FIRST_SLICE))
    }

    fn slice(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        Ok(self.fire(limit.max(1)))
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.on_time);
        each(&mut self.late);
    }

    fn late(&self) -> u64 {
        self.late.records()
    }
}

impl<T, S, V, F, M> Input<T, 0> for SessionAggregate<T, S, V, F, M>
where
    T: Record,
    S: KeySelector<T>,
    V: Record + Default + Clone,
    F: FnMut(&mut V, &Rec<T>) + 'static,
    M: FnMut(&mut V, V) + 'static,
{
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { gap, selector, sessions, timers, add, merge, late, watermark, key, .. } = self;
        each_ahead(
            run,
            sessions,
            |_, hash| hash,
            |sessions, hint, (record, at, hash)| {
                let bytes = selector.bytes(record, key);
                let added = sessions.update((hash, hint), bytes, Vec::new, |open| {
                    add_record(open, at, *gap, *watermark, |v| add(v, record), &mut *merge)
                });
                match added {
                    Added::First | Added::Earlier => {
                        timers.insert((at.saturating_add(*gap), hash, bytes.into()));
                    }
                    Added::Later => {}
                    Added::Late { key_is_empty } => {
                        if key_is_empty {
                            sessions.remove(hash, bytes);
                        }
                        late.record(record, at);
                    }
                }
            },
        );
        Ok(())
    }
}
