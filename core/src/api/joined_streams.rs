//! Two keyed streams that meet in windows.

use std::rc::Rc;
use std::time::Duration;

use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use super::topology::Build;
use super::two_keyed::{About, Met, meet};
use super::window_build;
use crate::exchange::KeySelector;
use crate::operator::Input;
use crate::operator::chain::Chain;
use crate::operator::task::{OperatorTask, TwoPorts};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::state::{TimedListPanes, TimedLists};
use crate::window::join::co_group::{CoBuffered, CoGroup, FinishLists};
use crate::window::join::sliced::SlicedJoin;
use crate::window::join::{JoinOutputs, OuterPairs, Which};
use crate::window::separate::Separate;
use crate::window::session::Merging;
use crate::window::{AtWatermark, Element, Lateness, Processed, WindowAssigner, WindowContext};

/// What a join gives: pairs, and on each side the records that came too late for their window.
#[derive(Debug)]
#[must_use = "pairs and late records all go somewhere: a sink, or drop_counted()"]
pub struct Joined<U: Record, A: Record, B: Record> {
    /// One record for each pair.
    pub on_time: Stream<U>,
    /// Records of the left side that came too late.
    pub late_left: Stream<A>,
    /// Records of the right side that came too late.
    pub late_right: Stream<B>,
}

/// Made by [`KeyedStream::join`].
#[must_use = "a join does nothing until apply() says what a pair gives"]
pub struct JoinedStreams<A, CA, SA, B, CB, SB, W>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    pub(crate) left: KeyedStream<A, CA, SA>,
    pub(crate) right: KeyedStream<B, CB, SB>,
    pub(crate) name: String,
    pub(crate) window: W,
    pub(crate) lateness: Lateness,
}

impl<A, CA, SA, B, CB, SB, W> std::fmt::Debug for JoinedStreams<A, CA, SA, B, CB, SB, W>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinedStreams").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All that there is of a join before its operator is.
pub(super) struct Pairing<A: Record, SA, B: Record, SB, U: Record> {
    pub(super) name: String,
    pub(super) selectors: (Rc<SA>, Rc<SB>),
    pub(super) outputs: JoinOutputs<A, B, U>,
    inboxes: TwoPorts<A, B>,
}

impl<A: Record, SA, B: Record, SB, U: Record> Pairing<A, SA, B, SB, U> {
    /// Makes the task of the operator that `make` makes.
    pub(super) fn task<O: Input<A, 0> + Input<B, 1>>(
        self,
        build: &mut Build,
        make: impl FnOnce((Rc<SA>, Rc<SB>), JoinOutputs<A, B, U>) -> O,
    ) {
        let Self { name, selectors, outputs, inboxes } = self;
        let operator = make(selectors, outputs);
        build.task(OperatorTask::new(name.as_str().into(), operator, inboxes));
    }
}

