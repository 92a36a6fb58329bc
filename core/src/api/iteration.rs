//! Loops in the dataflow: `stream.iterate("name", |round| (feedback, output))`.
//!
//! The number of steps until each number has come to 1 by halving it, or tripling it and adding one:
//!
//! ```
//! use thalweg::prelude::*;
//!
//! #[record]
//! struct Walk { from: u64, at: u64, steps: u32 }
//!
//! # fn main() -> Result<()> {
//! let out = Collected::new();
//! let sink = out.clone();
//! Engine::builder().build().run("walks", move |t| {
//!     t.source("numbers", Items::of([6_u64, 7, 1]))
//!         .without_event_time()
//!         .map(|n: &Rec<u64>| Walk { from: n.to_native(), at: n.to_native(), steps: 0 })
//!         .iterate("walk", |round| {
//!             let (again, done) = round.split::<(Walk, Walk), _>("at one", |walk, (mut again, mut done)| {
//!                 if walk.at() == 1 { done.forward(walk) } else { again.forward(walk) }
//!             });
//!             let again = again.map(|walk| {
//!                 let at = if walk.at() % 2 == 0 { walk.at() / 2 } else { walk.at() * 3 + 1 };
//!                 Walk { from: walk.from(), at, steps: walk.steps() + 1 }
//!             });
//!             (again, done)
//!         })
//!         .map(|walk| (walk.from(), walk.steps()))
//!         .sink("steps", sink.sink());
//!     Ok(())
//! })?;
//! let mut steps = out.take();
//! steps.sort();
//! assert_eq!(steps, [(1, 0), (6, 8), (7, 16)]);
//! # Ok(())
//! # }
//! ```

use std::cell::RefCell;
use std::rc::Rc;

use super::stream::Stream;
use super::topology::Build;
use crate::error::BuildError;
use crate::exchange::Pattern;
use crate::exchange::partition::Forward;
use crate::operator::asking::InFlight;
use crate::operator::chain::Chain;
use crate::operator::iteration::{Backlog, Feedback, Gate, Head};
use crate::operator::task::{OnePort, OperatorTask, PolledTask};
use crate::raw::view::Rec;
use crate::record::Record;

/// A stream that is about to go through a loop; made by [`Stream::iteration`].
#[derive(Debug)]
#[must_use = "say what is done in each round: iterate()"]
pub struct Iteration<C: Chain> {
    stream: Stream<C::Out, C>,
    capacity: usize,
}

/// An [`Iteration`] in which no record goes round for ever; made by [`Iteration::at_most`].
#[must_use = "say what is done in each round: iterate()"]
pub struct BoundedIteration<C: Chain, F> {
    iteration: Iteration<C>,
    most: u64,
    rounds: F,
}

impl<C: Chain, F> std::fmt::Debug for BoundedIteration<C, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BoundedIteration").field("most", &self.most).finish_non_exhaustive()
    }
}

/// What comes of a loop in which no record goes round for ever.
#[derive(Debug)]
#[must_use = "what has made all of its rounds goes somewhere: a sink, or drop_counted()"]
pub struct Iterated<T: Record, U: Record> {
    /// What the loop's body has sent out of it.
    pub stream: Stream<U>,
    /// What was to be fed back, and had made all the rounds that it may make.
    pub exceeded: Stream<T>,
}

/// Records in the backlog of a worker behind which no more are let in.
const CAPACITY: usize = 1 << 20;

