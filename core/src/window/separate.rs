//! Where panes are kept whose windows never become one: one entry a key and window, in one table.

use super::TimeWindow;
use super::operator::Panes;
use super::pane::{After, Body, Firing, Pane, PaneOf, Site};
use super::timers::{Timer, Timers};
use super::trigger::Trigger;
use crate::checkpoint::Freezing;
use crate::operator::Progress;
use crate::record::{KeyHash, KeyScratch, Record};
use crate::state::{Hint, Prefetch, ValueTable};
use crate::time::EventTime;

/// A pane, and for when its timers are set, that of event time and that of the clock.
#[thalweg::record]
pub(crate) struct Held<V: Record, S: Record> {
    pub(crate) armed: Option<EventTime>,
    pub(crate) armed_clock: Option<EventTime>,
    pub(crate) pane: Pane<V, S>,
}

/// See the module.
pub(crate) struct Separate<V: Record, S: Record> {
    table: ValueTable<Held<V, S>>,
    timers: Timers,
    clock: Timers,
    address: KeyScratch,
    /// The key of a timer that has come.
    due: Vec<u8>,
    /// The window of the last record, which is mostly that of the next: where to look ahead.
    last: TimeWindow,
}

impl<V: Record, S: Record> Separate<V, S> {
    pub(crate) fn new(table: ValueTable<Held<V, S>>, timers: Timers, clock: Timers) -> Self {
        let (address, due) = (KeyScratch::default(), Vec::new());
        Self { table, timers, clock, address, due, last: TimeWindow::ALL }
    }
}

/// Bytes of a window in an address.
const WINDOW_BYTES: usize = 16;

/// The name of a key's window: its ends, then the key.
pub(crate) fn address<'a>(scratch: &'a mut KeyScratch, window: TimeWindow, key: &[u8]) -> &'a [u8] {
    scratch.clear();
    scratch.push(&window.start.as_nanos().to_le_bytes());
    scratch.push(&window.end.as_nanos().to_le_bytes());
    scratch.push(key);
    scratch.as_bytes()
}

/// The window and the key of an address.
fn parts(address: &[u8]) -> (TimeWindow, &[u8]) {
    let time = |at: usize| {
        let bytes =
            address[at..at + 8].try_into().expect("invariant: an address begins with two times");
        EventTime::from_nanos(i64::from_le_bytes(bytes))
    };
    (TimeWindow { start: time(0), end: time(8) }, &address[WINDOW_BYTES..])
}

/// Bits of a hash that select its key group.
const GROUP_BITS: u64 = 0xfff << 52;

/// The hash of a key's window, in the key's group.
#[inline]
pub(crate) fn address_hash(hash: KeyHash, window: TimeWindow) -> KeyHash {
    let ends = window.start.as_nanos().cast_unsigned()
        ^ window.end.as_nanos().cast_unsigned().rotate_left(32);
    let mixed = hash.0 ^ KeyHash::of_int(ends).0;
    KeyHash(hash.0 & GROUP_BITS | mixed & !GROUP_BITS)
}

/// The hash of the key whose window has this hash: what [`address_hash`] mixed in is its own inverse.
fn key_hash(address: KeyHash, window: TimeWindow) -> KeyHash {
    address_hash(address, window)
}

impl<V: Record, S: Record> Prefetch for Separate<V, S> {
    type Key = KeyHash;

    #[inline(always)]
    fn bucket(&self, hash: KeyHash) {
        self.table.bucket(address_hash(hash, self.last));
    }

    #[inline(always)]
    fn entry(&self, hash: KeyHash) -> Hint {
        self.table.entry(address_hash(hash, self.last))
    }

    #[inline(always)]
    fn again(&self, hash: KeyHash) -> Hint {
        self.table.again(address_hash(hash, self.last))
    }
}

impl<T, G, B> Panes<T, G, B> for Separate<B::Value, G::State>
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
        if firing.lateness.is_closed(window, firing.watermark) {
            return false;
        }
        self.last = window;
        let site = Site { hash, key, window, home: window };
        let name = address(&mut self.address, window, key);
        let name_hash = address_hash(hash, window);
        let (due, clock) = self.table.update_with(
            ((name_hash, hint), name),
            firing,
            |firing| Held { armed: None, armed_clock: None, pane: firing.open(window) },
            |firing, held| {
                take(firing, &mut held.pane, &site);
                let next = firing.next(&held.pane, window);
                (
                    firing.arm(&mut held.armed, next),
                    firing.arm_by_clock(&mut held.armed_clock, held.pane.wake_clock),
                )
            },
        );
        if let Some(at) = due {
            self.timers.set(at, name_hash, name);
        }
        if let Some(at) = clock {
            self.clock.set(at, name_hash, name);
        }
        true
    }

    fn fire(&mut self, firing: &mut Firing<T, G, B>, limit: &mut usize) -> Progress {
        loop {
            let Timer { at, hash } =
                match self.timers.pop_due(firing.watermark, limit, &mut self.due) {
                    Ok(timer) => timer,
                    Err(is_done) => return Progress::from(is_done),
                };
            let (window, key) = parts(&self.due);
            let site = Site { hash: key_hash(hash, window), key, window, home: window };
            let after = self.table.change(hash, &self.due, |held| {
                if held.armed != Some(at) {
                    return After::Passed;
                }
                held.armed = firing.due(&mut held.pane, &site);
                let clock = firing.arm_by_clock(&mut held.armed_clock, held.pane.wake_clock);
                held.armed.map_or(After::Close, |at| After::Wait(at, clock))
            });
            match after {
                Some(After::Wait(at, clock)) => {
                    self.timers.set(at, hash, &self.due);
                    if let Some(at) = clock {
                        self.clock.set(at, hash, &self.due);
                    }
                }
                Some(After::Close) => {
                    firing.close(&site);
                    self.table.remove(hash, &self.due);
                }
                Some(After::Passed) | None => {}
            }
        }
    }

    fn fire_by_clock(&mut self, firing: &mut Firing<T, G, B>, limit: &mut usize) {
        let now = EventTime::from_nanos(firing.now.as_nanos());
        while let Ok(Timer { at, hash }) = self.clock.pop_due(now, limit, &mut self.due) {
            let (window, key) = parts(&self.due);
            let site = Site { hash: key_hash(hash, window), key, window, home: window };
            let changed = self.table.change(hash, &self.due, |held| {
                if held.armed_clock != Some(at) {
                    return (None, None);
                }
                held.armed_clock = firing.due_by_clock(&mut held.pane, &site);
                let next = firing.next(&held.pane, window);
                (held.armed_clock, firing.arm(&mut held.armed, next))
            });
            let Some((clock, due)) = changed else { continue };
            if let Some(at) = clock {
                self.clock.set(at, hash, &self.due);
            }
            if let Some(at) = due {
                self.timers.set(at, hash, &self.due);
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
