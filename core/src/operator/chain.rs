//! Chains: stateless operators fused into one loop.
//!
//! A chain is built like an iterator adaptor, each operator around the one before it, and pushes: each record runs
//! through all operators as direct calls before the next one is read. It is boxed where it ends, at an
//! exchange, a stateful operator, a split or a sink.

use std::marker::PhantomData;

use crate::error::OperatorFault;
use crate::raw::page::PageView;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Takes the results of a chain.
pub trait Emit<T: Record> {
    /// A record that is archived already; it is copied, never re-serialised.
    fn record(&mut self, record: &Rec<T>, at: EventTime);
    /// A value that is not archived yet; it is serialised where it goes.
    fn value(&mut self, value: &T, at: EventTime);
}

/// Stateless operators in a row.
pub trait Chain: 'static {
    /// What goes in.
    type In: Record;
    /// What comes out.
    type Out: Record;

    /// Runs one record through the chain; `emit` gets what comes out, none, one or many.
    fn push(&mut self, record: &Rec<Self::In>, at: EventTime, emit: &mut impl Emit<Self::Out>);

    /// The page itself, if the chain has no operator and passes every record on as it is.
    fn unchanged<'a>(&self, page: PageView<'a, Self::In>) -> Option<PageView<'a, Self::Out>> {
        let _ = page;
        None
    }

    /// The error of a closure that failed since the last call.
    fn fault(&mut self) -> Option<OperatorFault>;

    /// Adds the operators' names, in order.
    fn describe(&self, names: &mut Vec<&'static str>);
}

/// The empty chain.
#[derive(Debug)]
pub struct Direct<T>(PhantomData<fn(T)>);

impl<T> Default for Direct<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Record> Chain for Direct<T> {
    type In = T;
    type Out = T;

    #[inline]
    fn push(&mut self, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<T>) {
        emit.record(record, at);
    }

    fn unchanged<'a>(&self, page: PageView<'a, T>) -> Option<PageView<'a, T>> {
        Some(page)
    }

    fn fault(&mut self) -> Option<OperatorFault> {
        None
    }

    fn describe(&self, _: &mut Vec<&'static str>) {}
}

/// One operator of a chain: what it does with each record of the operator before it.
pub trait Link<T: Record>: 'static {
    /// What comes out.
    type Out: Record;
    /// The operator's name in plans.
    const NAME: &'static str;
    /// Handles one record.
    fn apply(&mut self, record: &Rec<T>, at: EventTime, emit: &mut impl Emit<Self::Out>);
    /// The error of the closure, if it failed since the last call.
    fn fault(&mut self) -> Option<OperatorFault> {
        None
    }
}

/// A chain with one more operator at its end.
#[derive(Debug)]
pub struct Linked<C: Chain, L> {
    before: C,
    link: L,
    scratch: crate::raw::scratch::Scratch<C::Out>,
}

impl<C: Chain, L: Link<C::Out>> Linked<C, L> {
    /// The operator, for a chain by hand; streams make it by the method of its name.
    pub fn new(before: C, link: L) -> Self {
        Self { before, link, scratch: crate::raw::scratch::Scratch::default() }
    }

    /// What comes before the last operator, and that operator.
    pub(crate) fn into_parts(self) -> (C, L) {
        (self.before, self.link)
    }

    /// The last operator.
    pub(crate) fn link_mut(&mut self) -> &mut L {
        &mut self.link
    }
}

struct IntoLink<'a, T: Record, L, E> {
    link: &'a mut L,
    scratch: &'a mut crate::raw::scratch::Scratch<T>,
    emit: &'a mut E,
}

impl<T: Record, L: Link<T>, E: Emit<L::Out>> Emit<T> for IntoLink<'_, T, L, E> {
    #[inline]
    fn record(&mut self, record: &Rec<T>, at: EventTime) {
        self.link.apply(record, at, self.emit);
    }

    #[inline]
    fn value(&mut self, value: &T, at: EventTime) {
        self.link.apply(self.scratch.archive(value), at, self.emit);
    }
}

impl<C: Chain, L: Link<C::Out>> Chain for Linked<C, L> {
    type In = C::In;
    type Out = L::Out;

    #[inline]
    fn push(&mut self, record: &Rec<C::In>, at: EventTime, emit: &mut impl Emit<L::Out>) {
        let Self { before, link, scratch } = self;
        before.push(record, at, &mut IntoLink { link, scratch, emit });
    }

    fn fault(&mut self) -> Option<OperatorFault> {
        self.before.fault().or_else(|| self.link.fault())
    }

    fn describe(&self, names: &mut Vec<&'static str>) {
        self.before.describe(names);
        names.push(L::NAME);
    }
}

#[cfg(test)]
mod tests;
