//! Sources that follow a script: their watermarks, their idleness, their end.

use std::cell::RefCell;
use std::sync::Arc;

use super::super::Emitter;
use super::*;
use crate::io;
use crate::operator::rig::{Seen, Stopped, at, lane, output, receive, watermark};
use crate::rt::MemoryFiles;
use crate::time::alignment::AlignmentBoard;
use crate::time::{EventTime, Monotonic};

#[thalweg::record]
struct Tick {
    #[event_time]
    at: EventTime,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Tick(i64),
    Dry,
    Pending,
}

/// For each split what it gives, poll by poll; then it ends.
struct Script(Vec<Vec<Part>>);

struct Reader(VecDeque<Part>);

impl Source for Script {
    type Out = Tick;
    type Split = usize;
    type Reader = Reader;

    fn splits(&self, _: &dyn io::Files) -> Result<Vec<usize>, OperatorFault> {
        Ok((0..self.0.len()).collect())
    }

    fn open(&self, split: &usize, _: &OpenContext) -> Result<Reader, OperatorFault> {
        Ok(Reader(self.0[*split].clone().into()))
    }
}

impl SplitReader<Tick> for Reader {
    fn poll(&mut self, out: &mut Emitter<'_, Tick>) -> Result<Polled, OperatorFault> {
        while out.wanted() > 0 {
            match self.0.pop_front() {
                Some(Part::Tick(nanos)) => out.emit(&Tick { at: at(nanos) }),
                Some(Part::Dry) => return Ok(Polled::Dry),
                Some(Part::Pending) => return Ok(Polled::Pending),
                None => return Ok(Polled::End),
            }
        }
        Ok(Polled::More)
    }
}

mod alignment;
mod discovery;
mod far_future;
mod idleness;
mod stop;

struct Rig<W: WatermarkStrategy<Tick>> {
    task: SourceTask<Script, W>,
    rx: crate::exchange::lane::LaneRx<Tick>,
}

fn rig<W: WatermarkStrategy<Tick>>(splits: Vec<Vec<Part>>, strategy: W) -> Rig<W> {
    let board = Arc::new(AlignmentBoard::new(1));
    rig_on(0, board, splits, strategy)
}

/// A source's task on worker `worker` of those that `board` is for.
fn rig_on<W: WatermarkStrategy<Tick>>(
    worker: usize,
    board: Arc<AlignmentBoard>,
    splits: Vec<Vec<Part>>,
    strategy: W,
) -> Rig<W> {
    let (out, rx) = lane(1_000);
    let mut rig = rig_with(worker, board, splits, strategy, (out, None));
    rig.rx = rx;
    rig
}

type Out = crate::exchange::lane::Lane<Tick>;

/// As [`rig_on`], with lanes of the caller's; the second for far-future records.
fn rig_with<W: WatermarkStrategy<Tick>>(
    worker: usize,
    board: Arc<AlignmentBoard>,
    splits: Vec<Vec<Part>>,
    strategy: W,
    (out, far): (Out, Option<Out>),
) -> Rig<W> {
    let (_, rx) = lane(1);
    let context = OpenContext {
        worker,
        workers: 1,
        operator: "script".into(),
        files: Rc::new(MemoryFiles::default()),
        streams: crate::rt::MemoryStreams::shared(),
        clock: Rc::new(Stopped),
        checkpoints: false,
        restored: Rc::default(),
    };
    let to_read = |number| ToRead { number, split: number, from: None };
    let numbers = (0..splits.len()).map(to_read).collect();
    let own = OwnSplits { splits: numbers, done: Vec::new(), boards: Boards::of(board) };
    let far = far.map(|far| output(vec![far]));
    let outputs = SourceOutputs::new(output(vec![out]), far);
    let task = SourceTask::new(Script(splits), strategy, own, context, outputs);
    Rig { task, rx }
}

impl<W: WatermarkStrategy<Tick>> Rig<W> {
    /// The slots that may be polled.
    fn pollable(&mut self) -> Vec<u16> {
        let mut choices = Vec::new();
        self.task.choices(&mut choices);
        let slot = |choice| match choice {
            Choice::Poll(slot) => slot,
            other => unreachable!("{other:?}"),
        };
        choices.into_iter().map(slot).collect()
    }

