//! Windows and running aggregates whose records become accumulators before they travel.

use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use super::window_build;
use super::windowed_stream::{Windowed, WindowedStream};
use crate::agg::{Aggregator, Of};
use crate::exchange::KeySelector;
use crate::operator::chain::Chain;
use crate::operator::running::{Running, RunningAggregate};
use crate::operator::task::{OnePort, OperatorTask};
use crate::operator::two_phase::Steps;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::state::ValueTable;
use crate::window::{
    AsSession, InPieces, Plain, Processed, Session, SessionResult, Spanning, WindowContext,
    WindowResult,
};

/// Made by [`WindowedStream::two_phase`]: each worker aggregates the records that it has, in a small table, and sends what they come to to the workers that own their
/// keys, which merge it.
///
/// For keys that come often, or one that comes very often: of those hardly anything travels, and the worker that owns a hot key is no bottleneck. Where most keys
/// come once only, it is more work than without. Windows, and what is late, are as without it, and so are results if merging is as exact as adding is; sums of floats may
/// differ in their last digits from run to run.
///
/// ```
/// # use thalweg::prelude::*;
/// # #[record]
/// # struct Bid { #[event_time] at: EventTime, auction: u64 }
/// # fn job(t: &mut Topology) -> Result<()> {
/// # let bids = t.source("bids", Items::of(Vec::<Bid>::new())).watermarks(Monotonic);
/// let Windowed { on_time, late } = bids
///     .key_by_value(|bid| bid.auction())
///     .window("bids of an auction", Sliding::of(10.secs(), 2.secs()))
///     .two_phase()
///     .aggregate_with(|of| of.count());
/// # on_time.drop_counted();
/// # late.drop_counted();
/// # Ok(())
/// # }
/// # Engine::builder().build().plan(job).unwrap();
/// ```
///
/// Cost: up to 256 KiB a worker for the table; it is empty at each checkpoint. An accumulator waits there until it has to make room, its window closes, or a checkpoint is taken. A worker whose
/// sources were idle sends records as they are from then on, since event time may have gone on without it; that costs more than one phase.
#[must_use = "a window does nothing until it aggregates"]
pub struct TwoPhaseStream<T: Record, C: Chain<Out = T>, S: KeySelector<T>, W> {
    pub(super) windowed: WindowedStream<T, C, S, W>,
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>, W> std::fmt::Debug
    for TwoPhaseStream<T, C, S, W>
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TwoPhaseStream").field("name", &self.windowed.name).finish_non_exhaustive()
    }
}

impl<T, C, S, W> TwoPhaseStream<T, C, S, W>
where
    T: Record,
    C: Chain<Out = T>,
    S: KeySelector<T>,
    W: InPieces<T>,
{
    /// As [`WindowedStream::aggregate_with`].
    ///
    /// # Panics
    ///
    /// The job ends if the aggregator does, as that of a sum that does not fit.
    pub fn aggregate_with<A: Aggregator<T>>(
        self,
        aggregator: impl FnOnce(Of<T>) -> A,
    ) -> Windowed<WindowResult<S::Key, A::Result>, T> {
        let aggregator = aggregator(Of::new());
        window_build::aggregated_early(self.windowed, aggregator, Plain(PhantomData))
    }

    /// As [`WindowedStream::process_aggregate`].
    pub fn process_aggregate<A, U, F>(
        self,
        aggregator: impl FnOnce(Of<T>) -> A,
        function: F,
    ) -> Windowed<U, T>
    where
        A: Aggregator<T>,
        U: Record,
        F: FnMut(&mut WindowContext<'_, S::Key, U>, A::Result) + 'static,
    {
        let aggregator = aggregator(Of::new());
        window_build::aggregated_early(self.windowed, aggregator, Processed::new(function))
    }
}

/// Made by [`SessionStream::two_phase`](super::SessionStream::two_phase); see [`TwoPhaseStream`].
#[must_use = "a session does nothing until it aggregates"]
pub struct TwoPhaseSessionStream<T: Record, C: Chain<Out = T>, S: KeySelector<T>> {
    pub(super) windowed: TwoPhaseStream<T, C, S, Session>,
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> std::fmt::Debug
    for TwoPhaseSessionStream<T, C, S>
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.windowed.windowed.name;
        f.debug_struct("TwoPhaseSessionStream").field("name", name).finish_non_exhaustive()
    }
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> TwoPhaseSessionStream<T, C, S> {
    /// As [`SessionStream::aggregate`](super::SessionStream::aggregate).
    pub fn aggregate<V, F, M>(self, add: F, merge: M) -> Windowed<SessionResult<S::Key, V>, T>
    where
        V: Record + Default + Clone,
        F: Fn(&mut V, &Rec<T>) + 'static,
        M: Fn(&mut V, V) + 'static,
    {
        let aggregator = Spanning(Of::<T>::new().fold(add, merge));
        let TwoPhaseStream { windowed } = self.windowed;
        window_build::aggregated_early(windowed, aggregator, AsSession(PhantomData))
    }
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> KeyedStream<T, C, S> {
    /// As [`Self::aggregate`], in two phases, and with fewer results: records become an accumulator where they are, for `every` of event time at most, and a result is sent for
    /// each accumulator that has come, not for each record.
    ///
    /// Which results come before the last depends on what came when; the last one of each key is that of [`Self::aggregate`]. For what follows that only wants to know how things
    /// stand, as an upsert sink does. SQL on Apache Flink calls it mini-batch aggregation.
    ///
    /// In a stream without event time records wait for a checkpoint or the end.
    ///
    /// Cost: as of [`TwoPhaseStream`], and one accumulator a key, kept while the job runs.
    pub fn aggregate_every<A: Aggregator<T>>(
        self,
        name: &str,
        every: Duration,
        aggregator: impl FnOnce(Of<T>) -> A,
    ) -> Stream<Running<S::Key, A::Result>> {
        let Self { stream: Stream { build, port, chain }, selector } = self;
        let aggregator = Rc::new(aggregator(Of::new()));
        let port = {
            let mut build = build.borrow_mut();
            if every.is_zero() {
                let message = "results are sent every so often, which is longer than zero";
                build.refuse_setting(name, message);
            }
            let pieces = Steps::every(every.max(Duration::from_nanos(1)));
            let detail = format!("into {} every {every:?}", <A::Result as Record>::NAME);
            let node = build.node(name, "aggregate", detail, &[""]);
            let way = (Rc::clone(&selector), Rc::clone(&aggregator), pieces);
            let inbox = build.combining_inbox(&port, chain, way, (name, (node, 0)));
            let (out, port) = build.output(node, 0);
            let state = build.state::<S::Key, ValueTable<_>>(name, "accumulators");
            let operator = RunningAggregate::new(selector, state, aggregator, out);
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            port
        };
        Stream::new(build, port)
    }
}
