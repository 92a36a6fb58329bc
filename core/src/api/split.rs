//! One stream into several, of different types.

use std::cell::RefCell;
use std::rc::Rc;

use super::stream::Stream;
use super::topology::Build;
use crate::exchange::Pattern;
use crate::exchange::partition::Forward;
use crate::operator::SplitInto;
use crate::operator::chain::Chain;
use crate::operator::split::{Split, SplitOutput};
use crate::operator::task::{OnePort, OperatorTask};
use crate::raw::view::Rec;
use crate::record::Record;

/// The outputs' names, as they stand in plans: what one writes behind the tuple.
const NAMES: [&str; 6] = ["0", "1", "2", "3", "4", "5"];

/// A tuple of record types into which a stream can be split.
pub trait SplitStreams: SplitInto {
    /// A stream for each of them.
    type Streams;
    #[doc(hidden)]
    const COUNT: usize;
    #[doc(hidden)]
    fn make(maker: &Maker) -> (Self::Outs, Self::Streams);
}

/// Makes the outputs of a split.
#[doc(hidden)]
pub struct Maker {
    build: Rc<RefCell<Build>>,
    node: usize,
}

impl std::fmt::Debug for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Maker")
    }
}

macro_rules! tuple {
    ($count:literal: $($part:ident $at:tt $out:ident $stream:ident),*) => {
        impl<$($part: Record),*> SplitStreams for ($($part,)*) {
            type Streams = ($(Stream<$part>,)*);
            const COUNT: usize = $count;

            fn make(Maker { build, node }: &Maker) -> (Self::Outs, Self::Streams) {
                $(
                    let (out, port) = build.borrow_mut().output(*node, $at);
                    let $out = SplitOutput(out);
                    let $stream = Stream::new(Rc::clone(build), port);
                )*
                (($($out,)*), ($($stream,)*))
            }
        }
    };
}

tuple!(1: A 0 out_a a);
tuple!(2: A 0 out_a a, B 1 out_b b);
tuple!(3: A 0 out_a a, B 1 out_b b, C 2 out_c c);
tuple!(4: A 0 out_a a, B 1 out_b b, C 2 out_c c, D 3 out_d d);
tuple!(5: A 0 out_a a, B 1 out_b b, C 2 out_c c, D 3 out_d d, E 4 out_e e);
tuple!(6: A 0 out_a a, B 1 out_b b, C 2 out_c c, D 3 out_d d, E 4 out_e e, F 5 out_f f);

impl<T: Record, C: Chain<Out = T>> Stream<T, C> {
    /// Any number of records out for each record in, into one to six outputs, each of a type of its own; all with its event time.
    ///
    /// An output that nobody reads is refused, unless it is dropped in so many words. This is also how an operator has side outputs: they are the
    /// outputs after the first.
    ///
    /// ```
    /// use thalweg::prelude::*;
    ///
    /// # #[record]
    /// # struct Order { id: u64, country: Str, total: u64 }
    /// # fn job(t: &mut Topology) -> Result<()> {
    /// # let orders = t.source("orders", Items::of(Vec::<Order>::new())).without_event_time();
    /// let (domestic, foreign, large) =
    ///     orders.split::<(Order, Order, u64), _>("by country", |order, (mut domestic, mut foreign, mut large)| {
    ///         if order.country() == "NO" { domestic.forward(order) } else { foreign.forward(order) }
    ///         if order.total() > 10_000 {
    ///             large.emit(&order.id());
    ///         }
    ///     });
    /// domestic.sink("domestic", Blackhole);
    /// foreign.sink("foreign", Blackhole);
    /// large.drop_counted();
    /// # Ok(())
    /// # }
    /// # Engine::builder().build().plan(job).unwrap();
    /// ```
    #[must_use = "every output goes somewhere: a sink, or drop_counted()"]
    pub fn split<O, F>(self, name: &str, apply: F) -> O::Streams
    where
        O: SplitStreams,
        F: for<'a> FnMut(&'a Rec<T>, O::To<'a>) + 'static,
    {
        let Self { build, port, chain } = self;
        let (node, inbox) = {
            let mut build = build.borrow_mut();
            let node = build.node(name, "split", String::new(), &NAMES[..O::COUNT]);
            (node, build.inbox(&port, chain, Forward, Pattern::Forward, (node, 0)))
        };
        let (outs, streams) = O::make(&Maker { build: Rc::clone(&build), node });
        let operator = Split::<T, O, F>::new(apply, outs);
        build.borrow_mut().task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
        streams
    }
}
