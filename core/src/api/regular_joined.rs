//! Two keyed streams whose records meet however far apart they are.

use std::rc::Rc;
use std::time::Duration;

use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use super::topology::Build;
use super::two_keyed::{About, Met, meet};
use crate::exchange::KeySelector;
use crate::operator::chain::Chain;
use crate::operator::join::many_to_one::ManyToOne;
use crate::operator::join::regular::{Kept, RegularJoin};
use crate::operator::join::regular_outer::RegularLeftJoin;
use crate::operator::output::Output;
use crate::operator::task::OperatorTask;
use crate::operator::{Change, Input};
use crate::raw::view::Rec;
use crate::record::{Key, Record};
use crate::state::{TimedLists, TimedRecords};

/// Made by [`KeyedStream::regular_join`].
#[must_use = "a join does nothing until apply() says what a pair gives"]
pub struct RegularJoinedStreams<A, CA, SA, B, CB, SB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    left: KeyedStream<A, CA, SA>,
    right: KeyedStream<B, CB, SB>,
    name: String,
    ttl: Option<Duration>,
}

impl<A, CA, SA, B, CB, SB> std::fmt::Debug for RegularJoinedStreams<A, CA, SA, B, CB, SB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegularJoinedStreams").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The longest time to live: the rest of time is needed on both sides of it.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

impl<A, CA, SA, B, CB, SB> RegularJoinedStreams<A, CA, SA, B, CB, SB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    /// Records are forgotten when the watermark is so far past them, and meet only those whose times are less than that away. Without it they
    /// are kept for as long as the job runs.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// One record for each pair, as soon as it is there, at the later of the two times. That may be before the watermark, where both are late.
    ///
    /// Cost: both sides are kept, whole; two look-ups a record, ahead.
    pub fn apply<U, F>(self, mut pair: F) -> Stream<U>
    where
        U: Record,
        F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
    {
        self.filter_apply(move |left, right| Some(pair(left, right)))
    }

    /// As [`Self::apply`], for pairs that meet a condition beside that on the keys: the others give nothing.
    pub fn filter_apply<U, F>(self, pair: F) -> Stream<U>
    where
        U: Record,
        F: FnMut(&Rec<A>, &Rec<B>) -> Option<U> + 'static,
    {
        let ttl = self.ttl.map(|ttl| ttl.clamp(Duration::from_nanos(1), LONGEST));
        let problem = match self.ttl {
            Some(Duration::ZERO) => Some("a join remembers its records for longer than zero"),
            Some(ttl) if ttl > LONGEST => Some(
                "a join remembers its records for 100 years at most; leave out ttl() for longer",
            ),
            _ => None,
        };
        self.joined("regular join", problem, |build, name, selectors, out| {
            let kept = (
                kept::<SA::Key, _>(build, name, "left", ttl),
                kept::<SA::Key, _>(build, name, "right", ttl),
            );
            RegularJoin::new(selectors, kept, pair, out)
        })
    }

    /// As [`Self::filter_apply`], where the right side has each key once, as a table has its primary key: then a left record is kept only until its
    /// partner has come. A second right record of a key ends the job with an error.
    ///
    /// Leave out of the right side what is not needed of a record, but no records: what waits for them would wait for good.
    ///
    /// Cost: the right side is kept, and of the left one what waits; one look-up a record, ahead.
    pub fn many_to_one<U, F>(self, pair: F) -> Stream<U>
    where
        U: Record,
        F: FnMut(&Rec<A>, &Rec<B>) -> Option<U> + 'static,
    {
        let problem = "a many-to-one join keeps its right side for as long as the job runs; leave out ttl(), or use apply()";
        let problem = self.ttl.map(|_| problem);
        self.joined("many-to-one join", problem, |build, name, selectors, out| {
            let right = build.state::<SA::Key, TimedRecords<_>>(name, "right");
            let waiting = build.state::<SA::Key, TimedLists<_>>(name, "waiting");
            ManyToOne::new(selectors, (right, waiting), pair, out)
        })
    }

    /// As [`Self::apply`]; a left record that has no partner yet is shown with `None`, and that row is deleted when the first one comes.
    ///
    /// It has no time to live: what was shown alone would have to be told from what lost its partner.
    pub fn left_outer<U, F>(self, pair: F) -> Stream<Change<U>>
    where
        U: Record,
        F: FnMut(&Rec<A>, Option<&Rec<B>>) -> U + 'static,
    {
        let problem = "a left outer join keeps its records for as long as the job runs; leave out ttl(), or use interval_join()";
        let problem = self.ttl.map(|_| problem);
        self.joined("regular left outer join", problem, |build, name, selectors, out| {
            let left = build.state::<SA::Key, TimedLists<_>>(name, "left");
            let right = build.state::<SA::Key, TimedLists<_>>(name, "right");
            RegularLeftJoin::new(selectors, (left, right), pair, out)
        })
    }

    /// Builds the node and its task, of the operator that `operator` makes.
    fn joined<U: Record, O: Input<A, 0> + Input<B, 1>>(
        self,
        kind: &'static str,
        problem: Option<&str>,
        operator: impl FnOnce(&mut Build, &str, (Rc<SA>, Rc<SB>), Output<U>) -> O,
    ) -> Stream<U> {
        let Self { left, right, name, ttl } = self;
        let (name, problem) = (name.as_str(), problem.map(str::to_owned));
        let detail = ttl.map_or(String::new(), |ttl| format!("for {ttl:?}"));
        let about = About { name, kind, detail, problem, outputs: &[""] };
        let (build, port) = meet((left, right), about, |_, build, met| {
            let Met { node, selectors, inboxes } = met;
            let (out, port) = build.output(node, 0);
            let operator = operator(build, name, selectors, out);
            build.task(OperatorTask::new(name.into(), operator, inboxes));
            port
        });
        Stream::new(build, port)
    }
}

