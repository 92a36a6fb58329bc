//! Operators whose closures may fail: `try_map`, `try_filter`, `try_filter_map`, `try_flat_map`, `try_inspect`.
//!
//! Each is a [`Fallible`]. Without a policy it is a link of a chain, [`Try`], and its first error ends the job. With one it is an operator of its
//! own, [`Guarded`], which has a name, counts, and perhaps an output for dead letters.
//!
//! Stateless: there is nothing to store.

use std::marker::PhantomData;

use super::chain::{Emit, Link};
use super::output::{AnyOutput, Output};
use super::policy::{Fates, Guard, ONCE};
use super::{Input, Operator};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// What a closure that may fail does with each record of type `T`.
///
/// Calling it and sending what it gives are two steps: of a call that failed nothing is sent.
pub trait Fallible<T: Record>: 'static {
    /// What comes out.
    type Out: Record;
    /// What one call gives.
    type Given;
    /// The operator's name in plans.
    const NAME: &'static str;

    /// Calls the closure.
    ///
    /// # Errors
    ///
    /// Its own.
    fn call(&mut self, record: &Rec<T>, at: EventTime) -> Result<Self::Given, OperatorFault>;

    /// Sends what the closure gave.
    fn give(given: Self::Given, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<Self::Out>);
}

/// Made by `Stream::try_map`.
pub struct TryMap<F, U>(F, PhantomData<fn() -> U>);
/// Made by `Stream::try_filter`.
pub struct TryFilter<F>(F);
/// Made by `Stream::try_filter_map`.
pub struct TryFilterMap<F, U>(F, PhantomData<fn() -> U>);
/// Made by `Stream::try_flat_map`.
pub struct TryFlatMap<F, I>(F, PhantomData<fn() -> I>);
/// Made by `Stream::try_inspect`.
pub struct TryInspect<F>(F);

macro_rules! closure {
    ($name:ident < $($param:ident),* > $(, $marker:expr)?) => {
        super::opaque_debug!($name<$($param),*>);

        impl<$($param),*> $name<$($param),*> {
            /// The operator, for a chain by hand; streams make it by the method of its name.
            pub fn new(apply: F) -> Self {
                Self(apply $(, $marker)?)
            }
        }
    };
}

closure!(TryMap<F, U>, PhantomData);
closure!(TryFilter<F>);
closure!(TryFilterMap<F, U>, PhantomData);
closure!(TryFlatMap<F, I>, PhantomData);
closure!(TryInspect<F>);

impl<T, U, F> Fallible<T> for TryMap<F, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>) -> Result<U, OperatorFault> + 'static,
{
    type Out = U;
    type Given = U;
    const NAME: &'static str = "try_map";

    #[inline]
    fn call(&mut self, record: &Rec<T>, _: EventTime) -> Result<U, OperatorFault> {
        (self.0)(record)
    }

    #[inline]
    fn give(given: U, _: &Rec<T>, at: EventTime, emit: &mut impl Emit<U>) {
        emit.value(&given, at);
    }
}

impl<T, F> Fallible<T> for TryFilter<F>
where
    T: Record,
    F: FnMut(&Rec<T>) -> Result<bool, OperatorFault> + 'static,
{
    type Out = T;
    type Given = bool;
    const NAME: &'static str = "try_filter";

    #[inline]
    fn call(&mut self, record: &Rec<T>, _: EventTime) -> Result<bool, OperatorFault> {
        (self.0)(record)
    }

    #[inline]
    fn give(keep: bool, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<T>) {
        if keep {
            emit.record(record, at);
        }
    }
}

impl<T, U, F> Fallible<T> for TryFilterMap<F, U>
where
    T: Record,
    U: Record,
    F: FnMut(&Rec<T>) -> Result<Option<U>, OperatorFault> + 'static,
{
    type Out = U;
    type Given = Option<U>;
    const NAME: &'static str = "try_filter_map";

    #[inline]
    fn call(&mut self, record: &Rec<T>, _: EventTime) -> Result<Option<U>, OperatorFault> {
        (self.0)(record)
    }

    #[inline]
    fn give(given: Option<U>, _: &Rec<T>, at: EventTime, emit: &mut impl Emit<U>) {
        if let Some(value) = given {
            emit.value(&value, at);
        }
    }
}

