//! Two keyed streams that meet.

use std::rc::Rc;

use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use crate::error::BuildError;
use crate::exchange::partition::ByKey;
use crate::exchange::{KeySelector, Pattern};
use crate::operator::chain::Chain;
use crate::operator::task::{OperatorTask, TwoPorts};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::state::ListPanes;
use crate::window::Tumbling;
use crate::window::join::{JoinOutputs, WindowJoin};

/// What a join gives: pairs, and on each side the records that came too late for their window.
#[derive(Debug)]
#[must_use = "pairs and late records all go somewhere: a sink, or drop_counted()"]
pub struct Joined<U: Record, A: Record, B: Record> {
    /// One record for each pair.
    pub on_time: Stream<U>,
    /// Records of the left side whose window had closed.
    pub late_left: Stream<A>,
    /// Records of the right side whose window had closed.
    pub late_right: Stream<B>,
}

/// Made by [`KeyedStream::join`].
#[must_use = "a join does nothing until apply() says what a pair gives"]
pub struct JoinedStreams<A, CA, SA, B, CB, SB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    pub(crate) left: KeyedStream<A, CA, SA>,
    pub(crate) right: KeyedStream<B, CB, SB>,
    pub(crate) name: String,
    pub(crate) window: Tumbling,
}

impl<A, CA, SA, B, CB, SB> std::fmt::Debug for JoinedStreams<A, CA, SA, B, CB, SB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinedStreams").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<A, CA, SA, B, CB, SB> JoinedStreams<A, CA, SA, B, CB, SB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    /// One record for each pair; it leaves when the second of the pair has come.
    ///
    /// Cost: both sides are kept until their window closes.
    pub fn apply<U, F>(self, pair: F) -> Joined<U, A, B>
    where
        U: Record,
        F: FnMut(&Rec<A>, &Rec<B>) -> U + 'static,
    {
        let Self { left, right, name, window } = self;
        let KeyedStream { stream: left, selector: select_left } = left;
        let KeyedStream { stream: right, selector: select_right } = right;
        let is_foreign = !Rc::ptr_eq(&left.build, &right.build);
        let Stream { build, port, chain } = left;
        let (pairs, late_left, late_right) = {
            let mut build = build.borrow_mut();
            if is_foreign {
                build.refuse(BuildError::ForeignStream { operator: name.clone() });
            }
            if window.width().is_zero() {
                let message = "a window is longer than zero".into();
                build.refuse(BuildError::Setting { name: name.clone(), message });
            }
            let workers = build.config().workers;
            let outputs = ["on_time", "late_left", "late_right"];
            let node = build.node(&name, "window join", format!("{:?}", window.width()), &outputs);
            let route = ByKey { selector: Rc::clone(&select_left), workers };
            let inbox_left = build.inbox(&port, chain, route, Pattern::Exchange, (node, 0));
            let route = ByKey { selector: Rc::clone(&select_right), workers };
            let inbox_right =
                build.inbox(&right.port, right.chain, route, Pattern::Exchange, (node, 1));
            let (pairs, pairs_port) = build.output(node, 0);
            let (late_left, late_left_port) = build.output(node, 1);
            let (late_right, late_right_port) = build.output(node, 2);
            let left_panes = ListPanes::new(build.panes(&name, "left"));
            let right_panes = ListPanes::new(build.panes(&name, "right"));
            let operator = WindowJoin::new(
                window,
                (select_left, left_panes),
                (select_right, right_panes),
                pair,
                JoinOutputs { pairs, late_left, late_right },
            );
            let ports = TwoPorts(inbox_left, inbox_right);
            build.task(OperatorTask::new(name.as_str().into(), operator, ports));
            (pairs_port, late_left_port, late_right_port)
        };
        Joined {
            on_time: Stream::new(Rc::clone(&build), pairs),
            late_left: Stream::new(Rc::clone(&build), late_left),
            late_right: Stream::new(build, late_right),
        }
    }
}
