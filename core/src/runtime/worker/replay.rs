//! What a worker shows to who decides for it, the simulator and the replay, and how decisions are written down and done again.

use super::Worker;
use crate::error::JobError;
use crate::exchange::RecordedInput;
use crate::operator::task::{Choice, Done, Task};
use crate::runtime::decision::Decision;

impl Worker {
    /// Does again what was recorded.
    ///
    /// # Errors
    ///
    /// As [`Self::step`]; and [`JobError::Diverged`] if it came out otherwise than recorded.
    pub(crate) fn replay(&mut self, decision: Decision) -> Result<(), JobError> {
        if let Decision::Poll { task, slot: u16::MAX, records, .. } = decision {
            let count = self.found.len().min(records as usize);
            let splits = self.found.drain(..count).collect();
            self.tasks[usize::from(task)].replay_found(splits);
        }
        let done = self.do_step(decision, true)?;
        let (task, expected) = match decision {
            Decision::Lane { task, elements, .. } => (task, elements),
            Decision::Poll { task, records, .. } => (task, records),
            _ => return Ok(()),
        };
        if done.amount == expected {
            return Ok(());
        }
        Err(JobError::Diverged {
            worker: self.index,
            operator: self.tasks[usize::from(task)].name().to_string(),
            message: format!("{expected} records were recorded, {} came", done.amount),
        })
    }

    /// Writes a decision down, as it came out.
    pub(super) fn record(&mut self, decision: Decision, done: Done) {
        let Some(journal) = &mut self.journal else { return };
        let decision = match decision {
            Decision::Lane { task, lane, .. } => {
                Decision::Lane { task, lane, elements: done.amount }
            }
            Decision::Poll { task, slot, .. } => {
                let outcome = Decision::outcome_code(done.outcome);
                Decision::Poll { task, slot, records: done.amount, outcome }
            }
            Decision::Clock(now_ns) => {
                // Only the last reading before something else matters.
                if let Some(Decision::Clock(last)) = journal.last_mut() {
                    *last = now_ns;
                    return;
                }
                decision
            }
            other => other,
        };
        if done.counts {
            journal.push(decision);
        }
        if let Decision::Poll { task, slot: u16::MAX, .. } = decision {
            self.found.extend(self.tasks[usize::from(task)].take_found());
        }
    }

    /// Before a replay: the splits that the recorded worker has found.
    pub(crate) fn set_found(&mut self, splits: Vec<String>) {
        self.found = splits.into();
    }

    /// Before a replay: what came from outside when it was recorded.
    pub(crate) fn replay_inputs(&mut self, recorded: &[RecordedInput]) {
        self.tasks.iter_mut().for_each(|task| task.replay_inputs(recorded));
    }

    /// True if every recorded decision that needs a page has it.
    pub(crate) fn can_replay(&mut self, decision: Decision) -> bool {
        self.drain();
        if let Decision::Lane { task, .. } | Decision::Slice { task, .. } = decision
            && self.tasks[usize::from(task)].waits_outside()
        {
            // A sink that takes nothing now took what it was given when this was recorded.
            return false;
        }
        let Decision::Lane { task, lane, .. } = decision else { return true };
        let mut choices = Vec::new();
        self.tasks[usize::from(task)].choices(&mut choices);
        choices.contains(&Choice::Lane(lane))
    }

    /// Everything that could be decided now; for the simulator.
    pub(crate) fn choices(&mut self, into: &mut Vec<(usize, Choice)>) {
        let mut choices = Vec::new();
        for (index, task) in self.tasks.iter_mut().enumerate() {
            if task.drain() {
                task.choices(&mut choices);
                into.extend(choices.drain(..).map(|choice| (index, choice)));
            }
        }
        for index in 0..self.tasks.len() {
            if self.is_alarm_due(index) && self.tasks[index].drain() {
                into.push((index, Choice::Alarm));
            }
        }
    }

    /// Tasks with open pages; for the simulator.
    pub(crate) fn unflushed(&mut self) -> Vec<u16> {
        let has_open = |(index, task): (usize, &mut Box<dyn Task>)| {
            task.has_open().then(|| u16::try_from(index).expect("invariant: few tasks"))
        };
        self.tasks.iter_mut().enumerate().filter_map(has_open).collect()
    }
}
