//! A keyed stream cut into windows, and what an aggregation gives.

use std::rc::Rc;

use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use crate::error::BuildError;
use crate::exchange::partition::ByKey;
use crate::exchange::{KeySelector, Pattern};
use crate::operator::chain::Chain;
use crate::operator::task::{OnePort, OperatorTask};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::state::{ValuePanes, ValueTable};
use crate::window::session::SessionAggregate;
use crate::window::tumbling::TumblingAggregate;
use crate::window::{Session, SessionResult, Tumbling, WindowResult};

/// What a window gives: results, and the records that came too late for theirs.
#[derive(Debug)]
#[must_use = "results and late records both go somewhere: a sink, or drop_counted()"]
pub struct Windowed<R: Record, T: Record> {
    /// One result for each key of each window.
    pub on_time: Stream<R>,
    /// Records whose window had closed when they came.
    pub late: Stream<T>,
}

/// Made by [`KeyedStream::window`].
#[must_use = "a window does nothing until it aggregates"]
pub struct WindowedStream<T: Record, C: Chain<Out = T>, S: KeySelector<T>> {
    pub(crate) keyed: KeyedStream<T, C, S>,
    pub(crate) name: String,
    pub(crate) window: Tumbling,
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> std::fmt::Debug for WindowedStream<T, C, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WindowedStream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> WindowedStream<T, C, S> {
    /// Adds each record to the accumulator of its key and window; the accumulator is the result.
    ///
    /// Cost: one accumulator a key and window, no record is kept.
    pub fn aggregate<V, F>(self, add: F) -> Windowed<WindowResult<S::Key, V>, T>
    where
        V: Record + Default,
        F: FnMut(&mut V, &Rec<T>) + 'static,
    {
        let Self { keyed, name, window } = self;
        let KeyedStream { stream: Stream { build, port, chain }, selector } = keyed;
        let (on_time, late) = {
            let mut build = build.borrow_mut();
            if window.width().is_zero() {
                let message = "a window is longer than zero".into();
                build.refuse(BuildError::Setting { name: name.clone(), message });
            }
            let detail = format!("{:?} into {}", window.width(), V::NAME);
            let node = build.node(&name, "tumbling window", detail, &["on_time", "late"]);
            let route = ByKey { selector: Rc::clone(&selector), workers: build.config().workers };
            let inbox = build.inbox(&port, chain, route, Pattern::Exchange, (node, 0));
            let (on_time, on_time_port) = build.output(node, 0);
            let (late, late_port) = build.output(node, 1);
            let panes = ValuePanes::<V>::new(build.panes(&name, "accumulators"));
            let operator = TumblingAggregate::new(window, selector, panes, add, on_time, late);
            build.task(OperatorTask::new(name.as_str().into(), operator, OnePort(inbox)));
            (on_time_port, late_port)
        };
        Windowed {
            on_time: Stream::new(Rc::clone(&build), on_time),
            late: Stream::new(build, late),
        }
    }
}

/// Made by [`KeyedStream::session`].
#[must_use = "a session does nothing until it aggregates"]
pub struct SessionStream<T: Record, C: Chain<Out = T>, S: KeySelector<T>> {
    pub(crate) keyed: KeyedStream<T, C, S>,
    pub(crate) name: String,
    pub(crate) session: Session,
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> std::fmt::Debug for SessionStream<T, C, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionStream").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> SessionStream<T, C, S> {
    /// Adds each record to the accumulator of its session; `merge` joins the accumulator of a later session to that of an
    /// earlier one when a record closes the gap between them.
    ///
    /// Cost: a key's open sessions are read and written as one list, usually of one.
    pub fn aggregate<V, F, M>(self, add: F, merge: M) -> Windowed<SessionResult<S::Key, V>, T>
    where
        V: Record + Default + Clone,
        F: FnMut(&mut V, &Rec<T>) + 'static,
        M: FnMut(&mut V, V) + 'static,
    {
        let Self { keyed, name, session } = self;
        let KeyedStream { stream: Stream { build, port, chain }, selector } = keyed;
        let (on_time, late) = {
            let mut build = build.borrow_mut();
            if session.longest_silence().is_zero() {
                let message = "a session's gap is longer than zero".into();
                build.refuse(BuildError::Setting { name: name.clone(), message });
            }
            let detail = format!("gap {:?} into {}", session.longest_silence(), V::NAME);
            let node = build.node(&name, "session window", detail, &["on_time", "late"]);
            let route = ByKey { selector: Rc::clone(&selector), workers: build.config().workers };
            let inbox = build.inbox(&port, chain, route, Pattern::Exchange, (node, 0));
            let (on_time, on_time_port) = build.output(node, 0);
            let (late, late_port) = build.output(node, 1);
            let sessions = ValueTable::new(build.table(&name, "sessions"));
            let operator =
                SessionAggregate::new(session, selector, sessions, add, merge, on_time, late);
            build.task(OperatorTask::new(name.as_str().into(), operator, OnePort(inbox)));
            (on_time_port, late_port)
        };
        Windowed {
            on_time: Stream::new(Rc::clone(&build), on_time),
            late: Stream::new(build, late),
        }
    }
}
