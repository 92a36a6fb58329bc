//! `filter_map_with_state`: one value of state for each key, updated by each record; may emit.

use std::marker::PhantomData;
use std::rc::Rc;

use super::output::{AnyOutput, Output};
use super::{Input, Operator, Progress};
use crate::checkpoint::Freezing;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::raw::view::Rec;
use crate::record::{KeyScratch, Record};
use crate::state::ValueTable;

/// Made by `KeyedStream::filter_map_with_state`.
pub(crate) struct FilterMapWithState<T: Record, S, V: Record, F, U: Record> {
    selector: Rc<S>,
    state: ValueTable<V>,
    apply: F,
    out: Output<U>,
    key: KeyScratch,
    marker: PhantomData<fn(T)>,
}

super::opaque_debug!(FilterMapWithState<T: Record, S, V: Record, F, U: Record>);

impl<T: Record, S, V: Record, F, U: Record> FilterMapWithState<T, S, V, F, U> {
    pub(crate) fn new(selector: Rc<S>, state: ValueTable<V>, apply: F, out: Output<U>) -> Self {
        Self { selector, state, apply, out, key: KeyScratch::default(), marker: PhantomData }
    }
}

impl<T, S, V, F, U> Operator for FilterMapWithState<T, S, V, F, U>
where
    T: Record,
    S: KeySelector<T>,
    V: Record + Default,
    U: Record,
    F: FnMut(&mut V, &Rec<T>) -> Option<U> + 'static,
{
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        into.state(&mut self.state);
        Ok(Progress::Done)
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<T, S, V, F, U> Input<T, 0> for FilterMapWithState<T, S, V, F, U>
where
    T: Record,
    S: KeySelector<T>,
    V: Record + Default,
    U: Record,
    F: FnMut(&mut V, &Rec<T>) -> Option<U> + 'static,
{
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { selector, state, apply, out, key, .. } = self;
        each_ahead(
            run,
            state,
            |_, hash| hash,
            |state, hint, (record, at, hash)| {
                let bytes = selector.bytes(record, key);
                let result =
                    state.update((hash, hint), bytes, V::default, |value| apply(value, record));
                if let Some(value) = result {
                    out.value(&value, at);
                }
            },
        );
        Ok(())
    }
}
