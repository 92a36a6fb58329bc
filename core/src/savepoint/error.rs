//! Why a savepoint is not read or written.

use thalweg_storage::StoreError;
use thalweg_storage::savepoint::SavepointError;

use crate::record::Form;

/// Why a state of a savepoint is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no such state; [`SavepointReader::states`](super::SavepointReader::states) names those that there are.
    #[error("the savepoint has no state {state:?} of operator {operator:?}")]
    NoState {
        /// The operator.
        operator: String,
        /// The state.
        state: String,
    },
    /// Nothing is said of what types it is: another program has written it.
    #[error(
        "the savepoint does not say of what types state {state:?} of operator {operator:?} is; have a job or `SavepointWriter` write it"
    )]
    NotDescribed {
        /// The operator.
        operator: String,
        /// The state.
        state: String,
    },
    /// It is of other types than those that were asked for.
    #[error("state {state:?} of operator {operator:?} is not as it was asked for: {message}")]
    OtherTypes {
        /// The operator.
        operator: String,
        /// The state.
        state: String,
        /// What stands against it.
        message: String,
    },
    /// An entry of it is not what the savepoint says.
    #[error(
        "an entry of state {state:?} of operator {operator:?} is not of the types that the savepoint says it is of"
    )]
    Entry {
        /// The operator.
        operator: String,
        /// The state.
        state: String,
    },
}

/// Why a savepoint is not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The state was given entries of another kind before.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// State that lies so is made by the engine alone.
    #[error(
        "state {state:?} of operator {operator:?} cannot be given {form}: give it archives, cells or lists of cells"
    )]
    Form {
        /// The operator.
        operator: String,
        /// The state.
        state: String,
        /// What was asked for.
        form: Form,
    },
    /// The disk refuses.
    #[error(transparent)]
    Storage(#[from] SavepointError),
}
