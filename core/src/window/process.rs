//! Window functions: what a job does itself with a window that fires.

use std::marker::PhantomData;

use super::TimeWindow;
use super::result::{Finish, Fired, PaneInfo};
use crate::checkpoint::Freezing;
use crate::operator::aggregate::Aggregator;
use crate::operator::output::Output;
use crate::raw::view::Rec;
use crate::record::{Key, KeyScratch, Record};
use crate::state::{SlicePanes, ValueTable};
use crate::time::EventTime;

/// A record in a window, and its event time.
#[derive(Debug)]
pub struct Element<'a, T: Record> {
    /// The record, read in place.
    pub record: &'a Rec<T>,
    /// Its event time.
    pub at: EventTime,
}

impl<T: Record> Clone for Element<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Record> Copy for Element<'_, T> {}

/// A firing of one key's window: whose it is, which, and where results go.
pub struct WindowContext<'a, K: Key, U: Record> {
    fired: &'a Fired<'a>,
    out: &'a mut Output<U>,
    marker: PhantomData<fn() -> K>,
}

crate::operator::opaque_debug!(WindowContext<'a, K: Key, U: Record>);

impl<'a, K: Key, U: Record> WindowContext<'a, K, U> {
    pub(crate) fn new(fired: &'a Fired<'a>, out: &'a mut Output<U>) -> Self {
        Self { fired, out, marker: PhantomData }
    }

    /// The key.
    pub fn key(&self) -> K {
        K::from_key_bytes(self.fired.key)
    }

    /// The window; of a session as it is now.
    pub fn window(&self) -> TimeWindow {
        self.fired.window
    }

    /// Which of the window's firings this is.
    pub fn pane(&self) -> PaneInfo {
        self.fired.pane
    }

    /// The operator's watermark.
    pub fn watermark(&self) -> EventTime {
        self.fired.watermark
    }

    /// Sends a record, at the window's last instant; from a window without an end, at the instant of what made it fire.
    pub fn emit(&mut self, value: &U) {
        self.out.value(value, self.fired.at);
    }
}

/// Makes results of a window's records.
pub(crate) trait FinishList<T: Record>: 'static {
    /// What goes out.
    type Out: Record;
    /// Emits what follows from one firing.
    fn finish(
        &mut self,
        fired: &Fired<'_>,
        elements: &[Element<'_, T>],
        out: &mut Output<Self::Out>,
    );
    /// Shows all tables that it has.
    fn freeze(&mut self, into: &mut Freezing<'_>) {
        let _ = into;
    }
    /// All windows that end at or before `end` have closed for good.
    fn forget_through(&mut self, end: EventTime) {
        let _ = end;
    }
}

/// A closure of the user's.
pub(crate) struct Processed<K, U, F> {
    pub(crate) function: F,
    marker: PhantomData<fn() -> (K, U)>,
}

impl<K, U, F> Processed<K, U, F> {
    pub(crate) fn new(function: F) -> Self {
        Self { function, marker: PhantomData }
    }
}

impl<K, V, U, F> Finish<V> for Processed<K, U, F>
where
    K: Key,
    V: Record,
    U: Record,
    F: FnMut(&mut WindowContext<'_, K, U>, V) + 'static,
{
    type Out = U;

    fn finish(&mut self, fired: &Fired<'_>, value: V, out: &mut Output<U>) {
        (self.function)(&mut WindowContext::new(fired, out), value);
    }
}

impl<T, K, U, F> FinishList<T> for Processed<K, U, F>
where
    T: Record,
    K: Key,
    U: Record,
    F: FnMut(&mut WindowContext<'_, K, U>, &[Element<'_, T>]) + 'static,
{
    type Out = U;

    fn finish(&mut self, fired: &Fired<'_>, elements: &[Element<'_, T>], out: &mut Output<U>) {
        (self.function)(&mut WindowContext::new(fired, out), elements);
    }
}

/// What a window function remembers: for each key and window, until the window closes for good, and for each key, for ever.
#[derive(Debug)]
pub struct WindowState<'a, W, G> {
    /// Of this key's window.
    pub window: &'a mut W,
    /// Of this key.
    pub key: &'a mut G,
}

