//! Two keyed streams whose records meet when their times are near.

use super::joined_streams::{Joined, pairing};
use super::keyed_stream::KeyedStream;
use crate::exchange::KeySelector;
use crate::operator::Interval;
use crate::operator::chain::Chain;
use crate::operator::join::interval::IntervalJoin;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::state::TimedListPanes;
use crate::window::join::JoinOutputs;

/// Made by [`KeyedStream::interval_join`].
#[must_use = "a join does nothing until apply() says what a pair gives"]
pub struct IntervalJoinedStreams<A, CA, SA, B, CB, SB>
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
    interval: Interval,
}

impl<A, CA, SA, B, CB, SB> std::fmt::Debug for IntervalJoinedStreams<A, CA, SA, B, CB, SB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IntervalJoinedStreams").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<A, CA, SA, B, CB, SB> IntervalJoinedStreams<A, CA, SA, B, CB, SB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    /// One record for each pair, as soon as it is there, at the later of the two times.
    ///
    /// Cost: each record is kept until the watermark has passed all times that a partner could have.
    pub fn apply<U, F>(self, pair: F) -> Joined<U, A, B>
    where
        U: Record,
        F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
    {
        let Self { left, right, name, interval } = self;
        let about = (interval.describe(), interval.check().err());
        pairing((left, right), (name, "interval join"), about, |build, pairing| {
            let lefts = build.state::<SA::Key, TimedListPanes<_>>(&pairing.name, "left");
            let rights = build.state::<SA::Key, TimedListPanes<_>>(&pairing.name, "right");
            pairing.task(build, |(left, right), outputs| {
                let JoinOutputs { pairs, late_left, late_right } = outputs;
                let (left, right) = ((left, lefts, late_left), (right, rights, late_right));
                IntervalJoin::new(interval, left, right, pair, pairs)
            });
        })
    }
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> KeyedStream<T, C, S> {
    /// Meets the records of another stream that have the same key and whose times are in `interval` after, or before, this one's.
    ///
    /// Records behind the watermark, which is the lesser of the two streams', are late.
    pub fn interval_join<U, D, P>(
        self,
        name: &str,
        other: KeyedStream<U, D, P>,
        interval: Interval,
    ) -> IntervalJoinedStreams<T, C, S, U, D, P>
    where
        U: Record,
        D: Chain<Out = U>,
        P: KeySelector<U, Key = S::Key>,
    {
        IntervalJoinedStreams { left: self, right: other, name: name.to_owned(), interval }
    }
}
