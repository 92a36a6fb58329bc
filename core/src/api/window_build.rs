//! From windows as written to operators: what is refused, and which operator does the work.

use std::rc::Rc;

use super::evicting_stream::EvictingStream;
use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use super::topology::{Build, Port};
use super::windowed_stream::{Windowed, WindowedStream};
use crate::agg::Aggregator;
use crate::exchange::inbox::Inbox;
use crate::exchange::partition::ByKey;
use crate::exchange::{KeySelector, Pattern};
use crate::operator::Input;
use crate::operator::chain::Chain;
use crate::operator::output::Output;
use crate::operator::task::{OnePort, OperatorTask};
use crate::record::{Key, Record};
use crate::state::{SlicePanes, TimedLists, ValueTable};
use crate::window::aligned::{AlignedState, AlignedWindows};
use crate::window::buffer::Buffered;
use crate::window::contents::Aggregated;
use crate::window::operator::{WindowOperator, Windows};
use crate::window::pane::{Add, Body, Firing};
use crate::window::separate::Separate;
use crate::window::session::Merging;
use crate::window::timers::Timers;
use crate::window::{
    Evictor, Finish, FinishList, InPieces, Lateness, PaneTree, Slices, Trigger, WindowAssigner,
    levels_above,
};

/// Refuses a window, by its name.
pub(super) fn refuse<T, C, S, W, G>(windowed: &WindowedStream<T, C, S, W, G>, message: String)
where
    T: Record,
    C: Chain<Out = T>,
    S: KeySelector<T>,
{
    windowed.keyed.stream.build.borrow_mut().refuse_setting(&windowed.name, message);
}

/// What is wrong with a window and its trigger.
pub(super) fn check<T, W, G>(window: &W, trigger: &G) -> Result<(), String>
where
    T: Record,
    W: WindowAssigner<T>,
    G: Trigger<T>,
{
    window.check()?;
    trigger.check()?;
    if W::MERGES && !trigger.can_merge() {
        return Err(format!(
            "a {} merges, and the trigger ({}) does not say what becomes of its state; implement on_merge and can_merge",
            W::KIND,
            trigger.describe()
        ));
    }
    if !W::ENDS && !trigger.fires_early() {
        return Err(format!("a {} has no end at which it could fire; give it a trigger", W::KIND));
    }
    Ok(())
}

/// A window on its way to an operator: all that is there before the operator is.
struct Parts<T: Record, I: Record, S, W, G, U: Record> {
    selector: Rc<S>,
    inbox: Inbox<I>,
    window: W,
    trigger: G,
    lateness: Lateness,
    on_time: Output<U>,
    late: Output<T>,
    name: String,
}

/// What an inbox is made from: where records come from, the operator's name, and its node.
type Way<'a, C, S> = (Port<<C as Chain>::In>, C, Rc<S>, (&'a str, usize));

/// The inbox of records as they are.
fn inbox<C, S>(
    build: &mut Build,
    (port, chain, selector, (_, node)): Way<'_, C, S>,
) -> Inbox<C::Out>
where
    C: Chain,
    S: KeySelector<C::Out>,
{
    let route = ByKey { selector, workers: build.config().workers };
    build.inbox(&port, chain, route, Pattern::Exchange, (node, 0))
}

