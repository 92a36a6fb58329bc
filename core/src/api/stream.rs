//! A stream of records.

use std::cell::RefCell;
use std::rc::Rc;

use super::keyed_stream::KeyedStream;
use super::source_stream::{FarFuture, NO_BOUND};
use super::topology::{Build, Port};
use crate::error::BuildError;
use crate::exchange::partition::Forward;
use crate::exchange::{ByRef, ByValue, Pattern};
use crate::operator::assign_time::AssignTime;
use crate::operator::chain::{Chain, Direct, Linked};
use crate::operator::filter::{Filter, Inspect};
use crate::operator::flat_map::{FilterMap, FlatMap, Out};
use crate::operator::map::Map;
use crate::operator::task::{OnePort, OperatorTask, TwoPorts};
use crate::operator::union::Union;
use crate::raw::view::Rec;
use crate::record::{KeyRef, Record};
use crate::sink::{Each, Sink, SinkOperator, Writers};
use crate::time::{EventTime, WatermarkStrategy};

/// Records of type `T` on their way; `C` is the chain of stateless operators since the last boundary.
///
/// A stream without such a chain can be cloned, and then each clone gets every record; one with a chain is closed by
/// [`Stream::boxed`] first.
#[must_use = "a stream that nobody reads is refused; send it to a sink or call drop_counted()"]
pub struct Stream<T: Record, C: Chain<Out = T> = Direct<T>> {
    pub(crate) build: Rc<RefCell<Build>>,
    pub(crate) port: Port<C::In>,
    pub(crate) chain: C,
}

impl<T: Record, C: Chain<Out = T>> std::fmt::Debug for Stream<T, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("record", &<T as Record>::NAME).finish_non_exhaustive()
    }
}

impl<T: Record> Clone for Stream<T> {
    fn clone(&self) -> Self {
        Self { build: Rc::clone(&self.build), port: self.port.clone(), chain: Direct::default() }
    }
}

impl<T: Record> Stream<T> {
    pub(crate) fn new(build: Rc<RefCell<Build>>, port: Port<T>) -> Self {
        Self { build, port, chain: Direct::default() }
    }
}

impl<T: Record, C: Chain<Out = T>> Stream<T, C> {
    pub(super) fn link<L: crate::operator::Link<T>>(self, link: L) -> Stream<L::Out, Linked<C, L>> {
        let Self { build, port, chain } = self;
        Stream { build, port, chain: Linked::new(chain, link) }
    }

    /// One record out for each record in.
    pub fn map<U: Record, F>(self, apply: F) -> Stream<U, Linked<C, Map<F, U>>>
    where
        F: FnMut(&Rec<T>) -> U + 'static,
    {
        self.link(Map::new(apply))
    }

    /// Keeps the records for which `keep` holds.
    pub fn filter<P>(self, keep: P) -> Stream<T, Linked<C, Filter<P>>>
    where
        P: FnMut(&Rec<T>) -> bool + 'static,
    {
        self.link(Filter::new(keep))
    }

    /// At most one record out for each record in.
    pub fn filter_map<U: Record, F>(self, apply: F) -> Stream<U, Linked<C, FilterMap<F, U>>>
    where
        F: FnMut(&Rec<T>) -> Option<U> + 'static,
    {
        self.link(FilterMap::new(apply))
    }

