//! Windows that keep all records, and let some of them go when they fire.

use std::marker::PhantomData;

use super::window_build;
use super::windowed_stream::{Windowed, WindowedStream};
use crate::agg::{Aggregator, Of};
use crate::exchange::KeySelector;
use crate::operator::chain::Chain;
use crate::record::Record;
use crate::window::{
    Element, Evictor, FoldList, Plain, Processed, ProcessedWithState, Trigger, WindowAssigner,
    WindowContext, WindowResult, WindowState,
};

/// Made by [`WindowedStream::evictor`]. There is no incremental aggregate here: it could not let a record go again.
#[must_use = "a window does nothing until it aggregates or processes"]
pub struct EvictingStream<T: Record, C: Chain<Out = T>, S: KeySelector<T>, W, G, E> {
    pub(crate) windowed: WindowedStream<T, C, S, W, G>,
    pub(crate) evictor: E,
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>, W, G, E> std::fmt::Debug
    for EvictingStream<T, C, S, W, G, E>
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EvictingStream").field("name", &self.windowed.name).finish_non_exhaustive()
    }
}

impl<T, C, S, W, G, E> EvictingStream<T, C, S, W, G, E>
where
    T: Record,
    C: Chain<Out = T>,
    S: KeySelector<T>,
    W: WindowAssigner<T>,
    G: Trigger<T>,
    E: Evictor<T>,
{
    /// Aggregates what is left of a window's records each time it fires.
    ///
    /// Cost: all records are kept, and each firing reads them all.
    pub fn aggregate_with<A: Aggregator<T>>(
        self,
        aggregator: impl FnOnce(Of<T>) -> A,
    ) -> Windowed<WindowResult<S::Key, A::Result>, T> {
        let function = FoldList::new(aggregator(Of::new()), Plain(PhantomData));
        window_build::buffered(self, function)
    }

    /// Calls `function` with what is left of a window's records each time it fires, in the order in which they came.
    pub fn process<U, F>(self, function: F) -> Windowed<U, T>
    where
        U: Record,
        F: FnMut(&mut WindowContext<'_, S::Key, U>, &[Element<'_, T>]) + 'static,
    {
        window_build::buffered(self, Processed::new(function))
    }

    /// As [`Self::process`], with state; see [`WindowedStream::process_aggregate_with_state`].
    pub fn process_with_state<U, P, Q, F>(self, function: F) -> Windowed<U, T>
    where
        U: Record,
        P: Record + Default,
        Q: Record + Default,
        F: FnMut(&mut WindowContext<'_, S::Key, U>, &mut WindowState<'_, P, Q>, &[Element<'_, T>])
            + 'static,
    {
        let states = self.windowed.states();
        window_build::buffered(self, ProcessedWithState::new(function, states))
    }
}
