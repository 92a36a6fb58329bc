//! A stream with a key: equal keys meet on one worker.

use std::rc::Rc;

use super::stream::Stream;
use crate::exchange::partition::ByKey;
use crate::exchange::{KeySelector, Pattern};
use crate::operator::chain::Chain;
use crate::operator::keyed_state::FilterMapWithState;
use crate::operator::task::{OnePort, OperatorTask};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::state::ValueTable;

/// Made by [`Stream::key_by`] and [`Stream::key_by_value`].
#[must_use = "a keyed stream does nothing until an operator reads it"]
pub struct KeyedStream<T: Record, C: Chain<Out = T>, S: KeySelector<T>> {
    pub(crate) stream: Stream<T, C>,
    pub(crate) selector: Rc<S>,
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> std::fmt::Debug for KeyedStream<T, C, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyedStream").finish_non_exhaustive()
    }
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> KeyedStream<T, C, S> {
    /// Keeps a value of type `V` for each key; each record may change it and may give a record.
    ///
    /// Cost: the value is read from and written to its archive; two cache misses a record, overlapped over a batch.
    pub fn filter_map_with_state<V, U, F>(self, name: &str, apply: F) -> Stream<U>
    where
        V: Record + Default,
        U: Record,
        F: FnMut(&mut V, &Rec<T>) -> Option<U> + 'static,
    {
        let Self { stream: Stream { build, port, chain }, selector } = self;
        let port = {
            let mut build = build.borrow_mut();
            let node = build.node(name, "keyed state", V::NAME.to_owned(), &[""]);
            let route = ByKey { selector: Rc::clone(&selector), workers: build.config().workers };
            let inbox = build.inbox(&port, chain, route, Pattern::Exchange, (node, 0));
            let (out, port) = build.output(node, 0);
            let state = build.state::<S::Key, ValueTable<V>>(name, "value");
            let operator = FilterMapWithState::new(selector, state, apply, out);
            build.task(OperatorTask::new(name.into(), operator, OnePort(inbox)));
            port
        };
        Stream::new(build, port)
    }
}
