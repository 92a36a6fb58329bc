//! The tables of one operator, as declared state asks for them.

use thalweg_storage::{Table, TimedTable};

use super::Build;
use crate::raw::claimed::Bare;
use crate::raw::layout::Layout;
use crate::record::{FieldType, Record};
use crate::state::Claimed;

/// The type of an operator's keys.
#[derive(Clone, Copy)]
pub(crate) struct KeyType {
    pub(super) hash: u64,
    pub(super) ty: fn() -> FieldType,
}

impl KeyType {
    pub(crate) fn of<K: Record>() -> Self {
        Self { hash: K::schema().layout_hash, ty: K::field_type }
    }
}

/// The tables of one operator.
pub(crate) struct OperatorTables<'a> {
    pub(crate) build: &'a mut Build,
    pub(crate) operator: &'a str,
    /// How the operator's keys lie in its tables.
    pub(crate) key: KeyType,
    /// Every worker has all of it.
    pub(crate) is_replicated: bool,
}

impl<'a> OperatorTables<'a> {
    /// The tables of state by keys of type `K`.
    pub(crate) fn of<K: Record>(build: &'a mut Build, operator: &'a str) -> Self {
        Self { build, operator, key: KeyType::of::<K>(), is_replicated: false }
    }

    fn claim<T: Bare>(&mut self, state: &str, layout: &Layout) -> Claimed<T> {
        self.build.claim((self.operator, state), (self.key, layout), self.is_replicated)
    }
}

impl crate::state::Tables for OperatorTables<'_> {
    fn table(&mut self, state: &str, layout: Layout) -> Claimed<Table> {
        self.claim(state, &layout)
    }

    fn timed(&mut self, state: &str, layout: Layout) -> Claimed<TimedTable> {
        self.claim(state, &layout)
    }

    fn operator(&self) -> &str {
        self.operator
    }
}
