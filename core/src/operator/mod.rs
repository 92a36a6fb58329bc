//! Operators: what is done with the records.
//!
//! Stateless operators ([`map`], [`filter`], [`flat_map`]) are links of a fused [`chain`]. The others implement [`Operator`] and
//! [`Input`], once for each port, and are turned by a task.
//!
//! * Arrives from: [`crate::source`], or [`crate::exchange`], as runs of records that lie in one page.
//! * Leaves to: [`crate::exchange`], through an [`output::Output`].

pub(crate) mod task;
pub(crate) mod chain;
pub(crate) mod output;
pub(crate) mod outlet;
pub(crate) mod map;
pub mod policy;
pub(crate) mod fallible;
pub(crate) mod retry_later;
pub(crate) mod asking;
pub(crate) mod split;
pub(crate) mod filter;
pub(crate) mod flat_map;
pub mod aggregate;
pub(crate) mod ahead;
pub(crate) mod union;
pub(crate) mod assign_time;
pub(crate) mod keyed_state;
pub(crate) mod running;
pub(crate) mod two_phase;
pub(crate) mod iteration;
pub(crate) mod change;
pub(crate) mod changelog;
pub(crate) mod over;
pub(crate) mod deduplicate;
pub(crate) mod latest;
pub(crate) mod top_n;
pub(crate) mod top_places;
pub(crate) mod lookup;
pub(crate) mod process;
pub(crate) mod join;
#[cfg(test)]
pub(crate) mod rig;

pub use asking::{Promise, Reply, promise};
pub use chain::{Chain, Direct, Emit, Link, Linked};
pub use change::{ArchivedChange, ArchivedChangeKind, Change, ChangeKind};
pub use fallible::{Fallible, Try, TryFilter, TryFilterMap, TryFlatMap, TryInspect, TryMap};
pub use filter::{Filter, Inspect};
pub use flat_map::{FilterMap, FlatMap, Out};
pub use join::Interval;
pub use lookup::{Lookup, LookupTable};
pub use map::Map;
pub use over::Over;
pub use policy::DeadLetter;
pub use running::Running;
pub use split::{SplitInto, To};
pub use top_n::Ranking;

use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::page::{Control, Wave};
use crate::record::Record;
use crate::time::{EventTime, ProcessingTime};
use output::AnyOutput;

/// Whether an operator has finished what it was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All done.
    Done,
    /// There is more; ask for another slice.
    More,
}

impl From<bool> for Progress {
    /// Whether it is all done.
    fn from(is_done: bool) -> Self {
        if is_done { Self::Done } else { Self::More }
    }
}

