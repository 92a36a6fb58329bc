//! Changelog streams: aggregates and over-aggregates that are tables, what they take, and how they become upserts.

use std::rc::Rc;

use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use crate::exchange::KeySelector;
use crate::operator::aggregate::{Aggregator, Of, Retract};
use crate::operator::chain::{Chain, Linked};
use crate::operator::changelog::{Appended, Changed, ChangelogAggregate};
use crate::operator::latest::Latest;
use crate::operator::over::OverAggregate;
use crate::operator::running::Running;
use crate::operator::task::{OnePort, OperatorTask};
use crate::operator::{Change, FilterMap, Over};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::state::ValueTable;

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> KeyedStream<T, C, S> {
    /// As [`Self::aggregate`], as a changelog: what the records of a key came to is taken back before what they come to now is sent. A record that
    /// changes nothing sends nothing.
    ///
    /// ```
    /// # use thalweg::prelude::*;
    /// # #[record]
    /// # struct Bid { auction: u32, category: u32, price: u64 }
    /// # fn job(t: &mut Topology) -> Result<()> {
    /// # let bids = t.source("bids", Items::of(Vec::<Bid>::new())).without_event_time();
    /// // The mean over the auctions of a category of each one's highest price so far.
    /// bids.key_by_value(|bid| (bid.auction(), bid.category()))
    ///     .aggregate_as_changes("highest", |of| of.max(|bid| bid.price()))
    ///     .key_by_value(|change| change.value().key().1)
    ///     .aggregate_changes("mean of highest", |of| of.mean(|change| change.value().value()))
    ///     .upserts(|change| change.value().key())
    ///     .sink("means", Upserts(UpsertCollected::new()));
    /// # Ok(())
    /// # }
    /// # Engine::builder().build().plan(job).unwrap();
    /// ```
    pub fn aggregate_as_changes<A: Aggregator<T, Result: PartialEq>>(
        self,
        name: &str,
        aggregator: impl FnOnce(Of<T>) -> A,
    ) -> Stream<Change<Running<S::Key, A::Result>>> {
        let selector = Rc::clone(&self.selector);
        let aggregator = aggregator(Of::new());
        let node = (name, "aggregate as changes", format!("into {}", <A::Result as Record>::NAME));
        let (stream, ()) = self.keyed_task(node, &[""], |build, inbox, node| {
            let (out, port) = build.output(node, 0);
            let state = build.state::<S::Key, ValueTable<_>>(name, "accumulators");
            let operator =
                ChangelogAggregate::<T, S, A, Appended>::new(selector, state, aggregator, out);
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            (port, ())
        });
        stream
    }

    /// Lets those records pass than which their key has none that is later, by event time; of equal times the one that comes last is the latest.
    ///
    /// Each replaces the one before: as upserts by the same key they are the table of the latest records.
    ///
    /// Cost: the key and a time for each key, kept while the job runs.
    pub fn latest(self, name: &str) -> Stream<T> {
        let selector = Rc::clone(&self.selector);
        let (stream, ()) =
            self.keyed_task((name, "latest", String::new()), &[""], |build, inbox, node| {
                let (out, port) = build.output(node, 0);
                let state = build.state::<S::Key, ValueTable<_>>(name, "latest");
                let operator = Latest::new(selector, state, out);
                build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
                (port, ())
            });
        stream
    }
}

/// A keyed changelog whose rows are looked at with those before them; made by [`KeyedStream::over`].
#[must_use = "an over-aggregate does nothing until aggregate() says of what"]
pub struct OverStream<T: Record, C: Chain<Out = Change<T>>, S: KeySelector<Change<T>>, F> {
    keyed: KeyedStream<Change<T>, C, S>,
    name: String,
    preceding: usize,
    order: F,
}

