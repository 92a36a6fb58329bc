//! Operators whose closures may fail, and what becomes of the records for which they do.
//!
//! Without a word, the first error ends the job, as in a program that uses `?`. One of the `or_` methods behind the operator says
//! otherwise, and gives it the name under which it fails, counts and is seen in the plan:
//!
//! ```
//! use thalweg::prelude::*;
//!
//! # fn job(t: &mut Topology) -> Result<()> {
//! let lines = t.source("lines", Items::of(vec![Str::from("17"), "many".into()])).without_event_time();
//! let Guarded { stream, dead } = lines
//!     .try_map(|line: &Rec<Str>| Ok(line.parse::<u64>()?))
//!     .or_dead_letter("parse");
//! stream.sink("numbers", Blackhole);
//! dead.inspect(|letter, _| assert_eq!(letter.error(), "invalid digit found in string"))
//!     .sink("unreadable", Files::ndjson("target/doc-unreadable.ndjson"));
//! # Ok(())
//! # }
//! # Engine::builder().build().plan(job).unwrap();
//! ```

use std::cell::Cell;
use std::rc::Rc;

use super::stream::Stream;
use super::topology::Build;
use crate::error::OperatorFault;
use crate::exchange::partition::Forward;
use crate::exchange::{Pattern, Records};
use crate::operator::Input;
use crate::operator::chain::{Chain, Linked};
use crate::operator::fallible::{
    Fallible, Guarded as GuardedOperator, Try, TryFilter, TryFilterMap, TryFlatMap, TryInspect,
    TryMap,
};
use crate::operator::output::Output;
use crate::operator::policy::{DeadLetter, Guard, Then};
use crate::operator::task::{OnePort, OperatorTask};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::sink::{Sink, SinkWriter, Writers};
use crate::source::OpenContext;
use crate::time::EventTime;

/// What worked, and what did not.
#[derive(Debug)]
#[must_use = "results and dead letters both go somewhere: a sink, or drop_counted()"]
pub struct Guarded<T: Record> {
    /// What worked.
    pub stream: Stream<T>,
    /// What did not.
    pub dead: Stream<DeadLetter>,
}

/// A stream at whose end is an operator that may fail.
pub type Tried<C, A> = Stream<<A as Fallible<<C as Chain>::Out>>::Out, Linked<C, Try<A>>>;

impl<T: Record, C: Chain<Out = T>> Stream<T, C> {
    /// As [`Self::map`] with a closure that may fail; say [`or_skip`](Stream::or_skip) or the like behind it, or the first
    /// error ends the job.
    pub fn try_map<U: Record, F>(self, apply: F) -> Tried<C, TryMap<F, U>>
    where
        F: FnMut(&Rec<T>) -> Result<U, OperatorFault> + 'static,
    {
        self.link(Try::new(TryMap::new(apply)))
    }

    /// As [`Self::filter`] with a closure that may fail; see [`Self::try_map`].
    pub fn try_filter<F>(self, keep: F) -> Tried<C, TryFilter<F>>
    where
        F: FnMut(&Rec<T>) -> Result<bool, OperatorFault> + 'static,
    {
        self.link(Try::new(TryFilter::new(keep)))
    }

    /// As [`Self::filter_map`] with a closure that may fail; see [`Self::try_map`].
    pub fn try_filter_map<U: Record, F>(self, apply: F) -> Tried<C, TryFilterMap<F, U>>
    where
        F: FnMut(&Rec<T>) -> Result<Option<U>, OperatorFault> + 'static,
    {
        self.link(Try::new(TryFilterMap::new(apply)))
    }

    /// As [`Self::flat_map`] with a closure that may fail, and that returns its results: either all of them leave, or none. See
    /// [`Self::try_map`].
    pub fn try_flat_map<I, F>(self, apply: F) -> Tried<C, TryFlatMap<F, I>>
    where
        I: IntoIterator<Item: Record> + 'static,
        F: FnMut(&Rec<T>) -> Result<I, OperatorFault> + 'static,
    {
        self.link(Try::new(TryFlatMap::new(apply)))
    }

    /// As [`Self::inspect`] with a closure that may fail; see [`Self::try_map`].
    pub fn try_inspect<F>(self, look: F) -> Tried<C, TryInspect<F>>
    where
        F: FnMut(&Rec<T>, EventTime) -> Result<(), OperatorFault> + 'static,
    {
        self.link(Try::new(TryInspect::new(look)))
    }

    /// As [`Self::for_each`] with a closure that may fail; the first error ends the job. For other policies: [`Self::try_inspect`] before a
    /// `Blackhole`.
    pub fn try_for_each<F>(self, name: &str, each: F)
    where
        F: FnMut(&Rec<T>, EventTime) -> Result<(), OperatorFault> + 'static,
    {
        self.sink(name, TryEach(Cell::new(Some(each))));
    }
}