    /// Any number of records out for each record in, all with its event time.
    pub fn flat_map<U: Record, F>(self, apply: F) -> Stream<U, Linked<C, FlatMap<F, U>>>
    where
        F: FnMut(&Rec<T>, &mut Out<'_, U>) + 'static,
    {
        self.link(FlatMap::new(apply))
    }

    /// Looks at each record and its event time.
    pub fn inspect<F>(self, look: F) -> Stream<T, Linked<C, Inspect<F>>>
    where
        F: FnMut(&Rec<T>, EventTime) + 'static,
    {
        self.link(Inspect::new(look))
    }

    /// Ends the chain here: what follows is a task of its own, and the stream can be cloned.
    pub fn boxed(self) -> Stream<T> {
        let Self { build, port, chain } = self;
        let port = {
            let mut build = build.borrow_mut();
            let name = build.fresh_name("boxed");
            let node = build.node(&name, "boxed", String::new(), &[""]);
            let inbox = build.inbox(&port, chain, Forward, Pattern::Forward, (node, 0));
            let (out, port) = build.output(node, 0);
            build.task(OperatorTask::new(name.as_str().into(), Union { out }, OnePort(inbox)));
            port
        };
        Stream::new(build, port)
    }

    /// Both streams as one; order is kept within each.
    pub fn union<D: Chain<Out = T>>(self, other: Stream<T, D>) -> Stream<T> {
        let Self { build, port, chain } = self;
        let port = {
            let is_foreign = !Rc::ptr_eq(&build, &other.build);
            let mut build = build.borrow_mut();
            let name = build.fresh_name("union");
            if is_foreign {
                build.refuse(BuildError::ForeignStream { operator: name.clone() });
            }
            let node = build.node(&name, "union", String::new(), &[""]);
            let left = build.inbox(&port, chain, Forward, Pattern::Forward, (node, 0));
            let right = build.inbox(&other.port, other.chain, Forward, Pattern::Forward, (node, 1));
            let (out, port) = build.output(node, 0);
            let ports = TwoPorts(left, right);
            build.task(OperatorTask::new(name.as_str().into(), Union { out }, ports));
            port
        };
        Stream::new(build, port)
    }

    /// This stream and all of `others` as one; order is kept within each, and each has its turn: one that never runs dry does not keep
    /// the others waiting.
    pub fn union_all(self, others: impl IntoIterator<Item = Stream<T>>) -> Stream<T> {
        let Self { build, port, chain } = self;
        let port = {
            let shared = &build;
            let mut build = shared.borrow_mut();
            let name = build.fresh_name("union");
            let node = build.node(&name, "union", String::new(), &[""]);
            let mut inbox = build.inbox(&port, chain, Forward, Pattern::Forward, (node, 0));
            for (number, other) in others.into_iter().enumerate() {
                if !Rc::ptr_eq(shared, &other.build) {
                    build.refuse(BuildError::ForeignStream { operator: name.clone() });
                }
                let to = (node, number + 1);
                let more = build.inbox(&other.port, other.chain, Forward, Pattern::Forward, to);
                inbox = inbox.join(more);
            }
            let (out, port) = build.output(node, 0);
            build.task(OperatorTask::new(name.as_str().into(), Union { out }, OnePort(inbox)));
            port
        };
        Stream::new(build, port)
    }

    /// The same records with another event time, and watermarks made from it.
    ///
    /// The strategy's bounds on the future hold for all records of a worker together, in the order in which they came. Whether the stream is idle, and what happens then,
    /// is what its sources say; only a source can wait for others, so alignment is set there.
    pub fn assign_time<F, W>(self, name: &str, read: F, strategy: W) -> Stream<T>
    where
        F: FnMut(&Rec<T>) -> EventTime + 'static,
        W: WatermarkStrategy<T>,
    {
        self.with_time(name, read, &strategy, false).0
    }

    /// As [`Self::assign_time`], with the records that claim to lie too far in the future in a stream of their own: those that the strategy's
    /// [`max_jump`](crate::time::WithOptions::max_jump) or [`max_ahead_of_clock`](crate::time::WithOptions::max_ahead_of_clock) finds.
    pub fn assign_time_and_far_future<F, W>(self, name: &str, read: F, strategy: W) -> FarFuture<T>
    where
        F: FnMut(&Rec<T>) -> EventTime + 'static,
        W: WatermarkStrategy<T>,
    {
        if !strategy.options().bounds_the_future() {
            self.build.borrow_mut().refuse_setting(name, NO_BOUND);
        }
        let (stream, far_future) = self.with_time(name, read, &strategy, true);
        FarFuture { stream, far_future: far_future.expect("invariant: it was asked for") }
    }

    fn with_time<F, W>(
        self,
        name: &str,
        read: F,
        strategy: &W,
        has_far: bool,
    ) -> (Stream<T>, Option<Stream<T>>)
    where
        F: FnMut(&Rec<T>) -> EventTime + 'static,
        W: WatermarkStrategy<T>,
    {
        let Self { build, port, chain } = self;
        let (port, far_port) = {
            let mut build = build.borrow_mut();
            let outputs: &[&'static str] = if has_far { &["", "far_future"] } else { &[""] };
            let node = build.node(name, "event time", String::new(), outputs);
            let options = strategy.options();
            if options.aligned_within.is_some() || options.aligned_with.is_some() {
                let message = "only a source can wait for others: set aligned_within() on the strategy of the source, which aligns by the event time that it reads";
                build.refuse_setting(name, message);
            }
            let inbox = build.inbox(&port, chain, Forward, Pattern::Forward, (node, 0));
            let (out, port) = build.output(node, 0);
            let (far, far_port) = has_far.then(|| build.output(node, 1)).unzip();
            let operator = AssignTime::new(read, strategy.generator(), &options, (out, far));
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            (port, far_port)
        };
        let far = far_port.map(|port| Stream::new(Rc::clone(&build), port));
        (Stream::new(build, port), far)
    }

    /// Deals the records to the workers by a key that lies in the record.
    pub fn key_by<R, F>(self, select: F) -> KeyedStream<T, C, ByRef<F, R>>
    where
        R: KeyRef + ?Sized + 'static,
        F: Fn(&Rec<T>) -> &R + 'static,
    {
        KeyedStream { stream: self, selector: Rc::new(ByRef::new(select)) }
    }

    /// Deals the records to the workers by a key that is computed from the record.
    pub fn key_by_value<K, F>(self, select: F) -> KeyedStream<T, C, ByValue<F, K>>
    where
        K: KeyRef + 'static,
        F: Fn(&Rec<T>) -> K + 'static,
    {
        KeyedStream { stream: self, selector: Rc::new(ByValue::new(select)) }
    }

    /// Calls `each` with every record, in place, on the worker where it is; each worker has a closure of its own.
    pub fn for_each<F>(self, name: &str, each: F)
    where
        F: FnMut(&Rec<T>, EventTime) + 'static,
    {
        self.sink(name, Each::new(each));
    }

    /// Sends the records to a sink.
    pub fn sink<S: Sink<T>>(self, name: &str, sink: S) {
        let Self { build, port, chain } = self;
        let mut build = build.borrow_mut();
        let node = build.node(name, "sink", sink.describe(), &[]);
        let pattern = match sink.writers() {
            Writers::PerWorker => Pattern::Forward,
            Writers::One => Pattern::Gather,
        };
        let inbox = build.inbox(&port, chain, Forward, pattern, (node, 0));
        let context = build.open_context(name);
        let idle = pattern == Pattern::Gather && context.worker != 0;
        let in_flight = build.in_flight(name);
        let operator = SinkOperator::new(sink, context, idle, in_flight);
        build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
    }
}

impl<T: Record> Stream<T> {
    /// Drops the records; the metrics of the operator that made them count them.
    pub fn drop_counted(self) {
        self.build.borrow_mut().mark_used(self.port.node, self.port.output);
    }
}
