//! What every source must do.

use std::fmt::Debug;

use super::source_rig::{Reading, splits_of};
use super::{World, is_same};
use crate::error::OperatorFault;
use crate::record::Record;
use crate::rt::{MemoryFiles, MemoryStreams};
use crate::source::{Position, Source};

/// Reads a bounded source in every way in which it may be read, and panics where it does not do what a source must:
///
/// 1. *Order*: a split read in polls of any size gives the same records in the same order, and never more than were wanted.
/// 2. *Completeness*: all splits together give exactly the records that are expected, each once, however many workers share them.
/// 3. *Positions*: a reader opened where another one stood gives exactly the rest, wherever that was; a position of another source is refused.
/// 4. *End*: after the end there is only the end.
/// 5. *Splits* survive being written down, and are the same when they are asked for again.
/// 6. *Rejects* are counted.
///
/// Every reading has a world of its own, made anew; what the source finds in it must be the same each time.
pub struct SourceSuite<S: Source, F> {
    make: F,
    world: Box<dyn Fn() -> World>,
    expected: Option<Vec<S::Out>>,
    rejected: u64,
    keeps_positions: bool,
    at_most: usize,
}

crate::operator::opaque_debug!(SourceSuite<S: Source, F>);

/// Sizes of polls, each repeated without end.
const SIZES: [&[usize]; 6] = [&[1], &[2], &[7], &[64], &[1000], &[3, 1, 50, 2]];

