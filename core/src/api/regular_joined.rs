//! Two keyed streams whose records meet however far apart they are.

use std::rc::Rc;
use std::time::Duration;

use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use super::topology::{Build, Port};
use crate::error::BuildError;
use crate::exchange::inbox::Inbox;
use crate::exchange::partition::ByKey;
use crate::exchange::{KeySelector, Pattern};
use crate::operator::Change;
use crate::operator::chain::Chain;
use crate::operator::join::many_to_one::ManyToOne;
use crate::operator::join::regular::{Kept, RegularJoin};
use crate::operator::join::regular_outer::RegularLeftJoin;
use crate::operator::task::{OperatorTask, TwoPorts};
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
        self.joined("regular join", problem, |build, Parts { name, node, selectors, inboxes }| {
            let (out, port) = build.output(node, 0);
            let kept = (
                kept::<SA::Key, _>(build, &name, "left", ttl),
                kept::<SA::Key, _>(build, &name, "right", ttl),
            );
            let operator = RegularJoin::new(selectors, kept, pair, out);
            build.task(OperatorTask::new(name.as_str().into(), operator, inboxes));
            port
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
        self.joined("many-to-one join", problem, |build, parts| {
            let Parts { name, node, selectors, inboxes } = parts;
            let (out, port) = build.output(node, 0);
            let right = build.state::<SA::Key, TimedRecords<_>>(&name, "right");
            let waiting = build.state::<SA::Key, TimedLists<_>>(&name, "waiting");
            let operator = ManyToOne::new(selectors, (right, waiting), pair, out);
            build.task(OperatorTask::new(name.as_str().into(), operator, inboxes));
            port
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
        self.joined("regular left outer join", problem, |build, parts| {
            let Parts { name, node, selectors, inboxes } = parts;
            let (out, port) = build.output(node, 0);
            let left = build.state::<SA::Key, TimedLists<_>>(&name, "left");
            let right = build.state::<SA::Key, TimedLists<_>>(&name, "right");
            let operator = RegularLeftJoin::new(selectors, (left, right), pair, out);
            build.task(OperatorTask::new(name.as_str().into(), operator, inboxes));
            port
        })
    }

    /// Builds the node; `operator` makes its task and its output.
    fn joined<U: Record>(
        self,
        kind: &'static str,
        problem: Option<&str>,
        operator: impl FnOnce(&mut Build, Parts<A, B, SA, SB>) -> Port<U>,
    ) -> Stream<U> {
        let Self { left, right, name, ttl } = self;
        let KeyedStream { stream: left, selector: select_left } = left;
        let KeyedStream { stream: right, selector: select_right } = right;
        let is_foreign = !Rc::ptr_eq(&left.build, &right.build);
        let Stream { build, port, chain } = left;
        let port = {
            let mut build = build.borrow_mut();
            if is_foreign {
                build.refuse(BuildError::ForeignStream { operator: name.clone() });
            }
            if let Some(message) = problem {
                let (name, message) = (name.clone(), message.to_owned());
                build.refuse(BuildError::Setting { name, message });
            }
            let workers = build.config().workers;
            let detail = ttl.map_or(String::new(), |ttl| format!("for {ttl:?}"));
            let node = build.node(&name, kind, detail, &[""]);
            let route = ByKey { selector: Rc::clone(&select_left), workers };
            let left: Inbox<A> = build.inbox(&port, chain, route, Pattern::Exchange, (node, 0));
            let route = ByKey { selector: Rc::clone(&select_right), workers };
            let right = build.inbox(&right.port, right.chain, route, Pattern::Exchange, (node, 1));
            let (selectors, inboxes) = ((select_left, select_right), TwoPorts(left, right));
            operator(&mut build, Parts { name, node, selectors, inboxes })
        };
        Stream::new(build, port)
    }
}

/// All that there is of a join before its operator is.
struct Parts<A: Record, B: Record, SA, SB> {
    name: String,
    node: usize,
    selectors: (Rc<SA>, Rc<SB>),
    inboxes: TwoPorts<A, B>,
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
