//! The plan as its metrics see it: which lane of which inbox comes from where.

use super::Plan;
use crate::metrics::{LaneOrigin, Shape, TaskShape};

impl Plan {
    /// The shape of the job on `workers` workers.
    pub(crate) fn shape(&self, workers: usize) -> Shape {
        let tasks = self.graph.nodes.iter().enumerate().map(|(node, of)| TaskShape {
            name: of.name.clone(),
            splits: self.split_names(node),
            lanes: (0..workers).map(|worker| self.lanes_into(node, worker, workers)).collect(),
        });
        let edges = self.graph.edges.iter().map(|edge| (edge.from, edge.to)).collect();
        Shape { tasks: tasks.collect(), edges }
    }

    fn split_names(&self, node: usize) -> Vec<String> {
        let source = self.splits.iter().find(|splits| splits.node == node);
        let input = self.inputs.iter().find(|(input, _)| *input == node);
        let handles =
            || (0..input.map_or(0, |(_, handles)| *handles)).map(|n| format!("handle {n}"));
        source.map_or_else(|| handles().collect(), |splits| splits.names.clone())
    }

    /// Port by port, and in each sender by sender: as the topology makes a task's inboxes.
    fn lanes_into(&self, node: usize, worker: usize, workers: usize) -> Vec<LaneOrigin> {
        let edges = self.graph.edges.iter().enumerate();
        let mut edges: Vec<_> = edges.filter(|(_, edge)| edge.to == node).collect();
        edges.sort_by_key(|(_, edge)| edge.port);
        let lanes = edges.into_iter().flat_map(|(edge, of)| {
            let senders = (0..workers).filter(move |&from| of.pattern.connects(from, worker));
            senders.map(move |from| LaneOrigin { edge, task: of.from, worker: from })
        });
        lanes.collect()
    }
}
