//! Splits that appear while the source runs.

use std::cell::{Cell, RefCell};

use super::*;
use crate::source::{Discovered, SplitEnumerator};

/// A script whose splits are found some at each look; the last look says that it was the last.
struct Appearing {
    script: Script,
    looks: Cell<VecDeque<Vec<usize>>>,
}

struct Looks(VecDeque<Vec<usize>>);

impl SplitEnumerator<usize> for Looks {
    fn discover(&mut self, _: u64, found: &mut Vec<usize>) -> Result<Discovered, OperatorFault> {
        found.extend(self.0.pop_front().unwrap_or_default());
        Ok(if self.0.is_empty() { Discovered::All } else { Discovered::MoreLater })
    }

    fn interval(&self) -> Duration {
        Duration::from_nanos(10)
    }
}

impl Source for Appearing {
    type Out = Tick;
    type Split = usize;
    type Reader = Reader;

    fn splits(&self, _: &dyn io::Files) -> Result<Vec<usize>, OperatorFault> {
        Ok(Vec::new())
    }

    fn open(&self, split: &usize, context: &OpenContext) -> Result<Reader, OperatorFault> {
        self.script.open(split, context)
    }

    fn enumerator(&self, _: &OpenContext) -> Option<Box<dyn SplitEnumerator<usize>>> {
        Some(Box::new(Looks(self.looks.take())))
    }
}

struct Found {
    task: SourceTask<Appearing, Monotonic>,
    rx: crate::exchange::lane::LaneRx<Tick>,
}

fn found(splits: Vec<Vec<Part>>, looks: &[&[usize]]) -> Found {
    let (out, rx) = lane(1_000);
    let looks = looks.iter().map(|splits| splits.to_vec()).collect();
    let source = Appearing { script: Script(splits), looks: Cell::new(looks) };
    let context = OpenContext {
        worker: 0,
        workers: 1,
        operator: "appearing".into(),
        files: Rc::new(MemoryFiles::default()),
        streams: crate::rt::MemoryStreams::shared(),
        clock: Rc::new(Stopped),
        checkpoints: false,
        restored: Rc::default(),
    };
    let board = Arc::new(AlignmentBoard::new(1));
    let own = OwnSplits { splits: VecDeque::new(), done: Vec::new(), boards: Boards::of(board) };
    let outputs = SourceOutputs::new(output(vec![out]), None);
    Found { task: SourceTask::new(source, Monotonic, own, context, outputs), rx }
}

impl Found {
    fn step(&mut self, slot: u16, now_ns: u64, replay: Option<PollOutcome>) -> Done {
        let work = Work { choice: Choice::Poll(slot), limit: 100, replay };
        let now = crate::time::ProcessingTime::from_nanos(i64::try_from(now_ns).unwrap());
        let contribution = RefCell::default();
        let context = StepContext { now_ns, now, clock: &Stopped, contribution: &contribution };
        self.task.step(work, context).unwrap()
    }

    fn look(&mut self, now_ns: u64) -> (u32, bool) {
        let done = self.step(DISCOVER, now_ns, None);
        (done.amount, done.counts)
    }

    fn sent(&mut self) -> Vec<Seen<Tick>> {
        (&mut self.task as &mut dyn Task).flush();
        receive(&mut self.rx)
    }

    fn choices(&mut self) -> Vec<Choice> {
        let mut choices = Vec::new();
        self.task.choices(&mut choices);
        choices
    }
}

#[test]
fn a_source_without_a_split_is_idle_and_ends_when_there_will_be_none() {
    let mut found = found(vec![ticks(0..2), ticks(5..6)], &[&[], &[0], &[], &[1]]);
    assert_eq!(found.choices(), [Choice::Poll(DISCOVER)]);
    assert_eq!(found.look(1), (0, true), "it says that it is idle");
    assert_eq!(found.sent(), [Seen::Control(Control::Idle)]);
    assert_eq!(found.look(10), (0, false), "it is not time to look");
    assert_eq!(found.look(11), (1, true));
    assert_eq!(found.choices(), [Choice::Poll(DISCOVER), Choice::Poll(0)]);
    assert_eq!(found.step(0, 12, None).outcome, PollOutcome::End);
    assert_eq!(found.sent()[..3], [Seen::Control(Control::Active), tick(0), tick(1)]);
    assert_eq!(found.choices(), [Choice::Poll(DISCOVER)]);
    assert_eq!(found.look(21), (0, true), "nothing is read any more: idle again");
    assert_eq!(found.look(31), (1, true), "the last look");
    assert_eq!(found.choices(), [Choice::Poll(0)], "in the place of the split that has ended");
    found.step(0, 32, None);
    let sent = found.sent();
    assert_eq!(sent[sent.len() - 2..], end());
    assert!(found.task.is_finished() && found.task.choose().is_none());
}

#[test]
fn a_replay_opens_the_splits_that_were_found() {
    let mut first = found(vec![ticks(0..2), ticks(5..6)], &[&[1, 0], &[]]);
    assert_eq!(first.look(1), (2, true));
    let positions = first.task.take_found();
    assert_eq!(positions, ["1", "0"]);
    assert!(first.task.take_found().is_empty());
    // This one would find nothing.
    let mut second = found(vec![ticks(0..2), ticks(5..6)], &[&[], &[]]);
    second.task.replay_found(positions);
    assert_eq!(second.step(DISCOVER, 1, Some(PollOutcome::End)).amount, 2);
    assert_eq!(second.choices(), [Choice::Poll(0), Choice::Poll(1)]);
    second.step(0, 1, None);
    assert!(second.sent().contains(&tick(5)));
}
