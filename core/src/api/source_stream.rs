//! A source whose watermarks are still to be chosen.

use std::cell::RefCell;
use std::rc::Rc;

use super::stream::Stream;
use super::topology::Build;
use crate::error::BuildError;
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

struct Started<T: Record> {
    stream: Stream<T>,
    far: Option<Stream<T>>,
}

impl<S: Source> SourceStream<S> {
    pub(crate) fn new(build: Rc<RefCell<Build>>, name: &str, source: S) -> Self {
        Self { build, name: name.to_owned(), source }
    }

    /// The stream, with watermarks made for each split by `strategy`.
    pub fn watermarks<W: WatermarkStrategy<S::Out>>(self, strategy: W) -> Stream<S::Out> {
        self.check_event_time();
        self.start(strategy, false).stream
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
            let message = "no record can be too far in the future: the strategy has no bound; call max_jump() or max_ahead_of_clock()";
            let (name, message) = (self.name.clone(), message.to_owned());
            self.build.borrow_mut().refuse(BuildError::Setting { name, message });
        }
        self.check_event_time();
        let Started { stream, far } = self.start(strategy, true);
        FarFuture { stream, far_future: far.expect("invariant: it was asked for") }
    }

    /// The stream of a source whose records have no event time; windows over it close when it ends.
    pub fn without_event_time(self) -> Stream<S::Out> {
        self.start(OnlyAtEnd, false).stream
    }

    fn check_event_time(&self) {
        if !<S::Out as Record>::HAS_EVENT_TIME {
            let message = format!(
                "records of type {} have no field marked #[event_time]; mark one or call without_event_time()",
                <S::Out as Record>::NAME
            );
            self.build
                .borrow_mut()
                .refuse(BuildError::Setting { name: self.name.clone(), message });
        }
    }

    fn start<W: WatermarkStrategy<S::Out>>(self, strategy: W, with_far: bool) -> Started<S::Out> {
        let Self { build, name, source } = self;
        let (port, far) = {
            let mut build = build.borrow_mut();
            let outputs = if with_far { &["", "far_future"][..] } else { &[""] };
            let node = build.node(&name, "source", source.describe(), outputs);
            let (output, port) = build.output(node, 0);
            let (far, far_port) = with_far.then(|| build.output(node, 1)).unzip();
            let splits = build.splits(&name, &source);
            let context = build.open_context(&name);
            let outputs = SourceOutputs::new(output, far);
            build.task(SourceTask::new(source, strategy, splits, context, outputs));
            (port, far_port)
        };
        let far = far.map(|port| Stream::new(Rc::clone(&build), port));
        Started { stream: Stream::new(build, port), far }
    }
}
