//! Attempts that are apart in time: `try_map(...).retry(5).after(1.secs()).or_dead_letter("enrich")`.
//!
//! ```
//! use std::cell::Cell;
//! use thalweg::prelude::*;
//!
//! # fn main() -> Result<()> {
//! let (out, numbers) = (Collected::new(), vec![1u64, 2, 3]);
//! let sink = out.clone();
//! Engine::builder().build().run("patient", move |t| {
//!     let (calls, numbers) = (Cell::new(0), numbers.clone());
//!     let Guarded { stream, dead } = t
//!         .source("numbers", Items::of(numbers))
//!         .without_event_time()
//!         .try_map(move |n: &Rec<u64>| {
//!             calls.set(calls.get() + 1);
//!             if calls.get() <= 4 { Err("the service does not answer".into()) } else { Ok(n.to_native() * 10) }
//!         })
//!         .retry(3)
//!         .after(50.millis())
//!         .doubling_up_to(1.secs())
//!         .or_dead_letter("ask");
//!     stream.sink("answers", sink.sink());
//!     dead.drop_counted();
//!     Ok(())
//! })?;
//! assert_eq!(out.take().len(), 3);
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use thalweg_storage::TimedTable;

use super::policies::{Guarded, Job, Tried};
use super::stream::Stream;
use super::topology::Build;
use crate::operator::Fallible;
use crate::operator::chain::Chain;
use crate::operator::output::Output;
use crate::operator::policy::{Guard, ONCE, Then};
use crate::operator::retry_later::{Delays, RetryLater};
use crate::record::Record;
use crate::state::TimedLists;

/// A stream at whose end is an operator that may fail and waits between its attempts; made by [`Tried::after`](Stream::after).
///
/// A record for which the closure fails is parked in the operator's state and tried again when the worker's clock is there, while other records go
/// on: order is not kept. Event time waits for it: what comes of it later is not late because of that. When the input ends, nothing waits: the
/// attempts that are left follow each other at once.
///
/// While nothing succeeds all records are parked, unless there is room only for so many ([`Self::capacity`]).
#[derive(Debug)]
#[must_use = "say what becomes of a record for which all attempts fail: or_fail(), or_skip() or or_dead_letter()"]
pub struct Patient<C: Chain, A: Fallible<C::Out>> {
    tried: Tried<C, A>,
    delays: Delays,
    room: usize,
}

impl<C: Chain, A: Fallible<C::Out>> Tried<C, A> {
    /// Waits so long between two attempts, by the clock; see [`Patient`].
    pub fn after(self, delay: Duration) -> Patient<C, A> {
        Patient { tried: self, delays: Delays { first: delay, most: delay }, room: usize::MAX }
    }
}

impl<C: Chain, A: Fallible<C::Out>> Patient<C, A> {
    /// Each wait is twice the one before, up to this long.
    pub fn doubling_up_to(mut self, most: Duration) -> Self {
        self.delays.most = most;
        self
    }

    /// How many records may wait on each worker. When they do, the operator reads nothing, and so holds back what is before it, until one is done with;
    /// of records that come together the last ones may go beyond it. Without, there is no bound but the memory.
    pub fn capacity(mut self, records: usize) -> Self {
        self.room = records;
        self
    }

    /// As [`Stream::or_fail`], when all attempts have failed.
    pub fn or_fail(self, name: &str) -> Stream<A::Out> {
        let Self { tried, delays, room } = self;
        tried.guarded(
            name,
            ("fail", &delays.describe()),
            |_| Then::Fail,
            |build, job, out| later(build, job, (delays, room), out),
        )
    }

    /// As [`Stream::or_skip`], when all attempts have failed.
    pub fn or_skip(self, name: &str) -> Stream<A::Out> {
        let Self { tried, delays, room } = self;
        tried.guarded(
            name,
            ("skip", &delays.describe()),
            |_| Then::Skip,
            |build, job, out| later(build, job, (delays, room), out),
        )
    }

    /// As [`Stream::or_dead_letter`], when all attempts have failed.
    pub fn or_dead_letter(self, name: &str) -> Guarded<A::Out> {
        let Self { tried, delays, room } = self;
        tried.dead_letters(name, &delays.describe(), |build, job, out| {
            later(build, job, (delays, room), out)
        })
    }
}

/// The operator that waits.
fn later<T: Record, A: Fallible<T>>(
    build: &mut Build,
    job: Job<'_, A>,
    (delays, room): (Delays, usize),
    out: Output<A::Out>,
) -> RetryLater<T, A> {
    let Job { name, fallible, attempts, then } = job;
    let mut refuse = |message: &str| build.refuse_setting(name, message);
    if attempts == 1 {
        refuse(
            "there is nothing to wait for before the only attempt; say retry(2) or more before after()",
        );
    }
    delays.flaw().into_iter().for_each(&mut refuse);
    if room == 0 {
        refuse("there is no room for a record that waits; say capacity(1) or more");
    }
    let records = build.state::<u64, TimedLists<T>>(name, "parked");
    let due = build.state::<u64, TimedTable>(name, "parked.due");
    let place = (build.worker(), build.config().workers);
    RetryLater::new(
        (fallible, attempts, delays),
        Guard::new(ONCE, then),
        (records, due),
        (place, room),
        out,
    )
}