/// Where one side is kept.
fn kept<K: Key, T: Record>(
    build: &mut Build,
    name: &str,
    side: &str,
    ttl: Option<Duration>,
) -> Kept<T> {
    match ttl {
        None => Kept::Forever(build.state::<K, _>(name, side)),
        Some(ttl) => Kept::For(ttl, build.state::<K, _>(name, side)),
    }
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> KeyedStream<T, C, S> {
    /// Meets all records of another stream that have the same key: SQL's join of two tables.
    ///
    /// ```
    /// # use thalweg::prelude::*;
    /// # #[record]
    /// # struct Person { id: u64, name: Str }
    /// # #[record]
    /// # struct Auction { id: u64, seller: u64 }
    /// # fn job(t: &mut Topology) -> Result<()> {
    /// # let people = t.source("people", Items::of(Vec::<Person>::new())).without_event_time();
    /// # let auctions = t.source("auctions", Items::of(Vec::<Auction>::new())).without_event_time();
    /// people
    ///     .key_by_value(|person| person.id())
    ///     .regular_join("sellers", auctions.key_by_value(|auction| auction.seller()))
    ///     .apply(|person, auction| (Str::from(person.name()), auction.id()))
    ///     .sink("who sells what", Blackhole);
    /// # Ok(())
    /// # }
    /// # Engine::builder().build().plan(job).unwrap();
    /// ```
    ///
    /// Where one of two records is never needed long after the other, say so with [`RegularJoinedStreams::ttl`], or use
    /// [`KeyedStream::interval_join`].
    pub fn regular_join<U, D, P>(
        self,
        name: &str,
        other: KeyedStream<U, D, P>,
    ) -> RegularJoinedStreams<T, C, S, U, D, P>
    where
        U: Record,
        D: Chain<Out = U>,
        P: KeySelector<U, Key = S::Key>,
    {
        RegularJoinedStreams { left: self, right: other, name: name.to_owned(), ttl: None }
    }
}
