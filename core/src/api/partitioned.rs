//! Streams that are dealt to the workers anew, by something other than a key.
//!
//! Each of these ends the chain: what comes before runs on the sender, what follows on the worker where the record arrives.
//!
//! # Not here
//!
//! No `rescale`: every operator runs on every worker, so dealing to the workers nearby would leave each record where it is.

use super::stream::Stream;
use crate::exchange::Pattern;
use crate::exchange::partition::{ByPartitioner, InTurn, Route, Scattered, ToAll};
use crate::operator::chain::Chain;
use crate::operator::task::{OnePort, OperatorTask};
use crate::operator::union::Union;
use crate::raw::view::Rec;
use crate::record::Record;

impl<T: Record, C: Chain<Out = T>> Stream<T, C> {
    /// A stream of which every worker gets every record, in the order of each sender.
    ///
    /// Whatever is counted or written downstream is so once for each worker: this is for what all of them must know, as rules and rates.
    ///
    /// Cost: a copy for each worker.
    pub fn broadcast(self) -> Stream<T> {
        let name = self.build.borrow().fresh_name("broadcast");
        self.dealt(&name, "broadcast", ToAll, Pattern::Broadcast)
    }

    /// Deals the records to the workers in turn, so that all have equally many, however uneven the splits.
    ///
    /// Order is kept from one sender to one receiver only. Each sender counts for itself and begins with its own worker, so the same input
    /// in the same order goes the same ways.
    ///
    /// Cost: a copy into the other worker's page, as an exchange by key without the hash.
    pub fn rebalance(self) -> Stream<T> {
        let (name, route) = {
            let build = self.build.borrow();
            (build.fresh_name("rebalance"), InTurn::new(build.worker(), build.config().workers))
        };
        self.dealt(&name, "rebalance", route, Pattern::Rebalance)
    }

    /// Deals the records to the workers by the hash of a counter: as evenly as [`Self::rebalance`], and without its rhythm, which matters if
    /// every n-th record is a heavy one. It is no chance: the same input in the same order goes the same ways.
    pub fn shuffle(self) -> Stream<T> {
        let (name, route) = {
            let build = self.build.borrow();
            (build.fresh_name("shuffle"), Scattered::new(build.worker(), build.config().workers))
        };
        self.dealt(&name, "shuffle", route, Pattern::Rebalance)
    }

    /// Deals the records to the workers as `partition` says, which is given the record and the number of workers and returns the number of one,
    /// from 0.
    ///
    /// The stream has no key: state by key needs [`Self::key_by`], which deals by key groups.
    ///
    /// # Errors
    ///
    /// The job ends, naming `name`, if there is no worker of that number.
    pub fn partition_by<F>(self, name: &str, partition: F) -> Stream<T>
    where
        F: FnMut(&Rec<T>, usize) -> usize + 'static,
    {
        let workers = self.build.borrow().config().workers;
        let route = ByPartitioner::new(name, partition, workers);
        self.dealt(name, "partition", route, Pattern::Partition)
    }

    /// The chain so far, then a way to other workers, and there a stream of its own.
    fn dealt<R: Route<T>>(
        self,
        name: &str,
        kind: &'static str,
        route: R,
        pattern: Pattern,
    ) -> Stream<T> {
        let Self { build, port, chain } = self;
        let port = {
            let mut build = build.borrow_mut();
            let node = build.node(name, kind, String::new(), &[""]);
            let inbox = build.inbox(&port, chain, route, pattern, (node, 0));
            let (out, port) = build.output(node, 0);
            build.task(OperatorTask::new(name.into(), Union { out }, OnePort(inbox)));
            port
        };
        Stream::new(build, port)
    }
}
