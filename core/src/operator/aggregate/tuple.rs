//! Several aggregates of the same records, as one.

use super::Aggregator;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

macro_rules! tuple {
    ($($part:ident $at:tt),*) => {
        impl<T: Record, $($part: Aggregator<T>),*> Aggregator<T> for ($($part,)*) {
            type Accumulator = ($($part::Accumulator,)*);
            type Result = ($($part::Result,)*);

            fn create(&self) -> Self::Accumulator {
                ($(self.$at.create(),)*)
            }

            #[inline]
            fn add(&self, accumulator: &mut Self::Accumulator, record: &Rec<T>, at: EventTime) {
                $(self.$at.add(&mut accumulator.$at, record, at);)*
            }

            fn merge(&self, accumulator: &mut Self::Accumulator, later: Self::Accumulator) {
                $(self.$at.merge(&mut accumulator.$at, later.$at);)*
            }

            #[inline]
            fn result(&self, accumulator: &Self::Accumulator) -> Self::Result {
                ($(self.$at.result(&accumulator.$at),)*)
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