impl<C: Chain, A: Fallible<C::Out>> Tried<C, A> {
    /// Calls the closure up to `attempts` times for a record, one right after the other, before the error counts; see [`Self::after`](Stream::after) for a
    /// pause between them.
    pub fn retry(mut self, attempts: u32) -> Self {
        self.chain.link_mut().attempts = attempts;
        self
    }

    /// The first error ends the job, as without a policy, and says `name`.
    pub fn or_fail(self, name: &str) -> Stream<A::Out> {
        self.guarded(name, ("fail", ""), |_| Then::Fail, at_once)
    }

    /// A record for which the closure fails is left out, and counted as skipped.
    pub fn or_skip(self, name: &str) -> Stream<A::Out> {
        self.guarded(name, ("skip", ""), |_| Then::Skip, at_once)
    }

    /// A record for which the closure fails leaves by a stream of its own, with the error, in order and with its event time.
    pub fn or_dead_letter(self, name: &str) -> Guarded<A::Out> {
        self.dead_letters(name, "", at_once)
    }

    /// As [`Self::guarded`], with an output for dead letters.
    pub(super) fn dead_letters<O: Input<C::Out, 0>>(
        self,
        name: &str,
        pause: &str,
        make: impl FnOnce(&mut Build, Job<'_, A>, Output<A::Out>) -> O,
    ) -> Guarded<A::Out> {
        with_dead_letters(name, |then| self.guarded(name, ("dead letter", pause), then, make))
    }

    /// Makes a task of the operator at the chain's end: that which `make` makes.
    pub(super) fn guarded<O: Input<C::Out, 0>>(
        self,
        name: &str,
        (policy, pause): (&str, &str),
        then: impl FnOnce((&mut Build, usize)) -> Then,
        make: impl FnOnce(&mut Build, Job<'_, A>, Output<A::Out>) -> O,
    ) -> Stream<A::Out> {
        let Self { build, port, chain } = self;
        let (chain, Try { fallible, attempts, .. }) = chain.into_parts();
        let port = {
            let mut build = build.borrow_mut();
            if attempts == 0 {
                build.refuse_setting(name, "there is at least one attempt");
            }
            let detail = Then::describe(attempts, pause, policy);
            let node = build.node(name, A::NAME, detail, Then::outputs(policy));
            let inbox = build.inbox(&port, chain, Forward, Pattern::Forward, (node, 0));
            if !pause.is_empty() {
                build.holds_records(node);
                if build.is_inside(node) {
                    let message = "it is in the body of a loop, which would not know of what waits for another attempt; leave after() out, or try before the loop or behind it";
                    build.refuse_setting(name, message);
                }
            }
            let (out, port) = build.output(node, 0);
            let then = then((&mut build, node));
            let operator = make(&mut build, Job { name, fallible, attempts, then }, out);
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            port
        };
        Stream::new(build, port)
    }
}

/// The stream that `make` makes, and its dead letters: `make` is given what becomes, on the node that it builds, of a record that is given up.
pub(super) fn with_dead_letters<U: Record>(
    name: &str,
    make: impl FnOnce(&mut dyn FnMut((&mut Build, usize)) -> Then) -> Stream<U>,
) -> Guarded<U> {
    let mut port = None;
    let stream = make(&mut |(build, node)| {
        let (out, dead) = build.output(node, 1);
        port = Some(dead);
        Then::DeadLetter { operator: name.into(), out }
    });
    let port = port.expect("invariant: the output was just made");
    let dead = Stream::new(Rc::clone(&stream.build), port);
    Guarded { stream, dead }
}

/// What an operator with a policy is made of.
pub(super) struct Job<'a, A> {
    pub(super) name: &'a str,
    pub(super) fallible: A,
    pub(super) attempts: u32,
    pub(super) then: Then,
}

/// One attempt follows the other.
fn at_once<T: Record, A: Fallible<T>>(
    _: &mut Build,
    job: Job<'_, A>,
    out: Output<A::Out>,
) -> GuardedOperator<T, A> {
    GuardedOperator::new(job.fallible, Guard::new(job.attempts, job.then), out)
}

/// The sink behind `Stream::try_for_each`: its one closure becomes the worker's writer.
struct TryEach<F>(Cell<Option<F>>);

struct TryEachWriter<F>(F);

impl<T, F> Sink<T> for TryEach<F>
where
    T: Record,
    F: FnMut(&Rec<T>, EventTime) -> Result<(), OperatorFault> + 'static,
{
    type Writer = TryEachWriter<F>;

    fn writers(&self) -> Writers {
        Writers::PerWorker
    }

    fn open(&self, _: &OpenContext) -> Result<TryEachWriter<F>, OperatorFault> {
        Ok(TryEachWriter(self.0.take().expect("invariant: a sink is opened once a worker")))
    }

    fn describe(&self) -> String {
        "try for each".into()
    }
}

impl<T, F> SinkWriter<T> for TryEachWriter<F>
where
    T: Record,
    F: FnMut(&Rec<T>, EventTime) -> Result<(), OperatorFault> + 'static,
{
    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        run.iter().try_for_each(|(record, at)| (self.0)(record, at))
    }
}
