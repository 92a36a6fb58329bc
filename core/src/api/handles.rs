//! Where a job meets its host: inputs that the host feeds, and outputs that it receives.

use std::cell::RefCell;
use std::rc::Rc;

use super::stream::Stream;
use super::topology::{Build, Topology};
use crate::exchange::Pattern;
use crate::exchange::partition::Forward;
use crate::operator::chain::Chain;
use crate::operator::task::{OnePort, OperatorTask};
use crate::record::Record;
use crate::sink::{HostOutput, output_port};
use crate::source::{GateTask, input_port};
use crate::time::{OnlyAtEnd, WatermarkStrategy};

/// Made by [`Topology::input`]; say how its watermarks are made to get a stream.
#[must_use = "an input without watermarks gives no stream"]
pub struct InputStream<T: Record> {
    build: Rc<RefCell<Build>>,
    name: String,
    handles: usize,
    marker: std::marker::PhantomData<fn() -> T>,
}

crate::operator::opaque_debug!(InputStream<T: Record>);

impl Topology {
    /// A stream of what the host sends by [`JobHandle::input`](crate::control::JobHandle::input).
    pub fn input<T: Record>(&mut self, name: &str) -> InputStream<T> {
        let build = Rc::clone(&self.build);
        InputStream { build, name: name.to_owned(), handles: 1, marker: std::marker::PhantomData }
    }
}

impl<T: Record> InputStream<T> {
    /// How many handles there are, 1 unless said: one for each thread that sends, as a handle is one producer. They are dealt to the workers in turn, and each is
    /// a split with watermarks of its own. One that is never taken ends when the [`JobHandle`](crate::control::JobHandle) is dropped or joined.
    pub fn handles(mut self, handles: usize) -> Self {
        self.handles = handles;
        self
    }

    /// The stream, with watermarks made for each handle by `strategy`; the host may send later ones itself.
    pub fn watermarks<W: WatermarkStrategy<T>>(self, strategy: W) -> Stream<T> {
        if !T::HAS_EVENT_TIME {
            let message = format!(
                "records of type {} have no field marked #[event_time]; mark one, or call watermarks_sent() or without_event_time()",
                T::NAME
            );
            self.build.borrow_mut().refuse_setting(&self.name, message);
        }
        self.start(&strategy)
    }

    /// The stream, with the watermarks that the host sends by [`InputHandle::watermark`](crate::source::InputHandle::watermark), and no others; a
    /// handle that is silent holds event time back until it is closed or says that it is idle.
    pub fn watermarks_sent(self) -> Stream<T> {
        self.start(&OnlyAtEnd)
    }

    /// The stream of records that have no event time; windows over it close when all handles are closed.
    pub fn without_event_time(self) -> Stream<T> {
        self.start(&OnlyAtEnd)
    }

    fn start(self, strategy: &impl WatermarkStrategy<T>) -> Stream<T> {
        let Self { build, name, handles, .. } = self;
        let port = {
            let mut build = build.borrow_mut();
            let detail = format!("{handles} handle(s) of the host");
            let node = build.node(&name, "input", detail, &[""]);
            if handles == 0 {
                build.refuse_setting(&name, "an input has at least one handle");
            }
            let (output, port) = build.output(node, 0);
            build.host_input(handles);
            let options = strategy.options();
            let asks_for_more = options.aligned_within.is_some()
                || options.aligned_with.is_some()
                || options.max_jump.is_some()
                || options.max_ahead_of_clock.is_some();
            if asks_for_more {
                let message = "an input of the host knows neither alignment nor bounds on the future; leave them out";
                build.refuse_setting(&name, message);
            }
            let ends = build.port(input_port::<T>(&name, handles)).unwrap_or_default();
            let record = build.is_recorded();
            build.task(GateTask::new(name.as_str().into(), ends, strategy, output, record));
            port
        };
        Stream::new(build, port)
    }
}

impl<T: Record, C: Chain<Out = T>> Stream<T, C> {
    /// Gives the records to the host, by one handle: [`JobHandle::output`](crate::control::JobHandle::output). The host has to read them: what it does not read
    /// holds the job back, until the handle is dropped; but it holds no checkpoint up, up to 64 MiB of it on each worker, and is part of it.
    pub fn output(self, name: &str) {
        self.output_to(name, false);
    }

    /// As [`Self::output`], by a handle for each worker: the n-th that is taken is that of worker n.
    pub fn output_per_worker(self, name: &str) {
        self.output_to(name, true);
    }

    fn output_to(self, name: &str, per_worker: bool) {
        let Self { build, port, chain } = self;
        let mut build = build.borrow_mut();
        let node = build.node(name, "output", String::new(), &[]);
        let inbox = build.inbox(&port, chain, Forward, Pattern::Forward, (node, 0));
        let in_flight = build.in_flight(name);
        if let Some(ends) = build.port(output_port::<T>(name, per_worker)) {
            let operator = HostOutput::new(ends, in_flight);
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
        }
    }
}
