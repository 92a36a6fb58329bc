//! Process functions: `Stream::process`, `KeyedStream::process`, and what a job needs to write one.
//!
//! A process function is user code that sees each record together with what its key remembers ([`KeyedProcess::State`]), may set timers
//! ([`KeyedProcess::Timer`]) and send records to several outputs ([`KeyedProcess::Side`]). An alert when a sensor has been silent:
//!
//! ```
//! use std::time::Duration;
//! use thalweg::prelude::*;
//! use thalweg::process::{Cx, KeyedProcess, NoSide, Timers};
//! use thalweg::state::{State, Value};
//!
//! #[record]
//! struct Reading {
//!     #[event_time]
//!     at: EventTime,
//!     sensor: Str,
//! }
//!
//! #[derive(State)]
//! struct Seen {
//!     readings: Value<u64>,
//! }
//!
//! #[derive(Timers)]
//! enum Timer {
//!     Silent,
//! }
//!
//! struct Silence {
//!     after: Duration,
//! }
//!
//! impl KeyedProcess for Silence {
//!     type Key = Str;
//!     type In = Reading;
//!     type Out = (Str, EventTime, u64);
//!     type State = Seen;
//!     type Timer = Timer;
//!     type Side = NoSide;
//!
//!     fn on_event(&mut self, cx: &mut Cx<'_, Self>, reading: &Rec<Reading>) -> Result<(), OperatorFault> {
//!         cx.state.readings.update(|n| *n += 1);
//!         cx.event_timers.set(Timer::Silent, reading.at() + self.after);
//!         Ok(())
//!     }
//!
//!     fn on_timer(&mut self, cx: &mut Cx<'_, Self>, Timer::Silent: Timer, at: EventTime) -> Result<(), OperatorFault> {
//!         let readings = cx.state.readings.get_or_default();
//!         cx.out.emit(&(cx.key(), at, readings));
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let reading = |s, sensor: &str| Reading { at: EventTime::from_secs(s), sensor: sensor.into() };
//! let readings = vec![reading(0, "roof"), reading(1, "cellar"), reading(20, "roof"), reading(40, "roof")];
//! let alerts = Collected::new();
//! let sink = alerts.clone();
//! Engine::builder().build().run("alerts", move |t| {
//!     t.source("readings", Items::of(readings.clone()))
//!         .watermarks(Monotonic)
//!         .key_by(|r| &r.sensor)
//!         .process("silence", || Silence { after: 30.secs() })
//!         .sink("alerts", sink.sink());
//!     Ok(())
//! })?;
//! let at = EventTime::from_secs;
//! assert_eq!(alerts.take(), [("cellar".into(), at(31), 1), ("roof".into(), at(70), 3)]);
//! # Ok(())
//! # }
//! ```

use std::rc::Rc;

use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use super::topology::OperatorTables;
use crate::exchange::partition::{ByKey, Forward};
use crate::exchange::{KeySelector, Pattern};
use crate::operator::chain::Chain;
use crate::operator::process::keyed::KeyedProcessor;
use crate::operator::process::plain::PlainProcessor;
use crate::operator::process::shared::Keyed;
use crate::operator::task::{OnePort, OperatorTask};
use crate::record::Record;
use crate::state::Scope;

pub use super::side_outputs::{Processed, SideBuilder, SideOutput, SideOutputs};
pub use crate::operator::process::aggregating::Aggregating;
pub use crate::operator::process::broadcast::{BroadcastMap, Rules};
pub use crate::operator::process::context::{Collector, Context, PlainContext};
pub use crate::operator::process::side::{AnySide, NoSide, Side, SideRef, Sides};
pub use crate::operator::process::timers::{NoTimers, TimerSet, TimerTime, Timers};
pub use crate::operator::process::traits::{
    BroadcastCx, CoCx, Cx, KeyedBroadcastProcess, KeyedCoProcess, KeyedProcess, PlainCx, Process,
};
pub use crate::operator::process::visit::Visit;
pub use thalweg_derive::{SideOutputs, Timers};

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> KeyedStream<T, C, S> {
    /// Hands each record to user code, with what its key remembers; see the [`process`](self) module.
    ///
    /// The result is a stream; with side outputs it is a [`Processed`] with the main stream and the side streams.
    pub fn process<P>(
        self,
        name: &str,
        make: impl FnOnce() -> P,
    ) -> <P::Side as SideOutputs>::Result<P::Out>
    where
        P: KeyedProcess<Key = S::Key, In = T, Side: SideOutputs>,
    {
        let Self { stream: Stream { build, port, chain }, selector } = self;
        let (main, side) = {
            let mut graph = build.borrow_mut();
            let outputs = <P::Side as SideOutputs>::output_names();
            let node = graph.node(name, "process", String::new(), &outputs);
            let route = ByKey { selector: Rc::clone(&selector), workers: graph.config().workers };
            let inbox = graph.inbox(&port, chain, route, Pattern::Exchange, (node, 0));
            let (out, port) = graph.output(node, 0);
            let scope = Rc::new(Scope::default());
            let (side, streams) =
                P::Side::declare(&mut SideBuilder::new(&build, &mut graph, node, &scope));
            let tables = &mut OperatorTables::of::<P::Key>(&mut graph, name);
            let keyed = Keyed::new(tables, scope, out, side);
            let operator = KeyedProcessor::new(make(), selector, keyed);
            graph.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            (port, streams)
        };
        P::Side::result(Stream::new(build, main), side)
    }
}

impl<T: Record, C: Chain<Out = T>> Stream<T, C> {
    /// Hands each record to user code that may send it to several outputs; on the worker where it is.
    ///
    /// The result is a stream; with side outputs it is a [`Processed`] with the main stream and the side streams.
    pub fn process<P>(
        self,
        name: &str,
        make: impl FnOnce() -> P,
    ) -> <P::Side as SideOutputs>::Result<P::Out>
    where
        P: Process<In = T, Side: SideOutputs>,
    {
        let Self { build, port, chain } = self;
        let (main, side) = {
            let mut graph = build.borrow_mut();
            let outputs = <P::Side as SideOutputs>::output_names();
            let node = graph.node(name, "process", String::new(), &outputs);
            let inbox = graph.inbox(&port, chain, Forward, Pattern::Forward, (node, 0));
            let (out, port) = graph.output(node, 0);
            let scope = Rc::new(Scope::default());
            let (side, streams) =
                P::Side::declare(&mut SideBuilder::new(&build, &mut graph, node, &scope));
            let operator = PlainProcessor::new(make(), scope, out, side);
            graph.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            (port, streams)
        };
        P::Side::result(Stream::new(build, main), side)
    }
}