/// Builds the node of a window; `inbox` makes the way to it, `operator` its task.
fn windowed<T, I, C, S, W, G, U>(
    windowed: WindowedStream<T, C, S, W, G>,
    into: &str,
    inbox: impl FnOnce(&mut Build, Way<'_, C, S>) -> Inbox<I>,
    operator: impl FnOnce(&mut Build, Parts<T, I, S, W, G, U>),
) -> Windowed<U, T>
where
    T: Record,
    I: Record,
    C: Chain<Out = T>,
    S: KeySelector<T>,
    W: WindowAssigner<T>,
    G: Trigger<T>,
    U: Record,
{
    let WindowedStream { keyed, name, window, trigger, lateness } = windowed;
    let KeyedStream { stream: Stream { build, port, chain }, selector } = keyed;
    let (on_time, late) = {
        let mut build = build.borrow_mut();
        if let Err(message) = check::<T, W, G>(&window, &trigger) {
            build.refuse_setting(&name, message);
        }
        let detail = describe::<T, W, G>(&window, &trigger, lateness, into);
        let node = build.node(&name, W::KIND, detail, &["on_time", "late"]);
        let inbox = inbox(&mut build, (port, chain, Rc::clone(&selector), (&name, node)));
        let (on_time, on_time_port) = build.output(node, 0);
        let (late, late_port) = build.output(node, 1);
        let parts = Parts { selector, inbox, window, trigger, lateness, on_time, late, name };
        operator(&mut build, parts);
        (on_time_port, late_port)
    };
    Windowed { on_time: Stream::new(Rc::clone(&build), on_time), late: Stream::new(build, late) }
}

/// The settings in a line.
fn describe<T, W, G>(window: &W, trigger: &G, lateness: Lateness, into: &str) -> String
where
    T: Record,
    W: WindowAssigner<T>,
    G: Trigger<T>,
{
    let mut text = window.describe();
    if !G::PLAIN {
        text += &format!(", {}", trigger.describe());
    }
    text += &lateness.describe();
    format!("{text} into {into}")
}

/// Windows that hold accumulators.
pub(super) fn aggregated<T, C, S, W, G, A, F>(
    stream: WindowedStream<T, C, S, W, G>,
    into: &str,
    aggregator: A,
    finish: F,
) -> Windowed<F::Out, T>
where
    T: Record,
    C: Chain<Out = T>,
    S: KeySelector<T>,
    W: WindowAssigner<T>,
    G: Trigger<T>,
    A: Aggregator<T>,
    F: Finish<A::Result>,
{
    windowed(stream, into, inbox, |build, parts| {
        if W::SLICED && G::PLAIN {
            let slices = parts.window.slices().expect("invariant: such windows have slices");
            aligned(build, parts, slices, aggregator, finish);
        } else {
            general(build, parts, Aggregated::new(aggregator, finish));
        }
    })
}

/// Windows that hold accumulators, which records become before they travel.
pub(super) fn aggregated_early<T, C, S, W, A, F>(
    stream: WindowedStream<T, C, S, W>,
    aggregator: A,
    finish: F,
) -> Windowed<F::Out, T>
where
    T: Record,
    C: Chain<Out = T>,
    S: KeySelector<T>,
    W: InPieces<T>,
    A: Aggregator<T>,
    F: Finish<A::Result>,
{
    let into = format!("{}, in two phases", <A::Accumulator as Record>::NAME);
    let (aggregator, pieces) = (Rc::new(aggregator), stream.window.pieces());
    let early = Rc::clone(&aggregator);
    let combine = |build: &mut Build, (port, chain, selector, (name, node)): Way<'_, C, S>| {
        build.combining_inbox(&port, chain, (selector, early, pieces), (name, (node, 0)))
    };
    windowed(stream, &into, combine, |build, parts| {
        if W::MERGES {
            general(build, parts, Aggregated::new(aggregator, finish));
        } else {
            let slices = parts.window.slices().expect("invariant: such windows have slices");
            aligned(build, parts, slices, aggregator, finish);
        }
    })
}

/// Windows that hold all records.
pub(super) fn buffered<T, C, S, W, G, E, F>(
    stream: EvictingStream<T, C, S, W, G, E>,
    function: F,
) -> Windowed<F::Out, T>
where
    T: Record,
    C: Chain<Out = T>,
    S: KeySelector<T>,
    W: WindowAssigner<T>,
    G: Trigger<T>,
    E: Evictor<T>,
    F: FinishList<T>,
{
    let EvictingStream { windowed: stream, evictor } = stream;
    if let Err(message) = evictor.check() {
        refuse(&stream, message);
    }
    let kept = match evictor.describe().as_str() {
        "" => "a list".to_owned(),
        kept => format!("a list, {kept}"),
    };
    windowed(stream, &kept, inbox, |build, parts| {
        let lists = build.state::<S::Key, TimedLists<_>>(&parts.name, "records");
        general(build, parts, Buffered::new(lists, evictor, function));
    })
}

