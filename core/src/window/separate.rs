//! Where panes are kept whose windows never become one: one entry a key and window, in one table.

use super::TimeWindow;
use super::operator::Panes;
use super::pane::{After, Body, Firing, Pane, PaneOf, Site};
use super::timers::Timers;
use super::trigger::Trigger;
use crate::operator::Progress;
use crate::record::{KeyHash, KeyScratch, Record};
use crate::state::{Hint, Prefetch, ValueTable};
use crate::time::EventTime;

/// A pane, and for when it is on the agenda.
#[thalweg::record]
pub(crate) struct Held<V: Record, S: Record> {
    pub(crate) armed: Option<EventTime>,
    pub(crate) pane: Pane<V, S>,
}

/// See the module.
pub(crate) struct Separate<V: Record, S: Record> {
    table: ValueTable<Held<V, S>>,
    timers: Timers,
    address: KeyScratch,
    /// The window of the last record, which is mostly that of the next: where to look ahead.
    last: TimeWindow,
}

impl<V: Record, S: Record> Separate<V, S> {
    pub(crate) fn new(table: ValueTable<Held<V, S>>) -> Self {
        let (timers, address) = (Timers::default(), KeyScratch::default());
        Self { table, timers, address, last: TimeWindow::ALL }
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
        let due = self.table.update_with(
            ((name_hash, hint), name),
            firing,
            |firing| Held { armed: None, pane: firing.open(window) },
            |firing, held| {
                take(firing, &mut held.pane, &site);
                let next = firing.next(&held.pane, window);
                firing.arm(&mut held.armed, next)
            },
        );
        if let Some(at) = due {
            self.timers.set(at, name_hash, name);
        }
        true
    }

    fn fire(&mut self, firing: &mut Firing<T, G, B>, limit: &mut usize) -> Progress {
        while *limit > 0 {
            let Some(timer) = self.timers.pop_due(firing.watermark) else { return Progress::Done };
            *limit -= 1;
            let (window, key) = parts(timer.key());
            let site = Site { hash: key_hash(timer.hash, window), key, window, home: window };
            let after = self.table.change(timer.hash, timer.key(), |held| {
                if held.armed != Some(timer.at) {
                    return After::Passed;
                }
                held.armed = firing.due(&mut held.pane, &site);
                held.armed.map_or(After::Close, After::Wait)
            });
            match after {
                Some(After::Wait(at)) => self.timers.set(at, timer.hash, timer.key()),
                Some(After::Close) => {
                    firing.close(&site);
                    self.table.remove(timer.hash, timer.key());
                }
                Some(After::Passed) | None => {}
            }
        }
        Progress::More
    }
}
