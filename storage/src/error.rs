//! What can go wrong, and what to do about it.

use crate::TableName;

/// Why a store did not give a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Two tables of one store would have the same name, and a restored checkpoint could not tell
    /// them apart. Name the operator or the state differently.
    #[error("table \"{name}\" is there already; give the operator or the state another name")]
    DuplicateTable {
        /// The name that was asked for twice.
        name: TableName,
    },
    /// Values can be aligned to 8 or 16 bytes. Set `TableConfig::value_align` to one of them.
    #[error("table \"{name}\" asks for values aligned to {value_align} bytes; use 8 or 16")]
    Alignment {
        /// The table.
        name: TableName,
        /// What was asked for, bytes.
        value_align: usize,
    },
    /// What the checkpoint has under this name is of another kind: a table, panes or a table with deadlines, or values of another alignment. Retire the old state,
    /// or give the new one another name.
    #[error(
        "the checkpoint's state \"{name}\" is of another kind; retire it, or give the new state another name"
    )]
    OtherShape {
        /// The name.
        name: TableName,
    },
}
