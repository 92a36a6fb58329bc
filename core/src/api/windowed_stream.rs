//! A keyed stream cut into windows: settings, and what is made of each window.

use std::marker::PhantomData;
use std::time::Duration;

use super::evicting_stream::EvictingStream;
use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use super::two_phase_stream::TwoPhaseStream;
use super::window_build;
use crate::agg::{Aggregator, Of};
use crate::exchange::KeySelector;
use crate::operator::chain::Chain;
use crate::raw::view::Rec;
use crate::record::{KeyScratch, Record};
use crate::window::{
    AtWatermark, Element, Evictor, Finish, FoldOnly, InPieces, KeepAll, Lateness, PaneResult,
    Plain, Processed, ProcessedWithState, Reducing, Trigger, WindowAssigner, WindowContext,
    WindowResult, WindowState, WindowStates, WithPane,
};

/// What a window gives: results, and the records that came too late for theirs.
#[derive(Debug)]
#[must_use = "results and late records both go somewhere: a sink, or drop_counted()"]
pub struct Windowed<R: Record, T: Record> {
    /// One result for each firing of each window of each key.
    pub on_time: Stream<R>,
    /// Records whose windows had closed for good when they came.
    pub late: Stream<T>,
}

/// Made by [`KeyedStream::window`]: say how it fires, if not at the watermark, and end with what is made of it.
#[must_use = "a window does nothing until it aggregates or processes"]
pub struct WindowedStream<T: Record, C: Chain<Out = T>, S: KeySelector<T>, W, G = AtWatermark> {
    pub(crate) keyed: KeyedStream<T, C, S>,
    pub(crate) name: String,
    pub(crate) window: W,
    pub(crate) trigger: G,
    pub(crate) lateness: Lateness,
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>, W, G> std::fmt::Debug
    for WindowedStream<T, C, S, W, G>
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WindowedStream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>, W> WindowedStream<T, C, S, W> {
    pub(crate) fn new(keyed: KeyedStream<T, C, S>, name: &str, window: W) -> Self {
        let lateness = Lateness { allowed: Duration::ZERO, accumulating: true };
        Self { keyed, name: name.to_owned(), window, trigger: AtWatermark, lateness }
    }
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>, W: InPieces<T>> WindowedStream<T, C, S, W> {
    /// Aggregates in two phases: where records are, and what they come to there where their key is owned. See [`TwoPhaseStream`].
    pub fn two_phase(self) -> TwoPhaseStream<T, C, S, W> {
        TwoPhaseStream { windowed: self }
    }
}

impl<T, C, S, W, G> WindowedStream<T, C, S, W, G>
where
    T: Record,
    C: Chain<Out = T>,
    S: KeySelector<T>,
    W: WindowAssigner<T>,
    G: Trigger<T>,
{
    /// Takes records until the watermark is `allowed` past the window's end. Each such record fires its window again; later ones go to `late`.
    ///
    /// Cost: windows are kept so much longer.
    pub fn allowed_lateness(mut self, allowed: Duration) -> Self {
        self.lateness.allowed = allowed;
        self
    }

    /// Each firing holds only what has come since the last; without it, a firing holds all that its window has.
    pub fn discarding(mut self) -> Self {
        self.lateness.accumulating = false;
        self
    }

    /// Says when the windows fire, instead of [`AtWatermark`].
    pub fn trigger<H: Trigger<T>>(self, trigger: H) -> WindowedStream<T, C, S, W, H> {
        let Self { keyed, name, window, lateness, .. } = self;
        WindowedStream { keyed, name, window, trigger, lateness }
    }

    /// Lets records go when a window fires; so all records are kept until then.
    pub fn evictor<E: Evictor<T>>(self, evictor: E) -> EvictingStream<T, C, S, W, G, E> {
        EvictingStream { windowed: self, evictor }
    }

    /// Adds each record to the accumulator of its key and window; the accumulator is the result.
    ///
    /// For windows whose accumulators stay apart; sliding, cumulating and session windows are refused when the job is built, see
    /// [`Self::aggregate_with`].
    ///
    /// Cost: one accumulator a key and window, no record is kept.
    pub fn aggregate<V, F>(self, add: F) -> Windowed<WindowResult<S::Key, V>, T>
    where
        V: Record + Default + Clone,
        F: Fn(&mut V, &Rec<T>) + 'static,
    {
        let has_to_merge = W::MERGES || W::OVERLAP;
        if has_to_merge {
            let message = format!(
                "the accumulators of a {} have to become one, which a fold cannot do; use aggregate_with(|of| of.fold(add, merge))",
                W::KIND
            );
            window_build::refuse(&self, message);
        }
        self.aggregated(FoldOnly::new(add), Plain(PhantomData))
    }

    /// Aggregates each key's windows with an [`Aggregator`]: `|of| (of.count(), of.mean(|r| r.celsius()))`, `|of| of.fold(add, merge)`, or
    /// `|_| MyAggregator`.
    ///
    /// Cost: one accumulator a key and window; of windows that overlap and fire at the watermark, one a key and slice, and O(log slices)
    /// merges a key for each window.
    pub fn aggregate_with<A: Aggregator<T>>(
        self,
        aggregator: impl FnOnce(Of<T>) -> A,
    ) -> Windowed<WindowResult<S::Key, A::Result>, T> {
        self.aggregated(aggregator(Of::new()), Plain(PhantomData))
    }

    /// As [`Self::aggregate_with`]; results say which firing they are from.
    pub fn aggregate_panes<A: Aggregator<T>>(
        self,
        aggregator: impl FnOnce(Of<T>) -> A,
    ) -> Windowed<PaneResult<S::Key, A::Result>, T> {
        self.aggregated(aggregator(Of::new()), WithPane(PhantomData))
    }

    /// One record made of all of a window, by adding to the first each that follows.
    ///
    /// `reduce` is associative, where windows merge or overlap.
    pub fn reduce<F>(self, reduce: F) -> Windowed<WindowResult<S::Key, T>, T>
    where
        F: Fn(T, &Rec<T>) -> T + 'static,
    {
        self.aggregated(Reducing::new(reduce), Plain(PhantomData))
    }

    /// Calls `function` with the aggregate of each firing; it sends what it likes.
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
        self.aggregated(aggregator(Of::new()), Processed::new(function))
    }

    /// As [`Self::process_aggregate`], with state for each key and window and for each key.
    ///
    /// The state of a window is forgotten when it closes for good. Windows that merge are refused when the job is built: theirs
    /// would have to merge too.
    pub fn process_aggregate_with_state<A, U, P, Q, F>(
        self,
        aggregator: impl FnOnce(Of<T>) -> A,
        function: F,
    ) -> Windowed<U, T>
    where
        A: Aggregator<T>,
        U: Record,
        P: Record + Default,
        Q: Record + Default,
        F: FnMut(&mut WindowContext<'_, S::Key, U>, &mut WindowState<'_, P, Q>, A::Result)
            + 'static,
    {
        let states = self.states();
        self.aggregated(aggregator(Of::new()), ProcessedWithState::new(function, states))
    }

    /// Calls `function` with all records of each firing, in the order in which they came; it sends what it likes.
    ///
    /// Cost: all records are kept until their window closes, and once for each window that they are in.
    pub fn process<U, F>(self, function: F) -> Windowed<U, T>
    where
        U: Record,
        F: FnMut(&mut WindowContext<'_, S::Key, U>, &[Element<'_, T>]) + 'static,
    {
        self.evictor(KeepAll).process(function)
    }