/// What every stateful operator does, whatever its inputs.
pub(crate) trait Operator: 'static {
    /// The merged event time of the inputs has advanced to `at`.
    ///
    /// The watermark is passed on only when this, and the slices it asks for, are done; so what is passed on is never ahead of
    /// a window that has not fired.
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        let _ = at;
        Ok(Progress::Done)
    }

    /// Goes on with a watermark or an end that returned [`Progress::More`]; about `limit` records' worth of work.
    fn slice(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        let _ = limit;
        Ok(Progress::Done)
    }

    /// All inputs have ended, after a last watermark of [`EventTime::MAX`].
    fn end(&mut self) -> Result<Progress, OperatorFault> {
        Ok(Progress::Done)
    }

    /// The job was stopped: no record will come any more, and event time stays where it is. What is open stays open; only what holds something of the
    /// outside, as a sink does its file, closes it.
    fn halt(&mut self) -> Result<Progress, OperatorFault> {
        Ok(Progress::Done)
    }

    /// The time of the step that begins; called before each step, also before the first.
    ///
    /// The clock is an input: it is what was last decided, stands still within a step, and may differ between workers.
    #[inline]
    fn clock(&mut self, now: ProcessingTime) {
        let _ = now;
    }

    /// When the operator next wants [`Self::on_alarm`]; asked after each step. Too early is harmless, too late is late.
    fn alarm(&self) -> Option<ProcessingTime> {
        None
    }

    /// The decided clock has reached [`Self::alarm`]: does about `limit` records' worth of what is due. What is left is still due, and `alarm` says
    /// so; between two calls the task may read.
    ///
    /// It is a step of its own that is decided, recorded and replayed; never while a watermark or the end is being worked off, nor after the end.
    fn on_alarm(&mut self, limit: usize) -> Result<(), OperatorFault> {
        let _ = limit;
        Ok(())
    }

    /// The worker has decided the barrier of `epoch`, and it is on its way; not called of an operator whose inputs have ended.
    fn await_barrier(&mut self, epoch: u64) {
        let _ = epoch;
    }

    /// Shows all its state to `into`, as it is now, without copying it: the barrier has come of all inputs, and no firing is under way. [`Progress::More`] to be asked
    /// again, until when nothing is read: for what has to become durable outside before the barrier is passed on. What is not shown here is derived on a restore.
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        let _ = into;
        Ok(Progress::Done)
    }

    /// Goes on from a checkpoint, before anything else is done. Its tables have their content already.
    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        let _ = from;
        Ok(())
    }

    /// Once before the job begins, before any worker does anything, and not on one: what a checkpoint says was begun outside is finished, and what it does not know
    /// is taken back. Only for jobs with checkpoints; `from` is empty if there is none yet.
    fn recover(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        let _ = from;
        Ok(())
    }

    /// The checkpoint of `epoch` is complete, and so is what belongs to earlier ones: what was prepared up to it may become visible.
    fn commit(&mut self, epoch: u64) -> Result<(), OperatorFault> {
        let _ = epoch;
        Ok(())
    }

    /// Shows every output.
    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput));

    /// Records that came too late, so far.
    fn late(&self) -> u64 {
        0
    }

    /// What has become of records for which user code failed, so far.
    fn fates(&self) -> policy::Fates {
        policy::Fates::default()
    }

    /// Whether the records of the last run asked for more than could be done at once: [`Self::slice`] is called until it is done, and nothing is read
    /// before. Asked after each run.
    #[inline]
    fn has_more(&self) -> bool {
        false
    }

    /// Whether nothing may be read until there is room again; asked before and after each run, a function of the operator's state alone. What makes room is an
    /// [`alarm`](Self::alarm), or a poll of a task that has them.
    #[inline]
    fn is_full(&self) -> bool {
        false
    }

    /// Whether a watermark of the inputs is passed on; false for operators that make their own.
    fn forwards_watermarks(&self) -> bool {
        true
    }

    /// In a loop: a wave has come of all inputs in the loop, and what came before it is done. Gives what is passed on; an operator that still holds records which came before
    /// passes it on itself, behind them.
    fn wave(&mut self, wave: Wave) -> Option<Wave> {
        Some(wave)
    }

    /// In a loop: the wave of `round`, counted from 1, is called for. True to pass that on.
    fn called(&mut self, round: u64) -> bool {
        let _ = round;
        true
    }

    /// Whether it passes on itself, later, that its inputs are idle or are so no more; `idleness` says which.
    fn delays(&mut self, idleness: Control) -> bool {
        let _ = idleness;
        false
    }
}

/// One input port of an operator.
pub(crate) trait Input<T: Record, const PORT: usize>: Operator {
    /// Records that a run has at most: 1 if each may ask for more than can be done at once, see [`Operator::has_more`].
    const MOST: usize = usize::MAX;

    /// Handles a run of records.
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault>;
}

/// `Debug` for types that hold closures: their name is all there is to show.
macro_rules! opaque_debug {
    ($name:ident < $($param:tt $(: $bound:path)?),* >) => {
        impl < $($param $(: $bound)?),* > std::fmt::Debug for $name < $($param),* > {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use opaque_debug;
