//! What a user implements: a process function for each shape of input.

use super::broadcast::{BroadcastMap, Rules};
use super::context::{Context, PlainContext};
use super::side::Sides;
use super::timers::Timers;
use super::visit::Visit;
use crate::error::OperatorFault;
use crate::raw::view::Rec;
use crate::record::{Key, Record};
use crate::state::State;
use crate::time::{EventTime, ProcessingTime};

/// The context of a [`KeyedProcess`].
pub type Cx<'a, P> = Context<
    'a,
    <P as KeyedProcess>::Key,
    <P as KeyedProcess>::State,
    <P as KeyedProcess>::Timer,
    <P as KeyedProcess>::Out,
    <P as KeyedProcess>::Side,
>;

/// User code over a keyed stream, for `KeyedStream::process`.
///
/// The struct itself is made anew on each worker and with each start: what is to be remembered belongs to [`Self::State`]. Its results may depend on what it is given
/// alone: no clock, no random numbers, no order of hash maps.
///
/// An error ends the job and names the operator.
pub trait KeyedProcess: 'static {
    /// The key of the stream.
    type Key: Key;
    /// Its records.
    type In: Record;
    /// The records that go out.
    type Out: Record;
    /// What each key remembers: a struct with `#[derive(State)]`, or [`NoState`](crate::state::NoState).
    type State: State;
    /// The names of each key's timers: an enum with `#[derive(Timers)]`, or [`NoTimers`](super::timers::NoTimers).
    type Timer: Timers;
    /// Further outputs: a struct with `#[derive(SideOutputs)]`, or [`NoSide`](super::side::NoSide).
    type Side: Sides;

    /// A record has come.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_event(
        &mut self,
        cx: &mut Cx<'_, Self>,
        record: &Rec<Self::In>,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized;

    /// A timer is due: the watermark has reached `at`. It is no longer set, and may be set again.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_timer(
        &mut self,
        cx: &mut Cx<'_, Self>,
        timer: Self::Timer,
        at: EventTime,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized,
    {
        let _ = cx;
        unexpected("on_timer", &timer, at)
    }

    /// A timer is due: the worker's clock has reached `at`. Those that are pending when the input ends do not fire.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_processing_timer(
        &mut self,
        cx: &mut Cx<'_, Self>,
        timer: Self::Timer,
        at: ProcessingTime,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized,
    {
        let _ = cx;
        unexpected("on_processing_timer", &timer, at)
    }
}

/// The context of a [`KeyedCoProcess`].
pub type CoCx<'a, P> = Context<
    'a,
    <P as KeyedCoProcess>::Key,
    <P as KeyedCoProcess>::State,
    <P as KeyedCoProcess>::Timer,
    <P as KeyedCoProcess>::Out,
    <P as KeyedCoProcess>::Side,
>;

