//! Asking somebody outside about each record: `async_map(...).unordered().capacity(50).timeout(2.secs()).or_fail("ask")`.
//!
//! A client of tokio runs on its runtime; what its task gives is a future like any other:
//!
//! ```
//! use thalweg::prelude::*;
//!
//! # mod tokio { pub mod runtime { #[derive(Clone)] pub struct Handle; impl Handle {
//! #   pub fn spawn<F: Future + 'static>(&self, task: F) -> impl Future<Output = std::result::Result<F::Output, std::fmt::Error>> + use<F> { async { Ok(task.await) } } } } }
//! # async fn price_of(article: u64) -> std::result::Result<u64, std::fmt::Error> { Ok(article * 100) }
//! fn job(t: &mut Topology, runtime: tokio::runtime::Handle) -> Result<()> {
//!     t.source("articles", Items::of([1_u64, 2, 3]))
//!         .without_event_time()
//!         .async_map(move |article: &Rec<u64>| {
//!             let task = runtime.spawn(price_of(article.to_native()));
//!             async move { Ok(task.await??) }
//!         })
//!         .or_fail("prices")
//!         .sink("priced", Blackhole);
//!     Ok(())
//! }
//! # Engine::builder().build().run("prices", |t| job(t, tokio::runtime::Handle))?;
//! # Ok::<(), JobError>(())
//! ```

use std::time::Duration;

use super::policies::{Guarded, with_dead_letters};
use super::stream::Stream;
use super::topology::Build;
use crate::error::OperatorFault;
use crate::exchange::Pattern;
use crate::exchange::partition::Forward;
use crate::operator::asking::{Ask, InFlight, Order, Replies, Slots, Terms, Wakes};
use crate::operator::chain::Chain;
use crate::operator::policy::{Guard, ONCE, Then};
use crate::operator::retry_later::Delays;
use crate::operator::task::{OnePort, OperatorTask, PolledTask};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::state::TimedRecords;

/// A stream at whose end somebody outside is asked about each record; made by [`Stream::async_map`].
///
/// Asked about are as many records at a time as its [capacity](Self::capacity) says; while there are that many nothing more is read. Results leave
/// in the order of their records, unless that is [given up](Self::unordered); event time waits for what is asked about, so no result is late for
/// it.
///
/// # Exactly once
///
/// A record is part of a checkpoint until its result has left, and is asked about again when the job goes on from there: whoever is asked may be asked more
/// than once, and every record has one result. Replies are decisions of the worker: a recorded run is replayed without asking anybody.
#[must_use = "say what becomes of a record without a reply: or_fail(), or_skip() or or_dead_letter()"]
pub struct AsyncMap<C: Chain, F> {
    stream: Stream<C::Out, C>,
    call: F,
    keeps_order: bool,
    capacity: usize,
    terms: Terms,
}

impl<C: Chain, F> std::fmt::Debug for AsyncMap<C, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AsyncMap").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl<T: Record, C: Chain<Out = T>> Stream<T, C> {
    /// One result for each record, that somebody outside is asked for.
    ///
    /// `call` looks at the record, takes from it what it needs, and returns a future; which kind does not matter: it is polled on the worker whenever it was
    /// woken, so it must not block, and its work is done elsewhere, as by a task of an executor, or by a thread that keeps a
    /// [`promise`](crate::operator::promise()).
    ///
    /// Cost: of a record beside what is asked, its copy in the store, and one allocation or none.
    pub fn async_map<U, F, P>(self, call: F) -> AsyncMap<C, F>
    where
        U: Record,
        F: FnMut(&Rec<T>) -> P + 'static,
        P: Future<Output = Result<U, OperatorFault>> + 'static,
    {
        let terms = Terms { timeout: Duration::from_secs(60), attempts: ONCE, delays: None };
        AsyncMap { stream: self, call, keeps_order: true, capacity: 100, terms }
    }
}

