//! A source whose watermarks are still to be chosen.

use std::cell::RefCell;
use std::rc::Rc;

use super::stream::Stream;
use super::topology::Build;
use crate::error::BuildError;
use crate::record::Record;
use crate::source::{Source, SourceTask};
use crate::time::{OnlyAtEnd, WatermarkStrategy};

/// Made by [`super::Topology::source`]; say how its watermarks are made to get a stream.
#[must_use = "a source without watermarks gives no stream"]
pub struct SourceStream<S: Source> {
    build: Rc<RefCell<Build>>,
    name: String,
    source: S,
}

crate::operator::opaque_debug!(SourceStream<S: Source>);

impl<S: Source> SourceStream<S> {
    pub(crate) fn new(build: Rc<RefCell<Build>>, name: &str, source: S) -> Self {
        Self { build, name: name.to_owned(), source }
    }

    /// The stream, with watermarks made for each split by `strategy`.
    pub fn watermarks<W: WatermarkStrategy<S::Out>>(self, strategy: W) -> Stream<S::Out> {
        if !<S::Out as Record>::HAS_EVENT_TIME {
            let message = format!(
                "records of type {} have no field marked #[event_time]; mark one or call without_event_time()",
                <S::Out as Record>::NAME
            );
            self.build
                .borrow_mut()
                .refuse(BuildError::Setting { name: self.name.clone(), message });
        }
        self.start(strategy)
    }

    /// The stream of a source whose records have no event time; windows over it close when it ends.
    pub fn without_event_time(self) -> Stream<S::Out> {
        self.start(OnlyAtEnd)
    }

    fn start<W: WatermarkStrategy<S::Out>>(self, strategy: W) -> Stream<S::Out> {
        let Self { build, name, source } = self;
        let port = {
            let mut build = build.borrow_mut();
            let node = build.node(&name, "source", source.describe(), &[""]);
            let (output, port) = build.output(node, 0);
            let splits = build.splits(&name, &source);
            let context = build.open_context(&name);
            build.task(SourceTask::new(source, strategy, splits, context, output));
            port
        };
        Stream::new(build, port)
    }
}
