//! Changelog streams: a table as the changes that made it.
//!
//! A stream of [`Change`]s says of each row when it came, what it was before and after it changed, and when it went; applied in order they are
//! the table. An update is two changes, so that they may part where the key of what follows is another: what was before is taken back where it
//! was, what is after is added where it belongs.
//!
//! Changes of one row come from one worker, in their order.

use crate::record::Record;

/// What happened to a row.
#[thalweg::record]
#[derive(Copy, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// It is new.
    Insert,
    /// It was this before it changed; [`ChangeKind::UpdateAfter`] follows.
    UpdateBefore,
    /// It is this now that it has changed.
    UpdateAfter,
    /// It was this, and is gone.
    Delete,
}

impl ChangeKind {
    /// Whether the row is to be added: not taken back.
    #[must_use]
    pub fn adds(self) -> bool {
        matches!(self, Self::Insert | Self::UpdateAfter)
    }
}

/// A change of a table.
#[thalweg::record]
#[derive(Copy, Eq, PartialOrd, Ord, Hash)]
pub struct Change<T: Record> {
    /// What happened.
    pub kind: ChangeKind,
    /// The row.
    pub value: T,
}

impl<T: Record> Change<T> {
    /// A row that is new.
    pub fn insert(value: T) -> Self {
        Self { kind: ChangeKind::Insert, value }
    }

    /// What a row was before it changed.
    pub fn update_before(value: T) -> Self {
        Self { kind: ChangeKind::UpdateBefore, value }
    }

    /// What a row is now that it has changed.
    pub fn update_after(value: T) -> Self {
        Self { kind: ChangeKind::UpdateAfter, value }
    }

    /// A row that is gone.
    pub fn delete(value: T) -> Self {
        Self { kind: ChangeKind::Delete, value }
    }
}

impl<T: Record> ArchivedChange<T> {
    /// Whether the row is to be added: it came, or is what one has become.
    #[inline]
    pub fn adds(&self) -> bool {
        matches!(self.kind, ArchivedChangeKind::Insert | ArchivedChangeKind::UpdateAfter)
    }

    /// Whether it is what a row was before it changed.
    #[inline]
    pub fn is_update_before(&self) -> bool {
        matches!(self.kind, ArchivedChangeKind::UpdateBefore)
    }
}

/// The changes that make `after` of `before`: none if they are equal.
pub(crate) fn changes<T: Record + PartialEq>(
    before: Option<T>,
    after: Option<T>,
    mut emit: impl FnMut(Change<T>),
) {
    match (before, after) {
        (None, None) => {}
        (None, Some(after)) => emit(Change::insert(after)),
        (Some(before), None) => emit(Change::delete(before)),
        (Some(before), Some(after)) if before == after => {}
        (Some(before), Some(after)) => {
            emit(Change::update_before(before));
            emit(Change::update_after(after));
        }
    }
}
