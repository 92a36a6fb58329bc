//! Timers of the key at hand: named, in event time and in processing time.

use std::marker::PhantomData;

use thalweg_storage::{Popped, TimedTable};

use crate::checkpoint::Freezing;
use crate::record::{KeyHash, KeyScratch};
use crate::state::{Hint, Scope, Stored, Tables};
use crate::time::{EventTime, ProcessingTime};

/// The names of a key's timers; derived for an enum whose variants are the names.
///
/// ```
/// use thalweg::process::Timers;
///
/// #[derive(Clone, Copy, Timers)]
/// enum Alarm {
///     Silent,
///     Overdue,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name timers",
    note = "put `#[derive(Timers)]` on an enum whose variants are the names, or say `type Timer = NoTimers`"
)]
pub trait Timers: Sized + 'static {
    /// The names, in the order of the variants.
    const NAMES: &'static [&'static str];

    /// The place of the name.
    #[doc(hidden)]
    fn number(&self) -> u8;

    /// The name at that place.
    #[doc(hidden)]
    fn from_number(number: u8) -> Self;
}

/// No timers.
#[derive(Debug, Clone, Copy)]
pub enum NoTimers {}

impl Timers for NoTimers {
    const NAMES: &'static [&'static str] = &[];

    fn number(&self) -> u8 {
        match *self {}
    }

    fn from_number(_: u8) -> Self {
        unreachable!("invariant: no timer is set where none has a name")
    }
}

/// A time that a timer can be set to.
pub trait TimerTime: Copy {
    #[doc(hidden)]
    fn to_nanos(self) -> i64;
    #[doc(hidden)]
    fn of_nanos(nanos: i64) -> Self;
}

impl TimerTime for EventTime {
    fn to_nanos(self) -> i64 {
        self.as_nanos()
    }

    fn of_nanos(nanos: i64) -> Self {
        Self::from_nanos(nanos)
    }
}

impl TimerTime for ProcessingTime {
    fn to_nanos(self) -> i64 {
        self.as_nanos()
    }

    fn of_nanos(nanos: i64) -> Self {
        Self::from_nanos(nanos)
    }
}

/// The timers of the key at hand, of one kind of time.
///
/// Cost of each call: a look-up, which is asked for some records ahead; setting a pending timer again is one write in place, whatever the time.
#[derive(Debug)]
pub struct TimerSet<'a, N, A> {
    domain: &'a mut Domain,
    scope: &'a Scope,
    marker: PhantomData<fn(N, A)>,
}

impl<'a, N: Timers, A: TimerTime> TimerSet<'a, N, A> {
    pub(super) fn new(domain: &'a mut Domain, scope: &'a Scope) -> Self {
        Self { domain, scope, marker: PhantomData }
    }

    /// Sets the timer, or sets it anew; returns what it was set to.
    ///
    /// In event time it fires when the watermark is at `at` or past it; if it is already, with the next watermark, or within the firing that is under way. In
    /// processing time when the worker's clock is.
    pub fn set(&mut self, timer: N, at: A) -> Option<A> {
        let (hash, table, key) = self.address(&timer);
        table.set(Hint::default(), hash.0, key, at.to_nanos()).map(A::of_nanos)
    }

    /// Cancels the timer; returns what it was set to.
    pub fn cancel(&mut self, timer: N) -> Option<A> {
        let (hash, table, key) = self.address(&timer);
        table.cancel(hash.0, key).map(A::of_nanos)
    }

    /// What the timer is set to.
    pub fn get(&mut self, timer: N) -> Option<A> {
        let (hash, table, key) = self.address(&timer);
        table.get(hash.0, key).map(|(at, _)| A::of_nanos(at))
    }

    fn address(&mut self, timer: &N) -> (KeyHash, &mut TimedTable, &[u8]) {
        let Domain { table, key } = &mut *self.domain;
        key.clear();
        key.push(self.scope.key().as_bytes());
        key.push(&[timer.number()]);
        (self.scope.hash(), table.as_mut().expect("invariant: timers have names"), key.as_bytes())
    }
}

/// The pending timers of one kind of time: the key, and a byte for the name.
#[derive(Debug)]
pub(crate) struct Domain {
    /// None where timers have no names.
    table: Option<TimedTable>,
    key: KeyScratch,
}

/// A timer that is due, without its key.
pub(super) struct Fired<N> {
    pub(super) timer: N,
    pub(super) at: i64,
}

/// What there was to fire.
pub(super) enum Next<N> {
    Timer(Fired<N>),
    Budget,
    Nothing,
}

impl Domain {
    fn new<N: Timers>(tables: &mut dyn Tables, name: &str) -> Self {
        let table =
            (!N::NAMES.is_empty()).then(|| tables.timed(name, TimedTable::layout()).into_bytes());
        Self { table, key: KeyScratch::new() }
    }

    /// The next timer that is due at `to`; the scope is set to its key.
    pub(super) fn pop<N: Timers>(
        &mut self,
        to: i64,
        budget: &mut usize,
        key: &mut Vec<u8>,
        scope: &Scope,
    ) -> Next<N> {
        let Some(table) = &mut self.table else { return Next::Nothing };
        match table.pop_due(to, budget, key) {
            Popped::Due { hash, at } => {
                let (number, key) = key.split_last().expect("invariant: a timer has a name");
                scope.set_key(KeyHash(hash), key);
                Next::Timer(Fired { timer: N::from_number(*number), at })
            }
            Popped::Budget => Next::Budget,
            Popped::Nothing => Next::Nothing,
        }
    }

    pub(super) fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.table.iter_mut().for_each(|table| into.state(table));
    }

    pub(super) fn next_due(&self) -> Option<i64> {
        self.table.as_ref()?.next_due()
    }

    #[inline(always)]
    pub(super) fn prefetch_bucket(&self, hash: KeyHash) {
        // A table that is empty is not used, most likely.
        if let Some(table) = self.table.as_ref().filter(|table| !table.is_empty()) {
            table.prefetch_bucket(hash.0);
        }
    }

    #[inline(always)]
    pub(super) fn prefetch_entry(&self, hash: KeyHash) {
        if let Some(table) = self.table.as_ref().filter(|table| !table.is_empty()) {
            table.prefetch_entry(hash.0);
        }
    }
}

/// Both kinds.
#[derive(Debug)]
pub(crate) struct TimerTables {
    pub(super) event: Domain,
    pub(super) processing: Domain,
}

impl TimerTables {
    pub(crate) fn new<N: Timers>(tables: &mut dyn Tables) -> Self {
        Self {
            event: Domain::new::<N>(tables, "timers.event"),
            processing: Domain::new::<N>(tables, "timers.processing"),
        }
    }
}