impl<T, U, C, F, P> AsyncMap<C, F>
where
    T: Record,
    U: Record,
    C: Chain<Out = T>,
    F: FnMut(&Rec<T>) -> P + 'static,
    P: Future<Output = Result<U, OperatorFault>> + 'static,
{
    /// Results leave as they come, though none before a watermark that its record came behind, nor after one that it came before.
    pub fn unordered(mut self) -> Self {
        self.keeps_order = false;
        self
    }

    /// How many records are asked about at a time, on each worker. Default 100.
    pub fn capacity(mut self, records: usize) -> Self {
        self.capacity = records;
        self
    }

    /// How long a reply may take, by the clock; each attempt has that long. Default one minute.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.terms.timeout = timeout;
        self
    }

    /// Asks up to `attempts` times before an error, or a timeout, counts; one right after the other unless it says [`Self::after`]. Default 1.
    pub fn retry(mut self, attempts: u32) -> Self {
        self.terms.attempts = attempts;
        self
    }

    /// Waits so long between two attempts.
    pub fn after(mut self, delay: Duration) -> Self {
        self.terms.delays = Some(Delays { first: delay, most: delay });
        self
    }

    /// Each wait is twice the one before, up to this long.
    pub fn doubling_up_to(mut self, most: Duration) -> Self {
        let first = self.terms.delays.map_or(most, |delays| delays.first);
        self.terms.delays = Some(Delays { first, most });
        self
    }

    /// A record without a reply ends the job.
    pub fn or_fail(self, name: &str) -> Stream<U> {
        self.asking(name, "fail", |_| Then::Fail)
    }

    /// A record without a reply is left out, and counted as skipped.
    pub fn or_skip(self, name: &str) -> Stream<U> {
        self.asking(name, "skip", |_| Then::Skip)
    }

    /// A record without a reply leaves by a stream of its own, with the error and its event time, in the order of results.
    pub fn or_dead_letter(self, name: &str) -> Guarded<U> {
        with_dead_letters(name, |then| self.asking(name, "dead letter", then))
    }

    fn describe(&self, policy: &str) -> String {
        let Self { keeps_order, capacity, terms, .. } = self;
        let pause = terms.delays.map(Delays::describe).unwrap_or_default();
        let then = Then::describe(terms.attempts, &pause, policy);
        let order = if *keeps_order { "ordered" } else { "unordered" };
        format!("{order}, up to {capacity} at a time, {:?} each; {then}", terms.timeout)
    }

    fn refusals(&self) -> Option<&'static str> {
        let Terms { timeout, attempts, delays } = self.terms;
        match () {
            () if self.capacity == 0 => Some("at least one record is asked about at a time"),
            () if self.capacity > MOST_AT_A_TIME => {
                Some("at most a million records are asked about at a time")
            }
            () if timeout.is_zero() => Some("a reply may take longer than no time"),
            () if attempts == 0 => Some("there is at least one attempt"),
            () if attempts == 1 && delays.is_some() => Some(
                "there is nothing to wait for before the only attempt; say retry(2) or more, or leave after() out",
            ),
            () => delays.and_then(Delays::flaw),
        }
    }

    fn asking(
        self,
        name: &str,
        policy: &str,
        then: impl FnOnce((&mut Build, usize)) -> Then,
    ) -> Stream<U> {
        let (detail, refusal) = (self.describe(policy), self.refusals());
        let Self { stream, call, keeps_order, capacity, terms } = self;
        let Stream { build, port, chain } = stream;
        let port = {
            let mut build = build.borrow_mut();
            if let Some(message) = refusal {
                build.refuse_setting(name, message);
            }
            let node = build.node(name, "async_map", detail, Then::outputs(policy));
            let inbox = build.inbox(&port, chain, Forward, Pattern::Forward, (node, 0));
            build.holds_records(node);
            let (out, port) = build.output(node, 0);
            let guard = Guard::new(ONCE, then((&mut build, node)));
            let records = build.state::<u64, TimedRecords<T>>(name, "asked");
            let (worker, workers) = (build.worker(), build.config().workers);
            let capacity = u32::try_from(capacity.min(MOST_AT_A_TIME)).expect("a million");
            let slots = Slots::new(capacity, Wakes::new(capacity, build.ringer()));
            let replies = Replies::new(build.is_recorded());
            let operator = Ask::new(
                (call, terms, guard),
                InFlight::new(records, (worker, workers)),
                (slots, Order::new(keeps_order), replies),
                out,
            );
            let task = OperatorTask::new(name.into(), operator, OnePort(inbox));
            build.task(PolledTask::new(task, worker));
            port
        };
        Stream::new(build, port)
    }
}

/// More than any client has under way.
const MOST_AT_A_TIME: usize = 1_000_000;