impl<T: Record, C: Chain<Out = Change<T>>, S: KeySelector<Change<T>>, F> std::fmt::Debug
    for OverStream<T, C, S, F>
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OverStream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T: Record, C: Chain<Out = Change<T>>, S: KeySelector<Change<T>>> KeyedStream<Change<T>, C, S> {
    /// Aggregates the rows of each key as they are now: what comes is added, what is taken back is taken out. The result is a changelog again; the
    /// row of a key without rows is deleted.
    ///
    /// The aggregator reads changes: `|of| of.mean(|change| change.value().price())`.
    ///
    /// Cost: one accumulator a key that has rows.
    pub fn aggregate_changes<A: Retract<Change<T>> + Aggregator<Change<T>, Result: PartialEq>>(
        self,
        name: &str,
        aggregator: impl FnOnce(Of<Change<T>>) -> A,
    ) -> Stream<Change<Running<S::Key, A::Result>>> {
        let selector = Rc::clone(&self.selector);
        let aggregator = aggregator(Of::new());
        let node = (name, "aggregate changes", format!("into {}", <A::Result as Record>::NAME));
        let (stream, ()) = self.keyed_task(node, &[""], |build, inbox, node| {
            let (out, port) = build.output(node, 0);
            let state = build.state::<S::Key, ValueTable<_>>(name, "accumulators");
            let operator = ChangelogAggregate::<Change<T>, S, A, Changed>::new(
                selector, state, aggregator, out,
            );
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            (port, ())
        });
        stream
    }

    /// Looks at each row together with the up to `preceding` rows before it, in the order that `order` reads from a change; rows of equal order
    /// stand as they came.
    ///
    /// SQL's `OVER (PARTITION BY key ORDER BY order ROWS BETWEEN preceding PRECEDING AND CURRENT ROW)`, of rows that may come late, change and go.
    pub fn over<O, F>(self, name: &str, preceding: usize, order: F) -> OverStream<T, C, S, F>
    where
        O: Record + Ord,
        F: FnMut(&Rec<Change<T>>) -> O + 'static,
    {
        OverStream { keyed: self, name: name.to_owned(), preceding, order }
    }
}

impl<T, C, S, F> OverStream<T, C, S, F>
where
    T: Record + Clone + PartialEq,
    C: Chain<Out = Change<T>>,
    S: KeySelector<Change<T>>,
{
    /// What each row and those before it come to, as a changelog.
    ///
    /// Cost: the rows of a key are read and written with each of its changes, and up to `preceding` of them aggregated anew.
    pub fn aggregate<O, A>(
        self,
        aggregator: impl FnOnce(Of<T>) -> A,
    ) -> Stream<Change<Over<T, A::Result>>>
    where
        O: Record + Ord,
        F: FnMut(&Rec<Change<T>>) -> O + 'static,
        A: Aggregator<T, Result: PartialEq>,
    {
        let Self { keyed, name, preceding, order } = self;
        let selector = Rc::clone(&keyed.selector);
        let aggregator = aggregator(Of::new());
        let node = (&*name, "over", format!("{preceding} preceding and current"));
        let (stream, ()) = keyed.keyed_task(node, &[""], |build, inbox, node| {
            let (out, port) = build.output(node, 0);
            let rows = build.state::<S::Key, ValueTable<Vec<(O, T)>>>(&name, "rows");
            let order = (order, preceding);
            let operator = OverAggregate::new(selector, rows, order, aggregator, out);
            build.task(OperatorTask::new(name.as_str().into(), operator, OnePort(inbox)));
            (port, ())
        });
        stream
    }
}

impl<T: Record, C: Chain<Out = Change<T>>> Stream<Change<T>, C> {
    /// The changelog as upserts, for [`crate::sink::Upserts`]: rows are known by what `key` reads from a change, which an update does not change.
    ///
    /// What a row was before an update is left out: what it is afterwards replaces it.
    #[expect(
        clippy::type_complexity,
        reason = "it is the chain with one more link, whose closure has no name"
    )]
    pub fn upserts<K, F>(
        self,
        mut key: F,
    ) -> Stream<
        (K, Option<T>),
        Linked<
            C,
            FilterMap<
                impl FnMut(&Rec<Change<T>>) -> Option<(K, Option<T>)> + use<T, C, K, F>,
                (K, Option<T>),
            >,
        >,
    >
    where
        K: Record,
        F: FnMut(&Rec<Change<T>>) -> K + 'static,
    {
        self.filter_map(move |change| {
            let row = match (change.adds(), change.is_update_before()) {
                (true, _) => Some(change.to_value().value),
                (false, true) => return None,
                (false, false) => None,
            };
            Some((key(change), row))
        })
    }
}
