//! Keyed operators that give results with every record: reduce, aggregate, deduplicate, top-n.

use std::rc::Rc;
use std::time::Duration;

use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use super::topology::Build;
use crate::exchange::inbox::Inbox;
use crate::exchange::partition::ByKey;
use crate::exchange::{KeySelector, Pattern};
use crate::operator::aggregate::{Aggregator, Of};
use crate::operator::chain::Chain;
use crate::operator::deduplicate::Deduplicate;
use crate::operator::running::{Reduce, Running, RunningAggregate};
use crate::operator::task::{OnePort, OperatorTask};
use crate::operator::top_n::{Ranking, TopN};
use crate::operator::top_places::{MOST_PLACES, TopPlaces};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::state::{SlicePanes, SlotTable, ValueTable};

/// What [`KeyedStream::deduplicate`] gives: first records, and those that came too late to tell.
#[derive(Debug)]
#[must_use = "unique and late records both go somewhere: a sink, or drop_counted()"]
pub struct Deduplicated<T: Record> {
    /// Records that repeat none before them.
    pub unique: Stream<T>,
    /// Records that came when those they might repeat were forgotten.
    pub late: Stream<T>,
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> KeyedStream<T, C, S> {
    /// Makes one record of two: what the earlier ones of the key have come to, and the one that has come. The result leaves each time, with the
    /// event time of the latter; the first record of a key leaves as it is.
    ///
    /// Cost: as [`Self::filter_map_with_state`].
    pub fn reduce<F>(self, name: &str, reduce: F) -> Stream<T>
    where
        F: FnMut(T, &Rec<T>) -> T + 'static,
    {
        let selector = Rc::clone(&self.selector);
        let node = (name, "reduce", String::new());
        let (stream, ()) = self.keyed_task(node, &[""], |build, inbox, node| {
            let (out, port) = build.output(node, 0);
            let state = build.state::<S::Key, ValueTable<_>>(name, "accumulators");
            let operator = Reduce::new(selector, state, reduce, out);
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            (port, ())
        });
        stream
    }

    /// Aggregates all records of each key and sends, with each of them, what they come to so far.
    ///
    /// ```
    /// # use thalweg::prelude::*;
    /// # #[record]
    /// # struct Bid { auction: u32, price: u64 }
    /// # fn job(t: &mut Topology) -> Result<()> {
    /// # let bids = t.source("bids", Items::of(Vec::<Bid>::new())).without_event_time();
    /// bids.key_by_value(|bid| bid.auction())
    ///     .aggregate("prices", |of| (of.count(), of.max(|bid| bid.price()), of.mean(|bid| bid.price())))
    ///     .map(|running| (running.key(), running.value()))
    ///     .sink("prices so far", Blackhole);
    /// # Ok(())
    /// # }
    /// # Engine::builder().build().plan(job).unwrap();
    /// ```
    ///
    /// Cost: one accumulator a key, kept while the job runs; see the aggregates in [`Of`] for theirs.
    pub fn aggregate<A: Aggregator<T>>(
        self,
        name: &str,
        aggregator: impl FnOnce(Of<T>) -> A,
    ) -> Stream<Running<S::Key, A::Result>> {
        let selector = Rc::clone(&self.selector);
        let aggregator = aggregator(Of::new());
        let node = (name, "aggregate", format!("into {}", <A::Result as Record>::NAME));
        let (stream, ()) = self.keyed_task(node, &[""], |build, inbox, node| {
            let (out, port) = build.output(node, 0);
            let state = build.state::<S::Key, ValueTable<_>>(name, "accumulators");
            let operator = RunningAggregate::new(selector, state, aggregator, out);
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            (port, ())
        });
        stream
    }

    /// Drops records that repeat one of the same key whose event time is less than `time_to_live` away, before or after; the one that
    /// came first passes.
    ///
    /// A key is forgotten when event time has passed its last record by twice that time at most, whether the key comes again or not. In a stream
    /// without event time keys are never forgotten.
    ///
    /// Cost: the key and a time for each key and `time_to_live`; up to three lookups a record, two of them ahead.
    pub fn deduplicate(self, name: &str, time_to_live: Duration) -> Deduplicated<T> {
        let selector = Rc::clone(&self.selector);
        if time_to_live.is_zero() {
            self.refuse(name, "keys are remembered for longer than zero");
        }
        let time_to_live = time_to_live.max(Duration::from_nanos(1));
        let node = (name, "deduplicate", format!("for {time_to_live:?}"));
        let (unique, late) = self.keyed_task(node, &["unique", "late"], |build, inbox, node| {
            let (unique, unique_port) = build.output(node, 0);
            let (late, late_port) = build.output(node, 1);
            let panes = build.state::<S::Key, SlicePanes<_>>(name, "passed");
            let operator = Deduplicate::new(selector, panes, time_to_live, unique, late);
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            (unique_port, late_port)
        });
        let late = Stream::new(Rc::clone(&unique.build), late);
        Deduplicated { unique, late }
    }

    /// Keeps for each key the `n` records that `rank` ranks highest, and sends them all, best first, when a record enters; of equal
    /// ranks the earlier is better. What cannot be compared, as a NaN, never enters.
    ///
    /// Cost: the ranking is read and written with each record of its key; for a small `n`.
    pub fn top_n<R, F>(self, name: &str, n: usize, rank: F) -> Stream<Ranking<S::Key, T>>
    where
        T: Clone,
        R: Record + PartialOrd,
        F: FnMut(&Rec<T>) -> R + 'static,
    {
        let selector = Rc::clone(&self.selector);
        if n == 0 {
            self.refuse(name, "a ranking has at least one place");
        }
        let node = (name, "top n", format!("{n} by {}", R::NAME));
        let (stream, ()) = self.keyed_task(node, &[""], |build, inbox, node| {
            let (out, port) = build.output(node, 0);
            let state = build.state::<S::Key, ValueTable<_>>(name, "rankings");
            let operator = TopN::new(selector, state, n.max(1), rank, out);
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            (port, ())
        });
        stream
    }

    /// As [`Self::top_n`], a record at a time: whenever a record comes to a place, `(record, place)` is sent, with places from 1. Each such row replaces the
    /// one before of its key and place.
    ///
    /// Cost: a record that is not among the best costs a look at the ranks; one that is, a copy of it and of each that it moves.
    pub fn top_n_places<R, F>(self, name: &str, n: usize, rank: F) -> Stream<(T, u32)>
    where
        R: Record + PartialOrd,
        F: FnMut(&Rec<T>) -> R + 'static,
    {
        let selector = Rc::clone(&self.selector);
        if n == 0 {
            self.refuse(name, "a ranking has at least one place");
        }
        if n > MOST_PLACES {
            self.refuse(name, "a ranking has at most 256 places");
        }
        let node = (name, "top n places", format!("{n} by {}", R::NAME));
        let (stream, ()) = self.keyed_task(node, &[""], |build, inbox, node| {
            let (out, port) = build.output(node, 0);
            let ranks = build.state::<S::Key, ValueTable<_>>(name, "ranks");
            let records = build.state::<S::Key, SlotTable<_>>(name, "records");
            let n = n.clamp(1, MOST_PLACES);
            let operator = TopPlaces::new(selector, (ranks, records), n, rank, out);
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            (port, ())
        });
        stream
    }

    fn refuse(&self, name: &str, message: &str) {
        self.stream.build.borrow_mut().refuse_setting(name, message);
    }

    /// A node with an inbox that gets the records by key; `make` makes its outputs and its task.
    pub(super) fn keyed_task<U: Record, R>(
        self,
        (name, kind, detail): (&str, &'static str, String),
        outputs: &[&'static str],
        make: impl FnOnce(&mut Build, Inbox<T>, usize) -> (super::topology::Port<U>, R),
    ) -> (Stream<U>, R) {
        let Self { stream: Stream { build, port, chain }, selector } = self;
        let (port, rest) = {
            let mut build = build.borrow_mut();
            let node = build.node(name, kind, detail, outputs);
            let route = ByKey { selector, workers: build.config().workers };
            let inbox = build.inbox(&port, chain, route, Pattern::Exchange, (node, 0));
            make(&mut build, inbox, node)
        };
        (Stream::new(build, port), rest)
    }
}