    /// As [`Self::process`], with state for each key and window and for each key; see [`Self::process_aggregate_with_state`].
    pub fn process_with_state<U, P, Q, F>(self, function: F) -> Windowed<U, T>
    where
        U: Record,
        P: Record + Default,
        Q: Record + Default,
        F: FnMut(&mut WindowContext<'_, S::Key, U>, &mut WindowState<'_, P, Q>, &[Element<'_, T>])
            + 'static,
    {
        self.evictor(KeepAll).process_with_state(function)
    }

    /// The tables of a window function with state.
    pub(crate) fn states<P: Record, Q: Record>(&self) -> WindowStates<P, Q> {
        if W::MERGES {
            let message = format!(
                "a {} merges, so a window function has no state of its own for it; use process or process_aggregate",
                W::KIND
            );
            window_build::refuse(self, message);
        }
        let mut build = self.keyed.stream.build.borrow_mut();
        WindowStates {
            windows: build.state::<S::Key, _>(&self.name, "window function, windows"),
            keys: build.state::<S::Key, _>(&self.name, "window function, keys"),
            address: KeyScratch::default(),
        }
    }

    pub(crate) fn aggregated<A, F>(self, aggregator: A, finish: F) -> Windowed<F::Out, T>
    where
        A: Aggregator<T>,
        F: Finish<A::Result>,
    {
        let into = <A::Accumulator as Record>::NAME;
        window_build::aggregated(self, into, aggregator, finish)
    }
}