/// Builds the node of two keyed streams that meet; `operator` makes its task.
pub(super) fn pairing<A, CA, SA, B, CB, SB, U>(
    (left, right): (KeyedStream<A, CA, SA>, KeyedStream<B, CB, SB>),
    (name, kind): (String, &'static str),
    (detail, problem): (String, Option<String>),
    operator: impl FnOnce(&mut Build, Pairing<A, SA, B, SB, U>),
) -> Joined<U, A, B>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
    U: Record,
{
    let outputs = &["on_time", "late_left", "late_right"];
    let about = About { name: &name, kind, detail, problem, outputs };
    let (build, (pairs, late_left, late_right)) = meet((left, right), about, |_, build, met| {
        let Met { node, selectors, inboxes } = met;
        let (pairs, pairs_port) = build.output(node, 0);
        let (late_left, late_left_port) = build.output(node, 1);
        let (late_right, late_right_port) = build.output(node, 2);
        let outputs = JoinOutputs { pairs, late_left, late_right };
        operator(build, Pairing { name: name.clone(), selectors, outputs, inboxes });
        (pairs_port, late_left_port, late_right_port)
    });
    Joined {
        on_time: Stream::new(Rc::clone(&build), pairs),
        late_left: Stream::new(Rc::clone(&build), late_left),
        late_right: Stream::new(build, late_right),
    }
}

impl<A, CA, SA, B, CB, SB, W> JoinedStreams<A, CA, SA, B, CB, SB, W>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
    W: WindowAssigner<A> + WindowAssigner<B>,
{
    /// Takes records until the watermark is `allowed` past the window's end; later ones go to `late_left` and `late_right`.
    ///
    /// What [`Self::apply`] gives as soon as it is there, it gives for such a record too: its pairs, once each. Everything else is shown when a window ends, and
    /// each such record shows all of its window again: the whole lists, pairs that were shown before among them.
    ///
    /// Cost: both sides are kept so much longer.
    pub fn allowed_lateness(mut self, allowed: Duration) -> Self {
        self.lateness.allowed = allowed;
        self
    }

    /// One record for each pair and window; over tumbling, sliding and cumulating windows it leaves when the second of the pair has
    /// come, over others when the window ends.
    ///
    /// Cost: both sides are kept until their window closes; where windows are made of slices, once, however many windows they are in.
    pub fn apply<U, F>(self, mut pair: F) -> Joined<U, A, B>
    where
        U: Record,
        F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
    {
        if !<W as WindowAssigner<A>>::SLICED {
            return self.outer(Which { left: false, right: false }, "window join", move |a, b| {
                a.zip(b).map(|(a, b)| pair(a, b))
            });
        }
        let Self { left, right, name, window, lateness } = self;
        let about = about::<A, W>(&window, lateness);
        pairing((left, right), (name, "window join"), about, |build, pairing| {
            let slices = WindowAssigner::<A>::slices(&window);
            let slices = slices.expect("invariant: such windows have slices");
            let lefts = build.state::<SA::Key, TimedListPanes<_>>(&pairing.name, "left");
            let rights = build.state::<SA::Key, TimedListPanes<_>>(&pairing.name, "right");
            pairing.task(build, |(left, right), outputs| {
                SlicedJoin::new((slices, lateness), (left, lefts), (right, rights), pair, outputs)
            });
        })
    }

    /// As [`Self::apply`], when the window ends; a left record without a partner in the window is shown with `None`.
    pub fn left_outer<U, F>(self, mut pair: F) -> Joined<U, A, B>
    where
        U: Record,
        F: FnMut(&Rec<A>, Option<&Rec<B>>) -> U + 'static,
    {
        self.outer(Which { left: true, right: false }, "left outer join", move |a, b| {
            a.map(|a| pair(a, b))
        })
    }

    /// As [`Self::apply`], when the window ends; a right record without a partner in the window is shown with `None`.
    pub fn right_outer<U, F>(self, mut pair: F) -> Joined<U, A, B>
    where
        U: Record,
        F: FnMut(Option<&Rec<A>>, &Rec<B>) -> U + 'static,
    {
        self.outer(Which { left: false, right: true }, "right outer join", move |a, b| {
            b.map(|b| pair(a, b))
        })
    }

    /// As [`Self::apply`], when the window ends; a record of either side without a partner in the window is shown alone.
    pub fn full_outer<U, F>(self, mut pair: F) -> Joined<U, A, B>
    where
        U: Record,
        F: FnMut(Option<&Rec<A>>, Option<&Rec<B>>) -> U + 'static,
    {
        self.outer(Which { left: true, right: true }, "full outer join", move |a, b| {
            Some(pair(a, b))
        })
    }

    /// Calls `function` with the records of both sides, each in the order in which they came, once for each key and window that has some.
    ///
    /// Cost: both sides are kept until their window ends, once for each window that they are in.
    pub fn co_group<U, F>(self, function: F) -> Joined<U, A, B>
    where
        U: Record,
        F: FnMut(&mut WindowContext<'_, SA::Key, U>, &[Element<'_, A>], &[Element<'_, B>])
            + 'static,
    {
        self.grouped("co-group", Processed::new(function))
    }

    fn outer<U, F>(self, which: Which, kind: &'static str, pair: F) -> Joined<U, A, B>
    where
        U: Record,
        F: FnMut(Option<&Rec<A>>, Option<&Rec<B>>) -> Option<U> + 'static,
    {
        self.grouped(kind, OuterPairs::new(which, pair))
    }

    fn grouped<F: FinishLists<A, B>>(
        self,
        kind: &'static str,
        function: F,
    ) -> Joined<F::Out, A, B> {
        let Self { left, right, name, window, lateness } = self;
        let about = about::<A, W>(&window, lateness);
        pairing((left, right), (name, kind), about, |build, pairing| {
            let lefts = build.state::<SA::Key, TimedLists<_>>(&pairing.name, "left");
            let rights = build.state::<SA::Key, TimedLists<_>>(&pairing.name, "right");
            let body = CoBuffered::new(lefts, rights, function);
            if <W as WindowAssigner<A>>::MERGES {
                let (table, timers, clock) =
                    window_build::pane_tables::<SA::Key, _>(build, &pairing.name);
                let panes = Merging::new(table, timers, clock);
                pairing.task(build, |selectors, outputs| {
                    CoGroup::new(selectors, (window, panes), body, lateness, outputs)
                });
            } else {
                let (table, timers, clock) =
                    window_build::pane_tables::<SA::Key, _>(build, &pairing.name);
                let panes = Separate::new(table, timers, clock);
                pairing.task(build, |selectors, outputs| {
                    CoGroup::new(selectors, (window, panes), body, lateness, outputs)
                });
            }
        })
    }
}

/// A join's windows as plans show them, and what is wrong with them.
fn about<A: Record, W: WindowAssigner<A>>(
    window: &W,
    lateness: Lateness,
) -> (String, Option<String>) {
    let problem = window_build::check::<A, W, AtWatermark>(window, &AtWatermark).err();
    (window.describe() + &lateness.describe(), problem)
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> KeyedStream<T, C, S> {
    /// Meets the records of another stream that have the same key in the same window.
    pub fn join<U, D, P, W>(
        self,
        name: &str,
        other: KeyedStream<U, D, P>,
        window: W,
    ) -> JoinedStreams<T, C, S, U, D, P, W>
    where
        U: Record,
        D: Chain<Out = U>,
        P: KeySelector<U, Key = S::Key>,
        W: WindowAssigner<T> + WindowAssigner<U>,
    {
        let lateness = Lateness { allowed: Duration::ZERO, accumulating: true };
        JoinedStreams { left: self, right: other, name: name.to_owned(), window, lateness }
    }
}