impl<T, I, F> Fallible<T> for TryFlatMap<F, I>
where
    T: Record,
    I: IntoIterator<Item: Record> + 'static,
    F: FnMut(&Rec<T>) -> Result<I, OperatorFault> + 'static,
{
    type Out = I::Item;
    type Given = I;
    const NAME: &'static str = "try_flat_map";

    #[inline]
    fn call(&mut self, record: &Rec<T>, _: EventTime) -> Result<I, OperatorFault> {
        (self.0)(record)
    }

    #[inline]
    fn give(given: I, _: &Rec<T>, at: EventTime, emit: &mut impl Emit<I::Item>) {
        given.into_iter().for_each(|value| emit.value(&value, at));
    }
}

impl<T, F> Fallible<T> for TryInspect<F>
where
    T: Record,
    F: FnMut(&Rec<T>, EventTime) -> Result<(), OperatorFault> + 'static,
{
    type Out = T;
    type Given = ();
    const NAME: &'static str = "try_inspect";

    #[inline]
    fn call(&mut self, record: &Rec<T>, at: EventTime) -> Result<(), OperatorFault> {
        (self.0)(record, at)
    }

    #[inline]
    fn give((): (), record: &Rec<T>, at: EventTime, emit: &mut impl Emit<T>) {
        emit.record(record, at);
    }
}

/// A [`Fallible`] as a link of a chain: the first error ends the job.
#[derive(Debug)]
pub struct Try<A> {
    pub(crate) fallible: A,
    pub(crate) attempts: u32,
    fault: Option<OperatorFault>,
}

impl<A> Try<A> {
    /// The operator, for a chain by hand; streams make it by the method of its name.
    pub fn new(fallible: A) -> Self {
        Self { fallible, attempts: ONCE, fault: None }
    }
}

impl<T: Record, A: Fallible<T>> Link<T> for Try<A> {
    type Out = A::Out;
    const NAME: &'static str = A::NAME;

    #[inline]
    fn apply(&mut self, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<A::Out>) {
        // After the first error nothing more leaves: the job ends at the end of this page.
        if self.fault.is_some() {
            return;
        }
        let mut attempt = 1;
        loop {
            match self.fallible.call(record, at) {
                Ok(given) => return A::give(given, record, at, emit),
                Err(_) if attempt < self.attempts => attempt += 1,
                Err(fault) => {
                    self.fault = Some(fault);
                    return;
                }
            }
        }
    }

    fn fault(&mut self) -> Option<OperatorFault> {
        self.fault.take()
    }
}

/// A [`Fallible`] as an operator of its own, with a policy.
#[derive(Debug)]
pub(crate) struct Guarded<T: Record, A: Fallible<T>> {
    fallible: A,
    guard: Guard,
    out: Output<A::Out>,
    marker: PhantomData<fn(T)>,
}

impl<T: Record, A: Fallible<T>> Guarded<T, A> {
    pub(crate) fn new(fallible: A, guard: Guard, out: Output<A::Out>) -> Self {
        Self { fallible, guard, out, marker: PhantomData }
    }
}

impl<T: Record, A: Fallible<T>> Operator for Guarded<T, A> {
    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
        self.guard.outputs(each);
    }

    fn fates(&self) -> Fates {
        self.guard.fates()
    }
}

impl<T: Record, A: Fallible<T>> Input<T, 0> for Guarded<T, A> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { fallible, guard, out, .. } = self;
        for (record, at) in run.iter() {
            if let Some(given) = guard.call(record, at, || fallible.call(record, at))? {
                A::give(given, record, at, &mut IntoOutput(out));
            }
        }
        Ok(())
    }
}

/// An output as the end of a chain.
pub(super) struct IntoOutput<'a, T: Record>(pub(super) &'a mut Output<T>);

impl<T: Record> Emit<T> for IntoOutput<'_, T> {
    #[inline]
    fn record(&mut self, record: &Rec<T>, at: EventTime) {
        self.0.record(record, at);
    }

    #[inline]
    fn value(&mut self, value: &T, at: EventTime) {
        self.0.value(value, at);
    }
}
