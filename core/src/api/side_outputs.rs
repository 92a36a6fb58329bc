//! Side outputs as streams.

use std::cell::RefCell;
use std::rc::Rc;

use super::stream::Stream;
use super::topology::Build;
use crate::operator::process::side::{NoSide, Side, Sides};
use crate::record::Record;
use crate::state::Scope;

/// The side outputs of a process function, and the streams that they become; derived.
///
/// ```
/// use thalweg::prelude::*;
/// use thalweg::process::{Side, SideOutputs};
///
/// #[derive(SideOutputs)]
/// struct Sorted {
///     negative: Side<i64>,
///     unreadable: Side<Str>,
/// }
/// // `process` gives a `Processed { main, side: SortedStreams { negative, unreadable } }`.
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not declare side outputs",
    note = "put `#[derive(SideOutputs)]` on a struct whose fields are `Side<T>`, or say `type Side = NoSide`"
)]
pub trait SideOutputs: Sides {
    /// Their names.
    const NAMES: &'static [&'static str];
    /// Their streams: a struct with the same fields.
    type Streams;
    /// What `process` gives: a stream if there are no side outputs, else all of them.
    type Result<T: Record>;

    /// Makes them.
    #[doc(hidden)]
    fn declare(builder: &mut SideBuilder<'_>) -> (Self, Self::Streams);
    /// Puts the main stream beside them.
    #[doc(hidden)]
    fn result<T: Record>(main: Stream<T>, side: Self::Streams) -> Self::Result<T>;
    /// The names of all outputs of the operator.
    #[doc(hidden)]
    fn output_names() -> Vec<&'static str> {
        let main = if Self::NAMES.is_empty() { "" } else { "main" };
        std::iter::once(main).chain(Self::NAMES.iter().copied()).collect()
    }
}

/// What `process` gives where there are side outputs.
#[derive(Debug)]
#[must_use = "the main stream and the side outputs all go somewhere: a sink, or drop_counted()"]
pub struct Processed<T: Record, S> {
    /// What went to `cx.out`.
    pub main: Stream<T>,
    /// What went to `cx.side`.
    pub side: S,
}

/// A field of a struct of side outputs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a side output",
    label = "not a side output",
    note = "the fields of side outputs are `Side<T>`: `Side<{Self}>` is an output of such records"
)]
pub trait SideOutput {
    /// Its stream.
    type Stream;
}

impl<T: Record> SideOutput for Side<T> {
    type Stream = Stream<T>;
}

/// What side outputs are made with.
pub struct SideBuilder<'a> {
    shared: &'a Rc<RefCell<Build>>,
    build: &'a mut Build,
    node: usize,
    scope: &'a Rc<Scope>,
    next: usize,
}

impl std::fmt::Debug for SideBuilder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SideBuilder").finish_non_exhaustive()
    }
}

impl<'a> SideBuilder<'a> {
    pub(super) fn new(
        shared: &'a Rc<RefCell<Build>>,
        build: &'a mut Build,
        node: usize,
        scope: &'a Rc<Scope>,
    ) -> Self {
        Self { shared, build, node, scope, next: 1 }
    }

    /// The next output, and its stream.
    #[doc(hidden)]
    pub fn output<T: Record>(&mut self) -> (Side<T>, Stream<T>) {
        let (out, port) = self.build.output(self.node, self.next);
        self.next += 1;
        (Side::new(out, Rc::clone(self.scope)), Stream::new(Rc::clone(self.shared), port))
    }
}

impl SideOutputs for NoSide {
    const NAMES: &'static [&'static str] = &[];
    type Streams = ();
    type Result<T: Record> = Stream<T>;

    fn declare(_: &mut SideBuilder<'_>) -> (Self, ()) {
        (Self, ())
    }

    fn result<T: Record>(main: Stream<T>, (): ()) -> Stream<T> {
        main
    }
}
