//! What a job looks like to its metrics: names of operators and splits, and where each lane of an inbox comes from.

/// One operator.
#[derive(Debug, Clone, Default)]
pub(crate) struct TaskShape {
    pub(crate) name: String,
    /// Of a source: the names of its splits.
    pub(crate) splits: Vec<String>,
    /// For each worker the lanes into its inbox, in the order in which the task counts them.
    pub(crate) lanes: Vec<Vec<LaneOrigin>>,
}

/// Where a lane comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LaneOrigin {
    /// The edge, in the order in which edges were written.
    pub(crate) edge: usize,
    /// The sending operator.
    pub(crate) task: usize,
    /// The worker that sends.
    pub(crate) worker: usize,
}

/// The operators of a job, senders before receivers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    pub(crate) tasks: Vec<TaskShape>,
    /// Sender and receiver of each edge.
    pub(crate) edges: Vec<(usize, usize)>,
}

impl Shape {
    #[cfg(test)]
    pub(super) fn of_names(names: impl Iterator<Item = String>) -> Self {
        let tasks = names.map(|name| TaskShape { name, ..TaskShape::default() }).collect();
        Self { tasks, edges: Vec::new() }
    }

    pub(super) fn lanes_into(&self, task: usize, worker: usize) -> &[LaneOrigin] {
        self.tasks[task].lanes.get(worker).map_or(&[], Vec::as_slice)
    }
}
