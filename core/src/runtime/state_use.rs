//! How much state each task of a worker has: the store's accounts, by operator.

use thalweg_storage::Store;

use crate::operator::task::Task;

/// Whose the accounts of a worker's store are.
#[derive(Debug)]
pub(super) struct StateUse {
    /// For each account, in the store's order, the task whose state it is; all are named when a worker is built.
    tasks: Vec<Option<usize>>,
}

/// State of one task.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TaskState {
    pub(super) bytes: u64,
    pub(super) keys: u64,
}

impl StateUse {
    pub(super) fn new(store: &Store, tasks: &[Box<dyn Task>]) -> Self {
        let task_of = |operator: &str| tasks.iter().position(|task| **task.name() == *operator);
        let tasks = store.usage().map(|(name, _)| task_of(&name.operator)).collect();
        Self { tasks }
    }

    /// What task `task` holds. Cost: O(names of state).
    pub(super) fn task(&self, store: &Store, task: usize) -> TaskState {
        let mut state = TaskState::default();
        for (owner, (_, usage)) in self.tasks.iter().zip(store.usage()) {
            if *owner == Some(task) {
                state.bytes += usage.bytes as u64;
                state.keys += usage.keys as u64;
            }
        }
        state
    }
}