/// The tables of window functions with state.
pub(crate) struct WindowStates<W: Record, G: Record> {
    /// By the window's end, then by its start and key; dropped as the watermark passes.
    pub(crate) windows: SlicePanes<W>,
    pub(crate) keys: ValueTable<G>,
    pub(crate) address: KeyScratch,
}

impl<W: Record + Default, G: Record + Default> WindowStates<W, G> {
    fn with(&mut self, fired: &Fired<'_>, each: impl FnOnce(&mut WindowState<'_, W, G>)) {
        let Self { windows, keys, address } = self;
        address.clear();
        address.push(&fired.window.start.as_nanos().to_le_bytes());
        address.push(fired.key);
        let end = fired.window.end.as_nanos();
        keys.update(fired.hash, fired.key, G::default, |key| {
            windows.update(end, fired.hash, address.as_bytes(), W::default, |window| {
                each(&mut WindowState { window, key });
            });
        });
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.windows);
        into.state(&mut self.keys);
    }

    fn forget_through(&mut self, end: EventTime) {
        self.windows.drop_below(end.as_nanos().saturating_add(1));
    }
}

/// A closure of the user's, with state.
pub(crate) struct ProcessedWithState<K, U, W: Record, G: Record, F> {
    function: F,
    states: WindowStates<W, G>,
    marker: PhantomData<fn() -> (K, U)>,
}

impl<K, U, W: Record, G: Record, F> ProcessedWithState<K, U, W, G, F> {
    pub(crate) fn new(function: F, states: WindowStates<W, G>) -> Self {
        Self { function, states, marker: PhantomData }
    }
}

impl<K, V, U, W, G, F> Finish<V> for ProcessedWithState<K, U, W, G, F>
where
    K: Key,
    V: Record,
    U: Record,
    W: Record + Default,
    G: Record + Default,
    F: FnMut(&mut WindowContext<'_, K, U>, &mut WindowState<'_, W, G>, V) + 'static,
{
    type Out = U;

    fn finish(&mut self, fired: &Fired<'_>, value: V, out: &mut Output<U>) {
        let function = &mut self.function;
        self.states
            .with(fired, |state| function(&mut WindowContext::new(fired, out), state, value));
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.states.freeze(into);
    }

    fn forget_through(&mut self, end: EventTime) {
        self.states.forget_through(end);
    }
}

impl<T, K, U, W, G, F> FinishList<T> for ProcessedWithState<K, U, W, G, F>
where
    T: Record,
    K: Key,
    U: Record,
    W: Record + Default,
    G: Record + Default,
    F: FnMut(&mut WindowContext<'_, K, U>, &mut WindowState<'_, W, G>, &[Element<'_, T>]) + 'static,
{
    type Out = U;

    fn finish(&mut self, fired: &Fired<'_>, elements: &[Element<'_, T>], out: &mut Output<U>) {
        let function = &mut self.function;
        self.states
            .with(fired, |state| function(&mut WindowContext::new(fired, out), state, elements));
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.states.freeze(into);
    }

    fn forget_through(&mut self, end: EventTime) {
        self.states.forget_through(end);
    }
}

/// Aggregates the records of a list when it fires: for windows that have to let records go again.
pub(crate) struct FoldList<A, F> {
    aggregator: A,
    finish: F,
}

impl<A, F> FoldList<A, F> {
    pub(crate) fn new(aggregator: A, finish: F) -> Self {
        Self { aggregator, finish }
    }
}

impl<T: Record, A: Aggregator<T>, F: Finish<A::Result>> FinishList<T> for FoldList<A, F> {
    type Out = F::Out;

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.finish.freeze(into);
    }

    fn forget_through(&mut self, end: EventTime) {
        self.finish.forget_through(end);
    }

    fn finish(&mut self, fired: &Fired<'_>, elements: &[Element<'_, T>], out: &mut Output<F::Out>) {
        let mut accumulator = self.aggregator.create();
        for element in elements {
            self.aggregator.add(&mut accumulator, element.record, element.at);
        }
        let result = self.aggregator.result(&accumulator);
        self.finish.finish(fired, result, out);
    }
}