impl<S, F> SourceSuite<S, F>
where
    S: Source,
    S::Out: PartialEq + Debug,
    F: Fn(&World) -> S,
{
    /// A suite over the source that `make` makes.
    pub fn new(make: F) -> Self {
        let world = || World::new(MemoryFiles::default(), MemoryStreams::default());
        Self {
            make,
            world: Box::new(world),
            expected: None,
            rejected: 0,
            keeps_positions: true,
            at_most: usize::MAX,
        }
    }

    /// What is outside, made anew for each reading. Default: no files, nobody who connects.
    #[must_use]
    pub fn world(mut self, world: impl Fn() -> World + 'static) -> Self {
        self.world = Box::new(world);
        self
    }

    /// The records of all splits, in any order. Default: they are not looked at.
    #[must_use]
    pub fn expect(mut self, records: Vec<S::Out>) -> Self {
        self.expected = Some(records);
        self
    }

    /// How many lines are to be rejected. Default: none.
    #[must_use]
    pub fn rejects(mut self, lines: u64) -> Self {
        self.rejected = lines;
        self
    }

    /// The source keeps no positions: what it gave is gone. Its readers must say so.
    #[must_use]
    pub fn without_positions(mut self) -> Self {
        self.keeps_positions = false;
        self
    }

    /// Of an endless source: reads so many records of each split only.
    #[must_use]
    pub fn at_most(mut self, records: usize) -> Self {
        self.at_most = records;
        self
    }

    /// Runs the suite.
    ///
    /// # Panics
    ///
    /// With a sentence that says which of the rules is broken, and how.
    pub fn run(&self) {
        let first = self.read_all(1, SIZES[0]);
        for sizes in &SIZES[1..] {
            let again = self.read_all(1, sizes);
            assert_eq!(
                names(&first),
                names(&again),
                "splits: asked again, the source names other splits"
            );
            for ((split, records), (_, other)) in first.iter().zip(&again) {
                assert_eq!(
                    records, other,
                    "order: split {split} gave something else in polls of {sizes:?} than one by one"
                );
            }
        }
        for workers in 1..=4 {
            self.check_complete(&self.read_all(workers, SIZES[3]), &first, workers);
        }
        self.check_foreign_position();
        for (number, (split, records)) in first.iter().enumerate() {
            self.check_positions(number, split, records);
        }
    }

    /// Every split, written down, with its records; read by `workers` workers.
    fn read_all(&self, workers: usize, sizes: &[usize]) -> Vec<(Position, Vec<S::Out>)> {
        let (world, mut all, mut rejected) = ((self.world)(), Vec::new(), 0);
        for worker in 0..workers {
            let source = (self.make)(&world);
            let context = world.context(worker, workers);
            ok("check", source.check(&context));
            for split in ok("splits", splits_of(&source, &world, (worker, workers))) {
                let written = Position::of(&split);
                let read: S::Split = ok("splits", written.read().map_err(OperatorFault::from));
                assert_eq!(
                    Position::of(&read),
                    written,
                    "splits: {split:?} is another one after it was written down and read again"
                );
                let mut reading = Reading::new(ok("open", source.open(&read, &context)), &world);
                ok("poll", reading.read(self.at_most, |n| sizes[n % sizes.len()]));
                for _ in 0..3 * usize::from(reading.has_ended()) {
                    ok("poll", reading.poll(5));
                }
                rejected += reading.rejected();
                all.push((written, reading.take()));
            }
        }
        assert_eq!(rejected, self.rejected, "rejects: another number of lines was rejected");
        all
    }

    fn check_complete(
        &self,
        found: &[(Position, Vec<S::Out>)],
        alone: &[(Position, Vec<S::Out>)],
        workers: usize,
    ) {
        let flat = |all: &[(Position, Vec<S::Out>)]| -> Vec<S::Out> {
            all.iter().flat_map(|(_, records)| records.iter().map(copy)).collect()
        };
        let found = flat(found);
        let expected = match &self.expected {
            Some(expected) => expected.iter().map(copy).collect(),
            None => flat(alone),
        };
        assert!(
            is_same(&found, &expected),
            "completeness: {workers} worker(s) read {} records, which are not the {} expected: {found:?}",
            found.len(),
            expected.len(),
        );
    }

    fn check_foreign_position(&self) {
        let world = (self.world)();
        let source = (self.make)(&world);
        let context = world.context(0, 1);
        ok("check", source.check(&context));
        let splits = ok("splits", splits_of(&source, &world, (0, 1)));
        let Some(split) = splits.first() else { return };
        let foreign = Position::of(&["no", "position", "of", "anything"]);
        assert!(
            source.resume(split, &foreign, &context).is_err(),
            "positions: a position of another source is not refused"
        );
    }

    /// Stops after some of the split's records, and reads the rest elsewhere.
    fn check_positions(&self, number: usize, split: &Position, records: &[S::Out]) {
        // Every place in a short split, and some in a long one.
        let stride = records.len() / 40 + 1;
        for taken in (0..=records.len()).step_by(stride).chain([records.len()]) {
            let world = (self.world)();
            let source = (self.make)(&world);
            let context = world.context(0, 1);
            ok("check", source.check(&context));
            let splits = ok("splits", splits_of(&source, &world, (0, 1)));
            let mut reading =
                Reading::new(ok("open", source.open(&splits[number], &context)), &world);
            ok(
                "poll",
                reading.read(taken, |n| {
                    SIZES[taken % SIZES.len()][n % SIZES[taken % SIZES.len()].len()]
                }),
            );
            let position = reading.position();
            assert_eq!(
                position.is_some(),
                self.keeps_positions,
                "positions: the reader of split {split} says {position:?} after {taken} records"
            );
            let Some(position) = position else { return };
            let rest = match source.resume(&splits[number], &position, &context) {
                Ok(reader) => reader,
                Err(error) => panic!("positions: {position} of split {split} is refused: {error}"),
            };
            let mut rest = Reading::new(rest, &world);
            ok("poll", rest.read(self.at_most.min(records.len() - taken + 1), |_| 3));
            let (rest, expected) = (rest.take(), &records[taken..]);
            let expected_more = self.at_most != usize::MAX;
            let is_rest = match expected_more {
                true => rest.len() >= expected.len() && rest[..expected.len()] == *expected,
                false => rest == expected,
            };
            assert!(
                is_rest,
                "positions: after {taken} of {} records of split {split} the rest from {position} is {rest:?}",
                records.len()
            );
        }
    }
}

fn names<T>(all: &[(Position, T)]) -> Vec<String> {
    all.iter().map(|(split, _)| split.to_string()).collect()
}

/// Another one of the same value: records need not be `Clone`.
fn copy<T: Record>(record: &T) -> T {
    use crate::raw::page::PageBuf;
    let mut page = PageBuf::for_value(record);
    let pushed = page.push(record, crate::time::EventTime::MIN, crate::record::KeyHash(0));
    assert!(pushed, "invariant: a page made for a value holds it");
    page.view().record(0).to_value()
}

#[track_caller]
fn ok<T>(what: &str, result: Result<T, OperatorFault>) -> T {
    result.unwrap_or_else(|error| {
        let causes = std::iter::successors(Some(&*error as &dyn std::error::Error), |e| e.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        panic!("{what}: the source failed: {}", causes.join(": "))
    })
}
