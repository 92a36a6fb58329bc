//! Sessions as the shortest job has them.

use std::marker::PhantomData;
use std::time::Duration;

use super::two_phase_stream::TwoPhaseSessionStream;
use super::windowed_stream::{Windowed, WindowedStream};
use crate::agg::Of;
use crate::exchange::KeySelector;
use crate::operator::chain::Chain;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::window::{AsSession, Session, SessionResult, Spanning};

/// Made by [`KeyedStream::session`](super::KeyedStream::session).
#[must_use = "a session does nothing until it aggregates"]
pub struct SessionStream<T: Record, C: Chain<Out = T>, S: KeySelector<T>> {
    pub(crate) windowed: WindowedStream<T, C, S, Session>,
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> std::fmt::Debug for SessionStream<T, C, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionStream").field("name", &self.windowed.name).finish_non_exhaustive()
    }
}

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> SessionStream<T, C, S> {
    /// As [`WindowedStream::allowed_lateness`].
    pub fn allowed_lateness(self, allowed: Duration) -> Self {
        Self { windowed: self.windowed.allowed_lateness(allowed) }
    }

    /// Aggregates in two phases: where records are, and what they come to there where their key is owned. See
    /// [`TwoPhaseStream`](super::TwoPhaseStream).
    pub fn two_phase(self) -> TwoPhaseSessionStream<T, C, S> {
        TwoPhaseSessionStream { windowed: self.windowed.two_phase() }
    }

    /// Adds each record to the accumulator of its session; `merge` joins the accumulator of a later session to that of an
    /// earlier one when a record closes the gap between them, before that record is added.
    ///
    /// Cost: a key's open sessions are read and written as one, usually of one session.
    pub fn aggregate<V, F, M>(self, add: F, merge: M) -> Windowed<SessionResult<S::Key, V>, T>
    where
        V: Record + Default + Clone,
        F: Fn(&mut V, &Rec<T>) + 'static,
        M: Fn(&mut V, V) + 'static,
    {
        self.windowed.aggregated(Spanning(Of::<T>::new().fold(add, merge)), AsSession(PhantomData))
    }
}
