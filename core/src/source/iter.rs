//! `Items`: a source of values that the program makes itself.

use std::rc::Rc;

use super::{Emitter, OpenContext, Polled, Position, Source, SplitReader};
use crate::error::OperatorFault;
use crate::io;
use crate::record::Record;

/// Values from iterators, one iterator for each split; for tests, generators and bounded data in memory.
pub struct Items<T, F> {
    splits: usize,
    make: Rc<F>,
    marker: std::marker::PhantomData<fn() -> T>,
}

impl<T, F> std::fmt::Debug for Items<T, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Items").field("splits", &self.splits).finish_non_exhaustive()
    }
}

impl<T, F, I> Items<T, F>
where
    T: Record,
    F: Fn(usize) -> I + 'static,
    I: Iterator<Item = T> + 'static,
{
    /// `splits` splits; `make` gives the iterator of each, and is called on the worker that reads it.
    pub fn per_split(splits: usize, make: F) -> Self {
        Self { splits, make: Rc::new(make), marker: std::marker::PhantomData }
    }
}

impl<T: Record> Items<T, ()> {
    /// One split with the values of a collection.
    pub fn of<C>(values: C) -> Items<T, impl Fn(usize) -> C::IntoIter>
    where
        C: IntoIterator<Item = T> + Clone + 'static,
        C::IntoIter: 'static,
    {
        Items::per_split(1, move |_| values.clone().into_iter())
    }
}

impl<T, F, I> Source for Items<T, F>
where
    T: Record,
    F: Fn(usize) -> I + 'static,
    I: Iterator<Item = T> + 'static,
{
    type Out = T;
    type Split = usize;
    type Reader = ItemReader<I>;

    fn splits(&self, _: &dyn io::Files) -> Result<Vec<usize>, OperatorFault> {
        Ok((0..self.splits).collect())
    }

    fn open(&self, split: &usize, _: &OpenContext) -> Result<ItemReader<I>, OperatorFault> {
        Ok(ItemReader { items: (self.make)(*split), taken: 0 })
    }

    /// Costs as much as reading what comes before: an iterator has no other way.
    fn resume(
        &self,
        split: &usize,
        position: &Position,
        _: &OpenContext,
    ) -> Result<ItemReader<I>, OperatorFault> {
        let taken: u64 = position.read()?;
        let mut items = (self.make)(*split);
        for _ in 0..taken {
            items.next();
        }
        Ok(ItemReader { items, taken })
    }

    fn describe(&self) -> String {
        format!("items in {} split(s)", self.splits)
    }
}

/// Reads one iterator.
pub struct ItemReader<I> {
    items: I,
    taken: u64,
}

impl<I> std::fmt::Debug for ItemReader<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ItemReader")
    }
}

impl<T: Record, I: Iterator<Item = T> + 'static> SplitReader<T> for ItemReader<I> {
    fn poll(&mut self, out: &mut Emitter<'_, T>) -> Result<Polled, OperatorFault> {
        for _ in 0..out.wanted() {
            match self.items.next() {
                Some(item) => {
                    out.emit(&item);
                    self.taken += 1;
                }
                None => return Ok(Polled::End),
            }
        }
        Ok(Polled::More)
    }

    fn position(&self) -> Option<Position> {
        Some(Position::of(&self.taken))
    }
}
