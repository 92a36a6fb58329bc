//! `split`: any number of records out for each record in, into several outputs of different types.
//!
//! It is what a `flat_map` with side outputs is: one closure, which is handed one [`To`] for each output. Stateless.

use std::marker::PhantomData;

use super::output::{AnyOutput, Output};
use super::{Input, Operator};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Takes records for one output of a split.
pub struct To<'a, T: Record> {
    out: &'a mut Output<T>,
    at: EventTime,
}

super::opaque_debug!(To<'a, T: Record>);

impl<T: Record> To<'_, T> {
    /// Sends one record, with the event time of the record that came in.
    #[inline]
    pub fn emit(&mut self, value: &T) {
        self.out.value(value, self.at);
    }

    /// Sends the record that came in, or a part of it that is a record, by copying its archive.
    #[inline]
    pub fn forward(&mut self, record: &Rec<T>) {
        self.out.record(record, self.at);
    }
}

/// One output of a split, for [`SplitInto`].
#[doc(hidden)]
#[derive(Debug)]
pub struct SplitOutput<T: Record>(pub(crate) Output<T>);

/// Looks at each output of a split, for [`SplitInto`].
#[doc(hidden)]
pub struct Visitor<'a>(&'a mut dyn FnMut(&mut dyn AnyOutput));

impl std::fmt::Debug for Visitor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Visitor")
    }
}

/// What a stream can be split into: a tuple of one to six record types. Not for implementing.
#[diagnostic::on_unimplemented(
    message = "a stream is split into a tuple of one to six record types, not into `{Self}`"
)]
pub trait SplitInto: 'static {
    /// What the closure is handed: a [`To`] for each output.
    type To<'a>;
    #[doc(hidden)]
    type Outs;
    #[doc(hidden)]
    fn to(outs: &mut Self::Outs, at: EventTime) -> Self::To<'_>;
    #[doc(hidden)]
    fn each(outs: &mut Self::Outs, each: Visitor<'_>);
}

macro_rules! tuple {
    ($($part:ident $at:tt),*) => {
        impl<$($part: Record),*> SplitInto for ($($part,)*) {
            type To<'a> = ($(To<'a, $part>,)*);
            type Outs = ($(SplitOutput<$part>,)*);

            #[inline]
            fn to(outs: &mut Self::Outs, at: EventTime) -> Self::To<'_> {
                ($(To { out: &mut outs.$at.0, at },)*)
            }

            fn each(outs: &mut Self::Outs, each: Visitor<'_>) {
                $((each.0)(&mut outs.$at.0);)*
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

/// Made by `Stream::split`.
pub(crate) struct Split<T, O: SplitInto, F> {
    apply: F,
    outs: O::Outs,
    marker: PhantomData<fn(T)>,
}

impl<T, O: SplitInto, F> Split<T, O, F> {
    pub(crate) fn new(apply: F, outs: O::Outs) -> Self {
        Self { apply, outs, marker: PhantomData }
    }
}

impl<T, O, F> Operator for Split<T, O, F>
where
    T: Record,
    O: SplitInto,
    F: for<'a> FnMut(&'a Rec<T>, O::To<'a>) + 'static,
{
    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        O::each(&mut self.outs, Visitor(each));
    }
}

impl<T, O, F> Input<T, 0> for Split<T, O, F>
where
    T: Record,
    O: SplitInto,
    F: for<'a> FnMut(&'a Rec<T>, O::To<'a>) + 'static,
{
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { apply, outs, .. } = self;
        for (record, at) in run.iter() {
            apply(record, O::to(outs, at));
        }
        Ok(())
    }
}