/// User code over two keyed streams that share state and timers, for `KeyedStream::connect`.
///
/// As [`KeyedProcess`]. In which order records of the two streams come is a matter of timing.
pub trait KeyedCoProcess: 'static {
    /// The key of both streams.
    type Key: Key;
    /// The records of the stream that `connect` was called on.
    type Left: Record;
    /// The records of the other.
    type Right: Record;
    /// See [`KeyedProcess::Out`].
    type Out: Record;
    /// See [`KeyedProcess::State`].
    type State: State;
    /// See [`KeyedProcess::Timer`].
    type Timer: Timers;
    /// See [`KeyedProcess::Side`].
    type Side: Sides;

    /// A record of the left stream has come.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_left(
        &mut self,
        cx: &mut CoCx<'_, Self>,
        record: &Rec<Self::Left>,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized;

    /// A record of the right stream has come.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_right(
        &mut self,
        cx: &mut CoCx<'_, Self>,
        record: &Rec<Self::Right>,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized;

    /// See [`KeyedProcess::on_timer`].
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_timer(
        &mut self,
        cx: &mut CoCx<'_, Self>,
        timer: Self::Timer,
        at: EventTime,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized,
    {
        let _ = cx;
        unexpected("on_timer", &timer, at)
    }

    /// See [`KeyedProcess::on_processing_timer`].
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_processing_timer(
        &mut self,
        cx: &mut CoCx<'_, Self>,
        timer: Self::Timer,
        at: ProcessingTime,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized,
    {
        let _ = cx;
        unexpected("on_processing_timer", &timer, at)
    }
}

/// The context of a [`KeyedBroadcastProcess`].
pub type BroadcastCx<'a, P> = Context<
    'a,
    <P as KeyedBroadcastProcess>::Key,
    <P as KeyedBroadcastProcess>::State,
    <P as KeyedBroadcastProcess>::Timer,
    <P as KeyedBroadcastProcess>::Out,
    <P as KeyedBroadcastProcess>::Side,
>;

/// User code over a keyed stream and a broadcast one, for `KeyedStream::connect_broadcast`: each worker has all of the broadcast state, which
/// records of the broadcast stream change and those of the keyed stream read.
///
/// # What is guaranteed
///
/// Every worker sees every broadcast record, those of one sender in the order in which they were sent. So the broadcast states of all workers are the same in the
/// end if what is said about one entry comes from one sender, in order, or if it does not matter in which order it comes. In which order a broadcast
/// record and a keyed one come to a worker is a matter of timing; and it is recorded, so a replay repeats it.
pub trait KeyedBroadcastProcess: 'static {
    /// The key of the keyed stream.
    type Key: Key;
    /// Its records.
    type In: Record;
    /// The records of the broadcast stream.
    type Broadcast: Record;
    /// By what the broadcast state is addressed.
    type RuleKey: Key;
    /// What it holds.
    type Rule: Record;
    /// See [`KeyedProcess::Out`].
    type Out: Record;
    /// See [`KeyedProcess::State`].
    type State: State;
    /// See [`KeyedProcess::Timer`].
    type Timer: Timers;
    /// See [`KeyedProcess::Side`].
    type Side: Sides;

    /// A record of the keyed stream has come.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_event(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        rules: &mut Rules<'_, Self::RuleKey, Self::Rule>,
        record: &Rec<Self::In>,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized;

    /// A record of the broadcast stream has come, here as on every worker. It has no key and no output: every worker would send the same. What it
    /// is to do with keys is done by [`Self::visits`] and [`Self::on_visit`].
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_broadcast(
        &mut self,
        rules: &mut BroadcastMap<Self::RuleKey, Self::Rule>,
        record: &Rec<Self::Broadcast>,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized;

    /// Which keys are visited now that [`Self::on_broadcast`] has seen `record`: none, by default, or all that have some state,
    /// `Visit::all_keys(|state| &state.field)`.
    ///
    /// Each worker visits its own keys, each of them once, before it reads anything else; in slices, so that other operators and jobs have their turns.
    fn visits(&mut self, record: &Rec<Self::Broadcast>) -> Visit<Self::State> {
        let _ = record;
        Visit::none()
    }

    /// A key is visited because of `record`. The event time is that of the record; or the watermark, if that is later.
    ///
    /// In which order keys are visited is a function of what was done to the state, and the same in a replay.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_visit(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        rules: &mut Rules<'_, Self::RuleKey, Self::Rule>,
        record: &Rec<Self::Broadcast>,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized,
    {
        let _ = (cx, rules, record);
        Err("a broadcast record visits keys, but the process function has no `on_visit`".into())
    }

    /// See [`KeyedProcess::on_timer`].
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_timer(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        rules: &mut Rules<'_, Self::RuleKey, Self::Rule>,
        timer: Self::Timer,
        at: EventTime,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized,
    {
        let _ = (cx, rules);
        unexpected("on_timer", &timer, at)
    }

    /// See [`KeyedProcess::on_processing_timer`].
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_processing_timer(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        rules: &mut Rules<'_, Self::RuleKey, Self::Rule>,
        timer: Self::Timer,
        at: ProcessingTime,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized,
    {
        let _ = (cx, rules);
        unexpected("on_processing_timer", &timer, at)
    }
}

/// The context of a [`Process`].
pub type PlainCx<'a, P> = PlainContext<'a, <P as Process>::Out, <P as Process>::Side>;

/// User code over a stream without a key, for `Stream::process`: outputs of several types, and errors; neither state nor timers, which belong to keys.
pub trait Process: 'static {
    /// The records of the stream.
    type In: Record;
    /// See [`KeyedProcess::Out`].
    type Out: Record;
    /// See [`KeyedProcess::Side`].
    type Side: Sides;

    /// A record has come.
    ///
    /// # Errors
    ///
    /// What ends the job.
    fn on_event(
        &mut self,
        cx: &mut PlainCx<'_, Self>,
        record: &Rec<Self::In>,
    ) -> Result<(), OperatorFault>
    where
        Self: Sized;
}

fn unexpected<N: Timers>(
    method: &str,
    timer: &N,
    at: impl std::fmt::Display,
) -> Result<(), OperatorFault> {
    let name = N::NAMES[usize::from(timer.number())];
    Err(format!("timer `{name}` is due at {at}, but the process function has no `{method}`").into())
}