impl<T: Record, C: Chain<Out = T>> Stream<T, C> {
    /// Sends the records through a loop: `body` is given the stream of what goes round, the records of this stream and those that it feeds back, and returns what
    /// is fed back and what leaves the loop. Both come of the stream that it was given; what is in between may deal records to other workers, have state,
    /// windows and timers, ask somebody outside, and be joined with streams from elsewhere. A loop in the body of a loop is refused, and so are pauses between attempts
    /// ([`after`](crate::api::Tried::after)).
    ///
    /// # When it ends
    ///
    /// A record goes round as long as the body feeds it back; see [`Iteration::at_most`] for a bound. When this stream has ended the loop goes on until nothing is
    /// under way in it on any worker, and then what it returns ends. If the job is stopped without being drained, what is under way is finished too.
    ///
    /// # Event time
    ///
    /// Records keep their event times on the way. In the loop event time follows this stream as far as nothing older is under way; behind it, as far as in addition nothing
    /// older will come of what that brought about in the loop: so what is behind the loop finds no record late because it went round. In the loop a result that is fed back
    /// by a window or a timer is as old as that, and late for windows that have fired. At the end of this stream event time in the loop goes almost to its end,
    /// [`EventTime::MAX`](crate::time::EventTime::MAX), so that all windows fire and what they feed back still goes round. Where the body assigns event time anew, that is what leaves the loop, and nothing waits for it.
    ///
    /// # Exactly once
    ///
    /// What is under way is part of a checkpoint, and goes on from there. Order is not kept between records that go round.
    ///
    /// Cost: of a record and round, two copies beside what the body costs. What was fed back waits in memory, without a bound: what a body makes more of in each
    /// round than leaves it, fills the memory.
    pub fn iterate<U, D, E>(
        self,
        name: &str,
        body: impl FnOnce(Stream<T>) -> (Stream<T, D>, Stream<U, E>),
    ) -> Stream<U>
    where
        U: Record,
        D: Chain<Out = T>,
        E: Chain<Out = U>,
    {
        self.iteration().iterate(name, body)
    }

    /// As [`Self::iterate`], to say more about the loop first.
    pub fn iteration(self) -> Iteration<C> {
        Iteration { stream: self, capacity: CAPACITY }
    }
}

impl<T: Record, C: Chain<Out = T>> Iteration<C> {
    /// With how many records that were fed back and wait, on each worker, nothing more is let in from outside. Default 1,048,576.
    pub fn capacity(mut self, records: usize) -> Self {
        self.capacity = records;
        self
    }

    /// A record that is to be fed back and has made `most` rounds or more leaves by a stream of its own. `rounds` reads from it how many it has made: the body counts them.
    pub fn at_most<F>(self, most: u64, rounds: F) -> BoundedIteration<C, F>
    where
        F: Fn(&Rec<T>) -> u64 + 'static,
    {
        BoundedIteration { iteration: self, most, rounds }
    }

    /// As [`Stream::iterate`].
    pub fn iterate<U, D, E>(
        self,
        name: &str,
        body: impl FnOnce(Stream<T>) -> (Stream<T, D>, Stream<U, E>),
    ) -> Stream<U>
    where
        U: Record,
        D: Chain<Out = T>,
        E: Chain<Out = U>,
    {
        let (round, end) = self.begin(name);
        let (feedback, output) = body(round);
        end.feed_back(feedback);
        end.let_out(output, "output")
    }

    fn begin(self, name: &str) -> (Stream<T>, Loop<T>) {
        let Self { stream: Stream { build, port, chain }, capacity } = self;
        let (port, backlog) = {
            let mut build = build.borrow_mut();
            let node = build.node(name, "iteration", String::new(), &[""]);
            if build.is_inside(port.node) {
                let message = "it is in the body of a loop, and a loop there would not know when it has ended; let the records leave that loop first, or do the rounds of both in one body";
                build.refuse_setting(name, message);
            }
            if capacity == 0 {
                let message = "with no room for a record that was fed back none would ever be let in; say capacity(1) or more";
                build.refuse_setting(name, message);
            }
            let inbox = build.inbox(&port, chain, Forward, Pattern::Forward, (node, 0));
            build.begins_loop(node);
            let (out, port) = build.output(node, 0);
            let backlog = Backlog::shared(build.config().page_bytes);
            let head = Head::new(Rc::clone(&backlog), capacity, out);
            let task = OperatorTask::new(name.into(), head, OnePort(inbox));
            let worker = build.worker();
            build.task(PolledTask::new(task, worker));
            (port, backlog)
        };
        let round = Stream::new(build, port);
        let end = Loop { name: name.into(), build: Rc::clone(&round.build), backlog };
        (round, end)
    }
}

