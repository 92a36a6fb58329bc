//! Two keyed streams that lead to one node: what joins and co-processes have in common.

use std::cell::RefCell;
use std::rc::Rc;

use super::keyed_stream::KeyedStream;
use super::stream::Stream;
use super::topology::Build;
use crate::error::BuildError;
use crate::exchange::partition::ByKey;
use crate::exchange::{KeySelector, Pattern};
use crate::operator::chain::Chain;
use crate::operator::task::TwoPorts;
use crate::record::Record;

/// What is said of the node.
pub(super) struct About<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'static str,
    pub(super) detail: String,
    /// Why its settings are refused.
    pub(super) problem: Option<String>,
    pub(super) outputs: &'a [&'static str],
}

/// The node, and what its operator is made of.
pub(super) struct Met<A: Record, SA, B: Record, SB> {
    pub(super) node: usize,
    pub(super) selectors: (Rc<SA>, Rc<SB>),
    pub(super) inboxes: TwoPorts<A, B>,
}

/// Leads two streams to one node, each record to the worker of its key; `make` makes the node's task and outputs. Streams of different topologies are refused.
pub(super) fn meet<A, CA, SA, B, CB, SB, R>(
    (left, right): (KeyedStream<A, CA, SA>, KeyedStream<B, CB, SB>),
    about: About<'_>,
    make: impl FnOnce(&Rc<RefCell<Build>>, &mut Build, Met<A, SA, B, SB>) -> R,
) -> (Rc<RefCell<Build>>, R)
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    let About { name, kind, detail, problem, outputs } = about;
    let KeyedStream { stream: left, selector: select_left } = left;
    let KeyedStream { stream: right, selector: select_right } = right;
    let is_same = Rc::ptr_eq(&left.build, &right.build);
    let Stream { build, port, chain } = left;
    let made = {
        let mut graph = build.borrow_mut();
        check_same(&mut graph, is_same, name);
        if let Some(message) = problem {
            graph.refuse_setting(name, message);
        }
        let workers = graph.config().workers;
        let node = graph.node(name, kind, detail, outputs);
        let route = ByKey { selector: Rc::clone(&select_left), workers };
        let left = graph.inbox(&port, chain, route, Pattern::Exchange, (node, 0));
        let route = ByKey { selector: Rc::clone(&select_right), workers };
        let right = graph.inbox(&right.port, right.chain, route, Pattern::Exchange, (node, 1));
        let (selectors, inboxes) = ((select_left, select_right), TwoPorts(left, right));
        make(&build, &mut graph, Met { node, selectors, inboxes })
    };
    (build, made)
}

/// Refuses streams of different topologies.
pub(super) fn check_same(build: &mut Build, is_same: bool, name: &str) {
    if !is_same {
        build.refuse(BuildError::ForeignStream { operator: name.to_owned() });
    }
}