    /// Polls a split when the decided clock says `now_ns`.
    fn poll(&mut self, slot: u16, limit: u32, now_ns: u64) -> Done {
        let work = Work { choice: Choice::Poll(slot), limit, replay: None };
        let now = crate::time::ProcessingTime::default();
        let contribution = RefCell::default();
        let context = StepContext { now_ns, now, clock: &Stopped, contribution: &contribution };
        self.task.step(work, context).unwrap()
    }

    fn sent(&mut self) -> Vec<Seen<Tick>> {
        (&mut self.task as &mut dyn Task).flush();
        receive(&mut self.rx)
    }
}

fn tick(nanos: i64) -> Seen<Tick> {
    Seen::Record(Tick { at: at(nanos) }, at(nanos))
}

fn ticks(range: std::ops::Range<i64>) -> Vec<Part> {
    range.map(Part::Tick).collect()
}

fn end() -> [Seen<Tick>; 2] {
    [Control::Watermark(EventTime::MAX), Control::End].map(Seen::Control)
}

#[test]
fn batch_sizes_do_not_show() {
    let mut expected = Vec::new();
    for nanos in 0..200 {
        expected.push(tick(nanos));
        if nanos % 64 == 63 {
            expected.push(watermark(nanos));
        }
    }
    expected.extend(end());
    for limit in [1, 7, 64, 65, 1_000] {
        let mut rig = rig(vec![ticks(0..200)], Monotonic);
        let mut outcome = PollOutcome::Full;
        while outcome != PollOutcome::End {
            assert!(!rig.task.is_finished());
            outcome = rig.poll(0, limit, 1).outcome;
        }
        assert_eq!(rig.task.choose(), None);
        assert_eq!(rig.sent(), expected, "limit {limit}");
        assert!(rig.task.is_finished());
        assert_eq!(rig.task.counters().records_in, 200);
    }
}

#[test]
fn a_split_that_runs_dry_says_how_far_it_is_and_one_that_waits_for_a_disk_does_not() {
    let mut rig =
        rig(vec![vec![Part::Tick(5), Part::Pending, Part::Tick(6), Part::Dry]], Monotonic);
    assert_eq!(rig.poll(0, 10, 1).outcome, PollOutcome::Full);
    assert_eq!(rig.sent(), [tick(5)]);
    assert_eq!(rig.poll(0, 10, 1).outcome, PollOutcome::Dry);
    assert_eq!(rig.sent(), [tick(6), watermark(6)]);
}

#[test]
fn event_time_is_that_of_the_slowest_split_until_it_ends() {
    let fast = vec![Part::Tick(100), Part::Dry, Part::Tick(200), Part::Dry];
    let slow = vec![Part::Tick(1), Part::Dry, Part::Tick(2), Part::Dry];
    let mut rig = rig(vec![fast, slow], Monotonic);
    rig.poll(0, 10, 1);
    rig.poll(1, 10, 1);
    assert_eq!(rig.sent(), [tick(100), tick(1), watermark(1)]);
    rig.poll(0, 10, 1);
    rig.poll(1, 10, 1);
    assert_eq!(rig.sent(), [tick(200), tick(2), watermark(2)]);
    assert_eq!(rig.poll(1, 10, 1).outcome, PollOutcome::End);
    assert_eq!(rig.sent(), [watermark(200)]);
    assert_eq!(rig.poll(0, 10, 1).outcome, PollOutcome::End);
    assert_eq!(rig.sent(), end());
}

#[test]
fn a_source_without_splits_ends_at_once() {
    let mut rig = rig(vec![], Monotonic);
    assert_eq!(rig.task.choose(), Some(Choice::Poll(0)));
    assert_eq!(rig.poll(0, 10, 1).outcome, PollOutcome::End);
    assert_eq!(rig.sent(), end());
    assert!(rig.task.is_finished());
}

#[test]
fn a_poll_without_records_counts_if_it_makes_a_watermark() {
    let script = vec![Part::Tick(1), Part::Tick(2), Part::Dry, Part::Dry, Part::Tick(3)];
    let mut rig = rig(vec![script], Monotonic);
    assert!(rig.poll(0, 2, 1).counts);
    let done = rig.poll(0, 2, 1);
    assert_eq!((done.amount, done.outcome), (0, PollOutcome::Dry));
    assert_eq!(rig.sent(), [tick(1), tick(2), watermark(2)]);
    assert!(done.counts, "a replay that leaves it out makes no watermark here");
    assert!(!rig.poll(0, 2, 1).counts);
}
