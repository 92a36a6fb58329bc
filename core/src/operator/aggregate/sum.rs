//! `sum`: what the records add up to.

use std::marker::PhantomData;

use super::{Aggregator, Number};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Made by [`super::Of::sum`].
pub struct Sum<F, N> {
    pub(super) read: F,
    marker: PhantomData<fn() -> N>,
}

crate::operator::opaque_debug!(Sum<F, N>);

impl<F, N> Sum<F, N> {
    pub(super) fn new(read: F) -> Self {
        Self { read, marker: PhantomData }
    }
}

impl<T: Record, N: Number, F: Fn(&Rec<T>) -> N + 'static> Aggregator<T> for Sum<F, N> {
    type Accumulator = N::Total;
    type Result = N::Sum;

    fn create(&self) -> N::Total {
        N::Total::default()
    }

    #[inline]
    fn add(&self, total: &mut N::Total, record: &Rec<T>, _: EventTime) {
        (self.read)(record).add_to(total);
    }

    fn merge(&self, total: &mut N::Total, later: N::Total) {
        N::merge(total, later);
    }

    #[inline]
    fn result(&self, total: &N::Total) -> N::Sum {
        N::sum(total)
    }
}
