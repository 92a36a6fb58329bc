//! `Callback`: a closure that may fail takes each record, in place, on the worker where it is.

use std::marker::PhantomData;
use std::rc::Rc;

use super::{Sink, SinkWriter, Writers};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::source::OpenContext;
use crate::time::EventTime;

/// Calls a closure with each record; its first error ends the job. [`super::ForEach`] is for closures that cannot fail.
///
/// ```
/// use thalweg::error::OperatorFault;
/// use thalweg::prelude::*;
///
/// let error = Engine::builder().build().run("checked", |t| {
///     t.source("numbers", Items::of([1_u64, 2, 3])).without_event_time().sink(
///         "even",
///         Callback::new(|_| {
///             |n: &Rec<u64>, _| match n.to_value() % 2 {
///                 0 => Ok(()),
///                 _ => Err(OperatorFault::from(format!("{} is odd", n.to_value()))),
///             }
///         }),
///     );
///     Ok(())
/// });
/// assert_eq!(error.unwrap_err().to_string(), "operator \"even\" failed");
/// ```
pub struct Callback<T, F, G> {
    make: Rc<F>,
    marker: PhantomData<fn(T) -> G>,
}

impl<T, F, G> std::fmt::Debug for Callback<T, F, G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Callback")
    }
}

impl<T, F, G> Callback<T, F, G>
where
    T: Record,
    F: Fn(&OpenContext) -> G + 'static,
    G: FnMut(&Rec<T>, EventTime) -> Result<(), OperatorFault> + 'static,
{
    /// `make` gives each worker its closure.
    pub fn new(make: F) -> Self {
        Self { make: Rc::new(make), marker: PhantomData }
    }
}

impl<T, F, G> Sink<T> for Callback<T, F, G>
where
    T: Record,
    F: Fn(&OpenContext) -> G + 'static,
    G: FnMut(&Rec<T>, EventTime) -> Result<(), OperatorFault> + 'static,
{
    type Writer = CallbackWriter<G>;

    fn writers(&self) -> Writers {
        Writers::PerWorker
    }

    fn open(&self, context: &OpenContext) -> Result<CallbackWriter<G>, OperatorFault> {
        Ok(CallbackWriter { call: (self.make)(context) })
    }

    fn describe(&self) -> String {
        "callback".into()
    }
}

/// Calls a closure with each record.
pub struct CallbackWriter<G> {
    call: G,
}

impl<G> std::fmt::Debug for CallbackWriter<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallbackWriter")
    }
}

impl<T, G> SinkWriter<T> for CallbackWriter<G>
where
    T: Record,
    G: FnMut(&Rec<T>, EventTime) -> Result<(), OperatorFault> + 'static,
{
    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        run.iter().try_for_each(|(record, at)| (self.call)(record, at))
    }
}