impl<T, C, F> BoundedIteration<C, F>
where
    T: Record,
    C: Chain<Out = T>,
    F: Fn(&Rec<T>) -> u64 + 'static,
{
    /// As [`Stream::iterate`].
    pub fn iterate<U, D, E>(
        self,
        name: &str,
        body: impl FnOnce(Stream<T>) -> (Stream<T, D>, Stream<U, E>),
    ) -> Iterated<T, U>
    where
        U: Record,
        D: Chain<Out = T>,
        E: Chain<Out = U>,
    {
        let Self { iteration, most, rounds } = self;
        let (round, end) = iteration.begin(name);
        let (feedback, output) = body(round);
        let (again, exceeded) = feedback.split::<(T, T), _>(
            &format!("{name}.at_most"),
            move |record, (mut again, mut exceeded)| {
                if rounds(record) < most { again.forward(record) } else { exceeded.forward(record) }
            },
        );
        end.feed_back(again);
        let stream = end.let_out(output, "output");
        Iterated { stream, exceeded: end.let_out(exceeded, "exceeded") }
    }
}

/// A loop that was begun.
struct Loop<T: Record> {
    name: Rc<str>,
    build: Rc<RefCell<Build>>,
    backlog: Rc<RefCell<Backlog<T>>>,
}

impl<T: Record> Loop<T> {
    fn feed_back<D: Chain<Out = T>>(&self, feedback: Stream<T, D>) {
        let Self { name: of, build, backlog } = self;
        let is_foreign = !Rc::ptr_eq(build, &feedback.build);
        let mut build = build.borrow_mut();
        let name = format!("{of}.feedback");
        if is_foreign {
            build.refuse(BuildError::ForeignStream { operator: name });
            return;
        }
        if !build.is_inside(feedback.port.node) {
            let message = "what is fed back does not come of the stream that the body was given, so that nobody could know when the loop has ended; feed back what the body made of that";
            build.refuse_setting(of, message);
        }
        let node = build.node(&name, "feedback", format!("to {of}"), &[]);
        let Stream { port, chain, .. } = feedback;
        let inbox = build.inbox(&port, chain, Forward, Pattern::Forward, (node, 0));
        build.ends_loop(node);
        let records = build.state::<u64, _>(&name, "under way");
        let place = (build.worker(), build.config().workers);
        let feedback = Feedback::new(Rc::clone(backlog), InFlight::new(records, place));
        build.task(OperatorTask::new(name.as_str().into(), feedback, OnePort(inbox)));
    }

    fn let_out<U: Record, E: Chain<Out = U>>(&self, output: Stream<U, E>, what: &str) -> Stream<U> {
        let Self { name: of, build: shared, .. } = self;
        let is_foreign = !Rc::ptr_eq(shared, &output.build);
        let port = {
            let mut build = shared.borrow_mut();
            let name = format!("{of}.{what}");
            let node = build.node(&name, "iteration end", format!("of {of}"), &[""]);
            if is_foreign {
                build.refuse(BuildError::ForeignStream { operator: name.clone() });
            } else if !build.is_inside(output.port.node) {
                let message = "what leaves the loop does not come of the stream that the body was given; return what the body made of that, and use other streams behind the loop";
                build.refuse_setting(of, message);
            }
            let Stream { port, chain, .. } = output;
            let inbox = build.inbox(&port, chain, Forward, Pattern::Forward, (node, 0));
            build.ends_loop(node);
            let (out, port) = build.output(node, 0);
            build.task(OperatorTask::new(name.as_str().into(), Gate::new(out), OnePort(inbox)));
            port
        };
        Stream::new(Rc::clone(shared), port)
    }
}
