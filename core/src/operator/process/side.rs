//! Side outputs: further outputs of a process function, each of a type of its own.

use std::rc::Rc;

use crate::operator::output::{AnyOutput, Output};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::state::Scope;
use crate::time::EventTime;

/// A further output of a process function; a field of a struct with [`derive(SideOutputs)`](macro@crate::process::SideOutputs).
pub struct Side<T: Record> {
    out: Output<T>,
    scope: Rc<Scope>,
}

crate::operator::opaque_debug!(Side<T: Record>);

impl<T: Record> Side<T> {
    pub(crate) fn new(out: Output<T>, scope: Rc<Scope>) -> Self {
        Self { out, scope }
    }

    /// Sends a record, with the time of what is being handled.
    pub fn emit(&mut self, value: &T) {
        self.out.value(value, self.scope.emit_at());
    }

    /// Sends a record with an event time of its own.
    pub fn emit_at(&mut self, value: &T, at: EventTime) {
        self.out.value(value, at);
    }

    /// Sends a record on as it came, by copying its archive.
    pub fn forward(&mut self, record: &Rec<T>) {
        self.out.record(record, self.scope.emit_at());
    }
}

/// A side output of any type.
pub trait AnySide {
    #[doc(hidden)]
    fn visit(&mut self, each: &mut dyn FnMut(SideRef<'_>));
}

/// A side output, seen by its task.
pub struct SideRef<'a>(pub(crate) &'a mut dyn AnyOutput);

impl std::fmt::Debug for SideRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SideRef")
    }
}

impl<T: Record> AnySide for Side<T> {
    fn visit(&mut self, each: &mut dyn FnMut(SideRef<'_>)) {
        each(SideRef(&mut self.out));
    }
}

/// The side outputs of a process function: derived for a struct of [`Side`]s, or [`NoSide`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not declare side outputs",
    note = "put `#[derive(SideOutputs)]` on a struct whose fields are `Side<T>`, or say `type Side = NoSide`"
)]
pub trait Sides: Sized + 'static {
    /// Shows each of them.
    #[doc(hidden)]
    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnySide));
}

/// No side outputs.
#[derive(Debug)]
pub struct NoSide;

impl Sides for NoSide {
    fn outputs(&mut self, _: &mut dyn FnMut(&mut dyn AnySide)) {}
}

/// Shows an output and side outputs to a task.
pub(super) fn show<T: Record, D: Sides>(
    out: &mut Output<T>,
    side: &mut D,
    each: &mut dyn FnMut(&mut dyn AnyOutput),
) {
    each(out);
    side.outputs(&mut |side| side.visit(&mut |side| each(side.0)));
}
