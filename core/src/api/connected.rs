//! Two streams of different types side by side, and a keyed stream with one that every worker gets.

use std::rc::Rc;

use super::keyed_stream::KeyedStream;
use super::process::{KeyedBroadcastProcess, KeyedCoProcess, SideBuilder, SideOutputs};
use super::stream::Stream;
use super::topology::OperatorTables;
use super::two_keyed::{About, Met, check_same, meet};
use crate::exchange::partition::{ByKey, ToAll};
use crate::exchange::{KeySelector, Pattern};
use crate::operator::Out;
use crate::operator::chain::Chain;
use crate::operator::process::broadcast::{BroadcastMap, BroadcastProcessor};
use crate::operator::process::co::CoProcessor;
use crate::operator::process::shared::Keyed;
use crate::operator::task::{OperatorTask, TwoPorts};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::state::Scope;

/// Two streams side by side; made by [`Stream::connect`].
#[derive(Debug)]
#[must_use = "connected streams do nothing until map() or flat_map() makes one stream of them"]
pub struct ConnectedStreams<A: Record, CA: Chain<Out = A>, B: Record, CB: Chain<Out = B>> {
    left: Stream<A, CA>,
    right: Stream<B, CB>,
}

impl<A: Record, C: Chain<Out = A>> Stream<A, C> {
    /// This stream and another one, of another type, to be made one stream.
    pub fn connect<B: Record, D: Chain<Out = B>>(
        self,
        other: Stream<B, D>,
    ) -> ConnectedStreams<A, C, B, D> {
        ConnectedStreams { left: self, right: other }
    }
}

impl<A: Record, CA: Chain<Out = A>, B: Record, CB: Chain<Out = B>> ConnectedStreams<A, CA, B, CB> {
    /// One record for each record, of whichever side; order is kept within each side.
    pub fn map<U, F, G>(self, left: F, right: G) -> Stream<U>
    where
        U: Record,
        F: FnMut(&Rec<A>) -> U + 'static,
        G: FnMut(&Rec<B>) -> U + 'static,
    {
        self.left.map(left).union(self.right.map(right))
    }

    /// Any number of records for each record, of whichever side; order is kept within each side.
    pub fn flat_map<U, F, G>(self, left: F, right: G) -> Stream<U>
    where
        U: Record,
        F: FnMut(&Rec<A>, &mut Out<'_, U>) + 'static,
        G: FnMut(&Rec<B>, &mut Out<'_, U>) + 'static,
    {
        self.left.flat_map(left).union(self.right.flat_map(right))
    }
}

/// Two keyed streams side by side; made by [`KeyedStream::connect`].
#[derive(Debug)]
#[must_use = "connected streams do nothing until process() reads them"]
pub struct ConnectedKeyedStreams<A, CA, SA, B, CB, SB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    left: KeyedStream<A, CA, SA>,
    right: KeyedStream<B, CB, SB>,
}

/// A keyed stream and a broadcast one; made by [`KeyedStream::connect_broadcast`].
#[derive(Debug)]
#[must_use = "connected streams do nothing until process() reads them"]
pub struct BroadcastConnectedStreams<A, CA, S, B, CB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    S: KeySelector<A>,
{
    keyed: KeyedStream<A, CA, S>,
    rules: Stream<B, CB>,
}

impl<A: Record, CA: Chain<Out = A>, SA: KeySelector<A>> KeyedStream<A, CA, SA> {
    /// This stream and another one with the same keys, to share state and timers.
    pub fn connect<B, CB, SB>(
        self,
        other: KeyedStream<B, CB, SB>,
    ) -> ConnectedKeyedStreams<A, CA, SA, B, CB, SB>
    where
        B: Record,
        CB: Chain<Out = B>,
        SB: KeySelector<B, Key = SA::Key>,
    {
        ConnectedKeyedStreams { left: self, right: other }
    }

