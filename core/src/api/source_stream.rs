//! A source whose watermarks are still to be chosen.

use std::cell::RefCell;
use std::rc::Rc;

use super::policies::Guarded;
use super::stream::Stream;
use super::topology::Build;
use crate::operator::DeadLetter;
use crate::record::Record;
use crate::source::{Source, SourceOutputs, SourceTask};
use crate::time::{OnlyAtEnd, WatermarkStrategy};

/// Made by [`super::Topology::source`]; say how its watermarks are made to get a stream.
#[must_use = "a source without watermarks gives no stream"]
pub struct SourceStream<S: Source> {
    build: Rc<RefCell<Build>>,
    name: String,
    source: S,
}

crate::operator::opaque_debug!(SourceStream<S: Source>);

/// A source's records: those whose time is believed, and those that claim to lie too far in the future.
#[must_use = "records that are too far in the future are lost unless their stream is used or dropped"]
#[derive(Debug)]
pub struct FarFuture<T: Record> {
    /// Records whose time is believed; they alone move the watermark.
    pub stream: Stream<T>,
    /// Records that are too far ahead of those before them; each with the time that it claims. Ahead of the watermark, so none of them is late.
    pub far_future: Stream<T>,
}

/// What is wrong with a strategy by which there is no far future.
pub(super) const NO_BOUND: &str = "no record can be too far in the future: the strategy has no bound; call max_jump() or max_ahead_of_clock()";

struct Started<T: Record> {
    stream: Stream<T>,
    far: Option<Stream<T>>,
    dead: Option<Stream<DeadLetter>>,
}

/// The streams that a source has beside its records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    FarFuture,
    DeadLetters,
}

/// A source with a stream of dead letters; made by [`SourceStream::or_dead_letter`].
#[must_use = "a source without watermarks gives no stream"]
pub struct GuardedSource<S: Source>(SourceStream<S>);

crate::operator::opaque_debug!(GuardedSource<S: Source>);

impl<S: Source> GuardedSource<S> {
    /// As [`SourceStream::watermarks`].
    pub fn watermarks<W: WatermarkStrategy<S::Out>>(self, strategy: W) -> Guarded<S::Out> {
        self.0.check_event_time();
        self.start(strategy)
    }

    /// As [`SourceStream::without_event_time`].
    pub fn without_event_time(self) -> Guarded<S::Out> {
        self.start(OnlyAtEnd)
    }

    fn start<W: WatermarkStrategy<S::Out>>(self, strategy: W) -> Guarded<S::Out> {
        let Started { stream, dead, .. } = self.0.start(strategy, Beside::DeadLetters);
        Guarded { stream, dead: dead.expect("invariant: it was asked for") }
    }
}

impl<S: Source> SourceStream<S> {
    pub(crate) fn new(build: Rc<RefCell<Build>>, name: &str, source: S) -> Self {
        Self { build, name: name.to_owned(), source }
    }

    /// The stream, with watermarks made for each split by `strategy`.
    pub fn watermarks<W: WatermarkStrategy<S::Out>>(self, strategy: W) -> Stream<S::Out> {
        self.check_event_time();
        self.start(strategy, Beside::Nothing).stream
    }

    /// As [`Self::watermarks`], with the records that claim to lie too far in the future in a stream of their own: those that the
    /// strategy's [`max_jump`](crate::time::WithOptions::max_jump) or [`max_ahead_of_clock`](crate::time::WithOptions::max_ahead_of_clock) finds.
    ///
    /// ```
    /// # use thalweg::prelude::*;
    /// # #[record]
    /// # struct Reading { #[event_time] at: EventTime, value: i64 }
    /// # fn job(t: &mut Topology, readings: Vec<Reading>) {
    /// let FarFuture { stream, far_future } = t
    ///     .source("readings", Items::of(readings))
    ///     .watermarks_and_far_future(BoundedOutOfOrderness::of(5.secs()).max_jump(1.hours()));
    /// far_future.sink("wrong clocks", Files::ndjson("wrong_clocks.ndjson"));
    /// # stream.sink("right", Blackhole);
    /// # }
    /// ```
    pub fn watermarks_and_far_future<W: WatermarkStrategy<S::Out>>(
        self,
        strategy: W,
    ) -> FarFuture<S::Out> {
        if !strategy.options().bounds_the_future() {
            self.build.borrow_mut().refuse_setting(&self.name, NO_BOUND);
        }
        self.check_event_time();
        let Started { stream, far, .. } = self.start(strategy, Beside::FarFuture);
        FarFuture { stream, far_future: far.expect("invariant: it was asked for") }
    }