/// The operator for aligned windows that fire with the watermark.
fn aligned<T, I, S, W, G, A, F>(
    build: &mut Build,
    parts: Parts<T, I, S, W, G, F::Out>,
    slices: Slices,
    aggregator: A,
    finish: F,
) where
    T: Record,
    I: Record,
    S: KeySelector<T>,
    A: Aggregator<T>,
    F: Finish<A::Result>,
    AlignedWindows<T, S, A, F>: Input<I, 0>,
{
    let Parts { selector, inbox, lateness, on_time, late, name, .. } = parts;
    let above = 1..=levels_above(slices.most());
    let mut levels = vec![build.state::<S::Key, SlicePanes<_>>(&name, "slices")];
    levels.extend(
        above.map(|level| build.state::<S::Key, _>(&name, &format!("slices, level {level}"))),
    );
    let state = AlignedState {
        tree: PaneTree::new(levels),
        late_firings: build.state::<S::Key, SlicePanes<_>>(&name, "late firings"),
    };
    let operator = AlignedWindows::new(
        (slices, lateness),
        selector,
        state,
        (aggregator, finish),
        (on_time, late),
    );
    build.task(OperatorTask::new(name.as_str().into(), operator, OnePort(inbox)));
}

/// The tables of windows that are kept one by one: panes, and timers of event time and of the clock.
pub(super) fn pane_tables<K: Key, V: Record>(
    build: &mut Build,
    name: &str,
) -> (ValueTable<V>, Timers, Timers) {
    let table = build.state::<K, _>(name, "panes");
    let timers = Timers::new(build.state::<K, _>(name, "timers"));
    (table, timers, Timers::new(build.state::<K, _>(name, "timers by the clock")))
}

/// Where the panes of a body and a trigger are kept that merge.
type MergingOf<T, G, B> = Merging<<B as Body>::Value, <G as Trigger<T>>::State>;

/// Where those are kept that stay apart.
type SeparateOf<T, G, B> = Separate<<B as Body>::Value, <G as Trigger<T>>::State>;

/// The operator for all other windows.
fn general<T, I, S, W, G, B>(build: &mut Build, parts: Parts<T, I, S, W, G, B::Out>, body: B)
where
    T: Record,
    I: Record,
    S: KeySelector<T>,
    W: WindowAssigner<T>,
    G: Trigger<T>,
    B: Add<T> + Body,
    WindowOperator<T, S, W, G, B, MergingOf<T, G, B>>: Input<I, 0>,
    WindowOperator<T, S, W, G, B, SeparateOf<T, G, B>>: Input<I, 0>,
{
    let Parts { selector, inbox, window, trigger, lateness, on_time, late, name } = parts;
    let firing = Firing::new(trigger, body, lateness, on_time);
    if W::MERGES {
        let (table, timers, clock) = pane_tables::<S::Key, _>(build, &name);
        let panes = Merging::new(table, timers, clock);
        let operator = WindowOperator::new(selector, Windows::new(window, panes, firing), late);
        build.task(OperatorTask::new(name.as_str().into(), operator, OnePort(inbox)));
    } else {
        let (table, timers, clock) = pane_tables::<S::Key, _>(build, &name);
        let panes = Separate::new(table, timers, clock);
        let operator = WindowOperator::new(selector, Windows::new(window, panes, firing), late);
        build.task(OperatorTask::new(name.as_str().into(), operator, OnePort(inbox)));
    }
}