    /// This stream, with rules that every worker has: each record of `rules` goes to all of them. See [`KeyedBroadcastProcess`] for what is
    /// guaranteed.
    pub fn connect_broadcast<B, CB>(
        self,
        rules: Stream<B, CB>,
    ) -> BroadcastConnectedStreams<A, CA, SA, B, CB>
    where
        B: Record,
        CB: Chain<Out = B>,
    {
        BroadcastConnectedStreams { keyed: self, rules }
    }
}

impl<A, CA, SA, B, CB, SB> ConnectedKeyedStreams<A, CA, SA, B, CB, SB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    SA: KeySelector<A>,
    SB: KeySelector<B, Key = SA::Key>,
{
    /// Hands each record of either side to user code, with what its key remembers; see [`KeyedCoProcess`].
    ///
    /// The result is a stream; with side outputs it is a [`Processed`](super::process::Processed).
    pub fn process<P>(
        self,
        name: &str,
        make: impl FnOnce() -> P,
    ) -> <P::Side as SideOutputs>::Result<P::Out>
    where
        P: KeyedCoProcess<Key = SA::Key, Left = A, Right = B, Side: SideOutputs>,
    {
        let outputs = <P::Side as SideOutputs>::output_names();
        let about = About {
            name,
            kind: "co-process",
            detail: String::new(),
            problem: None,
            outputs: &outputs,
        };
        let (build, (main, side)) = meet((self.left, self.right), about, |build, graph, met| {
            let Met { node, selectors: (left, right), inboxes } = met;
            let (out, port) = graph.output(node, 0);
            let scope = Rc::new(Scope::default());
            let (side, streams) =
                P::Side::declare(&mut SideBuilder::new(build, graph, node, &scope));
            let tables = &mut OperatorTables::of::<P::Key>(graph, name);
            let keyed = Keyed::new(tables, scope, out, side);
            let operator = CoProcessor::new(make(), left, right, keyed);
            graph.task(OperatorTask::new(name.into(), operator, inboxes));
            (port, streams)
        });
        P::Side::result(Stream::new(build, main), side)
    }
}

impl<A, CA, S, B, CB> BroadcastConnectedStreams<A, CA, S, B, CB>
where
    A: Record,
    B: Record,
    CA: Chain<Out = A>,
    CB: Chain<Out = B>,
    S: KeySelector<A>,
{
    /// Hands each record to user code, those of the keyed stream with what their key remembers and the rules; see
    /// [`KeyedBroadcastProcess`].
    ///
    /// The result is a stream; with side outputs it is a [`Processed`](super::process::Processed).
    pub fn process<P>(
        self,
        name: &str,
        make: impl FnOnce() -> P,
    ) -> <P::Side as SideOutputs>::Result<P::Out>
    where
        P: KeyedBroadcastProcess<Key = S::Key, In = A, Broadcast = B, Side: SideOutputs>,
    {
        let KeyedStream { stream: left, selector } = self.keyed;
        let right = self.rules;
        let is_same = Rc::ptr_eq(&left.build, &right.build);
        let Stream { build, port, chain } = left;
        let (main, side) = {
            let mut graph = build.borrow_mut();
            check_same(&mut graph, is_same, name);
            let workers = graph.config().workers;
            let outputs = <P::Side as SideOutputs>::output_names();
            let node = graph.node(name, "broadcast process", String::new(), &outputs);
            let route = ByKey { selector: Rc::clone(&selector), workers };
            let inbox = graph.inbox(&port, chain, route, Pattern::Exchange, (node, 0));
            let rules = graph.inbox(&right.port, right.chain, ToAll, Pattern::Broadcast, (node, 1));
            let (out, port) = graph.output(node, 0);
            let scope = Rc::new(Scope::default());
            let (side, streams) =
                P::Side::declare(&mut SideBuilder::new(&build, &mut graph, node, &scope));
            let tables = &mut OperatorTables::of::<P::Key>(&mut graph, name);
            let keyed = Keyed::new(tables, scope, out, side);
            tables.is_replicated = true;
            let map = BroadcastMap::new(tables);
            let operator = BroadcastProcessor::new(make(), selector, keyed, map);
            graph.task(OperatorTask::new(name.into(), operator, TwoPorts(inbox, rules)));
            (port, streams)
        };
        P::Side::result(Stream::new(build, main), side)
    }
}