    /// From now on what is no record, as a line that cannot be decoded, leaves by a stream of its own, as a [`DeadLetter`] with the file, the line and
    /// the column, whatever the source's own settings say.
    ///
    /// ```
    /// # use thalweg::prelude::*;
    /// # #[record]
    /// # struct Visit { #[event_time] at: EventTime, page: Str }
    /// # fn job(t: &mut Topology) {
    /// let Guarded { stream, dead } = t
    ///     .source("visits", Files::csv::<Visit>("visits/*.csv.gz"))
    ///     .or_dead_letter()
    ///     .watermarks(Monotonic);
    /// dead.map(|letter| (Str::from(letter.error()), Str::from(letter.text()))).sink("unreadable", Blackhole);
    /// # stream.sink("out", Blackhole);
    /// # }
    /// ```
    ///
    /// A dead letter travels with the event time of the latest record before it in its split. Watermarks are made as if the line were not there.
    pub fn or_dead_letter(self) -> GuardedSource<S> {
        GuardedSource(self)
    }

    /// The stream of a source whose records have no event time; windows over it close when it ends.
    pub fn without_event_time(self) -> Stream<S::Out> {
        self.start(OnlyAtEnd, Beside::Nothing).stream
    }

    fn check_event_time(&self) {
        if !<S::Out as Record>::HAS_EVENT_TIME {
            let message = format!(
                "records of type {} have no field marked #[event_time]; mark one or call without_event_time()",
                <S::Out as Record>::NAME
            );
            self.build.borrow_mut().refuse_setting(&self.name, message);
        }
    }

    fn start<W: WatermarkStrategy<S::Out>>(self, strategy: W, beside: Beside) -> Started<S::Out> {
        let Self { build, name, source } = self;
        let (port, far, dead) = {
            let mut build = build.borrow_mut();
            let outputs: &[&'static str] = match beside {
                Beside::Nothing => &[""],
                Beside::FarFuture => &["", "far_future"],
                Beside::DeadLetters => &["", "dead"],
            };
            let node = build.node(&name, "source", source.describe(), outputs);
            let (output, port) = build.output(node, 0);
            let (far, far_port) =
                (beside == Beside::FarFuture).then(|| build.output(node, 1)).unzip();
            let (dead, dead_port) =
                (beside == Beside::DeadLetters).then(|| build.output(node, 1)).unzip();
            let options = strategy.options();
            if options.aligned_with.is_some() && options.aligned_within.is_none() {
                let message =
                    "say how far it may be ahead of those it is aligned with: aligned_within()";
                build.refuse_setting(&name, message);
            }
            let splits = build.splits(&name, &source, options.aligned_with);
            let context = build.open_context(&name);
            let mut outputs = SourceOutputs::new(output, far);
            if let Some(dead) = dead {
                outputs = outputs.with_dead(&name, dead);
            }
            build.task(SourceTask::new(source, strategy, splits, context, outputs));
            (port, far_port, dead_port)
        };
        let far = far.map(|port| Stream::new(Rc::clone(&build), port));
        let dead = dead.map(|port| Stream::new(Rc::clone(&build), port));
        Started { stream: Stream::new(build, port), far, dead }
    }
}
