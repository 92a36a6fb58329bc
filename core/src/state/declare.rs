//! Declaring state: from the fields of a struct to tables of the store.

use std::rc::Rc;

use thalweg_storage::{Popped, Table, Taken, TimedTable};

use super::scope::Scope;
use super::ttl::{Expires, Ttl};
use crate::checkpoint::Freezing;
use crate::raw::claimed::{Claimed, Stored};
use crate::raw::layout::Layout;
use crate::raw::state_cells::ClaimedBacking;
use crate::record::KeyHash;

/// The state of a process function; derived for a struct whose fields are [`Value`](super::Value), [`List`](super::List),
/// [`Map`](super::Map), [`Reducing`](super::Reducing).
///
/// ```
/// use thalweg::prelude::*;
/// use thalweg::state::{Map, State, Value};
///
/// #[derive(State)]
/// struct Session {
///     requests: Value<u64>,
///     #[state(ttl = "1h", refresh = "read_write")]
///     pages: Map<Str, EventTime>,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as state",
    note = "put `#[derive(State)]` on a struct whose fields are `Value`, `List`, `Map` and `Reducing`, or say `type State = NoState`"
)]
pub trait State: Sized + 'static {
    /// Makes the tables.
    #[doc(hidden)]
    fn declare(builder: &mut StateBuilder<'_>) -> Self;
    #[doc(hidden)]
    fn prefetch_bucket(&self, hash: KeyHash);
    #[doc(hidden)]
    fn prefetch_entry(&self, hash: KeyHash);
    #[doc(hidden)]
    fn expire(&mut self, sweep: &mut Sweep);
    #[doc(hidden)]
    fn next_expiry(&self, by: Expires) -> Option<i64>;
    /// Shows every table.
    #[doc(hidden)]
    fn freeze(&mut self, into: &mut Freezing<'_>);
}

/// A kind of state; what the fields of a [`State`] are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a kind of state",
    label = "not a kind of state",
    note = "the fields of a state are `Value<T>`, `List<T>`, `Map<K, V>` and `Reducing<T>`: `Value<{Self}>` keeps one for each key"
)]
pub trait StateField: Sized + 'static {
    /// Makes the table of this field.
    #[doc(hidden)]
    fn declare(builder: &mut StateBuilder<'_>, name: &'static str, ttl: Option<Ttl>) -> Self;
    #[doc(hidden)]
    fn prefetch_bucket(&self, hash: KeyHash);
    #[doc(hidden)]
    fn prefetch_entry(&self, hash: KeyHash);
    /// Frees what has expired.
    #[doc(hidden)]
    fn expire(&mut self, sweep: &mut Sweep);
    #[doc(hidden)]
    fn next_expiry(&self, by: Expires) -> Option<i64>;
    /// Shows every table.
    #[doc(hidden)]
    fn freeze(&mut self, into: &mut Freezing<'_>);
}

/// No state.
#[derive(Debug)]
pub struct NoState;

impl State for NoState {
    fn declare(_: &mut StateBuilder<'_>) -> Self {
        Self
    }

    fn prefetch_bucket(&self, _: KeyHash) {}

    fn prefetch_entry(&self, _: KeyHash) {}

    fn expire(&mut self, _: &mut Sweep) {}

    fn next_expiry(&self, _: Expires) -> Option<i64> {
        None
    }

    fn freeze(&mut self, _: &mut Freezing<'_>) {}
}

/// Where tables come from.
pub(crate) trait Tables {
    /// The table of a state of the operator, whose values lie in it as `layout` says.
    fn table(&mut self, state: &str, layout: Layout) -> Claimed<Table>;
    /// As [`Self::table`], with deadlines.
    fn timed(&mut self, state: &str, layout: Layout) -> Claimed<TimedTable>;
    /// The operator's name.
    fn operator(&self) -> &str;
}

/// What a [`State`] is declared with.
pub struct StateBuilder<'a> {
    tables: &'a mut dyn Tables,
    scope: &'a Rc<Scope>,
}

impl std::fmt::Debug for StateBuilder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateBuilder").finish_non_exhaustive()
    }
}

impl<'a> StateBuilder<'a> {
    pub(crate) fn new(tables: &'a mut dyn Tables, scope: &'a Rc<Scope>) -> Self {
        Self { tables, scope }
    }

    /// A number that tells the state from all others of the job.
    pub(crate) fn salt(&self, state: &str) -> u64 {
        KeyHash::of_bytes(format!("{}\0{state}", self.tables.operator()).as_bytes()).0
    }

    pub(crate) fn scope(&self) -> Rc<Scope> {
        Rc::clone(self.scope)
    }

    pub(crate) fn table(&mut self, state: &str, layout: Layout) -> Claimed<Table> {
        self.tables.table(state, layout)
    }

    /// Deadlines without values.
    pub(crate) fn deadlines(&mut self, state: &str) -> TimedTable {
        self.tables.timed(state, TimedTable::layout()).into_bytes()
    }

    /// A table, with deadlines if what it holds expires.
    pub(crate) fn backing(
        &mut self,
        state: &str,
        ttl: Option<Ttl>,
        layout: Layout,
    ) -> ClaimedBacking {
        match ttl {
            None => ClaimedBacking::Plain(self.tables.table(state, layout)),
            Some(_) => ClaimedBacking::Timed(self.tables.timed(state, layout.expiring(true))),
        }
    }
}

/// A bounded piece of the way through what has expired.
#[derive(Debug)]
pub struct Sweep {
    by: Expires,
    to: i64,
    budget: usize,
    has_more: bool,
    pub(super) taken: Taken,
}

impl Default for Sweep {
    fn default() -> Self {
        let (by, to, taken) = (Expires::Event, i64::MIN, Taken::default());
        Self { by, to, budget: 0, has_more: false, taken }
    }
}

impl Sweep {
    /// Begins a piece that takes out what has expired at `to`, about `budget` entries of it.
    pub(crate) fn begin(&mut self, by: Expires, to: i64, budget: usize) {
        (self.by, self.to, self.budget, self.has_more) = (by, to, budget, false);
    }

    /// True if the budget did not suffice.
    pub(crate) fn has_more(&self) -> bool {
        self.has_more
    }

    /// Calls `pop` until it gives nothing more or the budget is used up; it fills `taken`, which `each` gets with the entry's hash.
    pub(super) fn run<S: ?Sized>(
        &mut self,
        ttl: Option<Ttl>,
        state: &mut S,
        mut pop: impl FnMut(&mut S, i64, &mut usize, &mut Taken) -> Popped,
        mut each: impl FnMut(&mut S, KeyHash, &Taken, i64),
    ) {
        if ttl.is_none_or(|ttl| ttl.expires != self.by) {
            return;
        }
        loop {
            match pop(state, self.to, &mut self.budget, &mut self.taken) {
                Popped::Due { hash, .. } => each(state, KeyHash(hash), &self.taken, self.to),
                Popped::Budget => {
                    self.has_more = true;
                    return;
                }
                Popped::Nothing => return,
            }
        }
    }
}

/// The expiry of a field, if it is by `by`.
pub(super) fn expiry(ttl: Option<Ttl>, by: Expires, next: Option<i64>) -> Option<i64> {
    ttl.filter(|ttl| ttl.expires == by).and(next)
}
