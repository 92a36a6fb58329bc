//! Polls readers without a task, and keeps what they emit.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::World;
use crate::error::OperatorFault;
use crate::operator::outlet::Outlet;
use crate::operator::output::{Outlets, Output};
use crate::raw::page::{Element, PageView};
use crate::record::Record;
use crate::source::{Emitter, Polled, Position, Source, SourceOutputs, SplitReader};

/// Keeps owned copies of what is emitted.
struct Keep<T>(Rc<RefCell<Vec<T>>>);

impl<T: Record> Outlet<T> for Keep<T> {
    fn page(&mut self, page: PageView<'_, T>) -> Result<(), OperatorFault> {
        let mut kept = self.0.borrow_mut();
        for index in 0..page.len() {
            if let Element::Record(record, ..) = page.element(index) {
                kept.push(record.to_value());
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> bool {
        false
    }

    fn drain(&mut self) -> bool {
        true
    }

    fn is_blocked(&self) -> bool {
        false
    }

    fn is_hungry(&mut self) -> bool {
        false
    }

    fn has_open(&self) -> bool {
        false
    }
}

/// A reader, and what it has emitted.
pub(super) struct Reading<T: Record, R> {
    reader: R,
    out: SourceOutputs<T>,
    kept: Rc<RefCell<Vec<T>>>,
    world: World,
    ended: bool,
}

const PAGE_BYTES: usize = 4096;

impl<T: Record, R: SplitReader<T>> Reading<T, R> {
    pub(super) fn new(reader: R, world: &World) -> Self {
        let kept = Rc::new(RefCell::new(Vec::new()));
        let outlets: Outlets<T> = Rc::default();
        outlets.borrow_mut().push(Box::new(Keep(Rc::clone(&kept))));
        let out = SourceOutputs::new(Output::new(PAGE_BYTES, outlets), None);
        Self { reader, out, kept, world: world.clone(), ended: false }
    }

    /// Polls once for `wanted` records; true if the split has ended.
    pub(super) fn poll(&mut self, wanted: usize) -> Result<bool, OperatorFault> {
        let before = self.len();
        let polled = self.reader.poll(&mut Emitter::alone(&mut self.out, wanted))?;
        self.out.end_step()?;
        let emitted = self.len() - before;
        assert!(
            !self.ended || (polled == Polled::End && emitted == 0),
            "the end is not final: a poll after it gave {polled:?} and {emitted} records"
        );
        self.ended = polled == Polled::End;
        Ok(self.ended)
    }

    /// Polls until the split ends or `count` records have come, `size(n)` records at the n-th time.
    pub(super) fn read(
        &mut self,
        count: usize,
        mut size: impl FnMut(usize) -> usize,
    ) -> Result<(), OperatorFault> {
        let (mut polls, mut in_vain) = (0, 0);
        while self.len() < count {
            let before = self.len();
            let wanted = size(polls).min(count - before);
            polls += 1;
            if self.poll(wanted)? {
                return Ok(());
            }
            in_vain = if self.len() == before { in_vain + 1 } else { 0 };
            if in_vain > 0 {
                self.world.pass(Duration::from_micros(100));
            }
            assert!(
                in_vain < self.world.patience(),
                "the split hangs: it has not ended, and gave nothing in {in_vain} polls"
            );
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.kept.borrow().len()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn take(&self) -> Vec<T> {
        self.kept.take()
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.reader.position()
    }

    pub(super) fn rejected(&self) -> u64 {
        self.reader.rejected()
    }
}

/// The splits of one of `workers` workers: those that were there, and those that it finds.
pub(super) fn splits_of<S: Source>(
    source: &S,
    world: &World,
    (worker, workers): (usize, usize),
) -> Result<Vec<S::Split>, OperatorFault> {
    let there = source.splits(world.files())?;
    let mut splits: Vec<_> = there.into_iter().skip(worker).step_by(workers).collect();
    let context = world.context(worker, workers);
    let Some(mut enumerator) = source.enumerator(&context) else { return Ok(splits) };
    let mut in_vain = 0;
    loop {
        let before = splits.len();
        if enumerator.discover(world.now_ns(), &mut splits)? == crate::source::Discovered::All {
            return Ok(splits);
        }
        in_vain = if splits.len() == before { in_vain + 1 } else { 0 };
        assert!(
            in_vain < world.patience(),
            "worker {worker} of {workers} hangs: it found no split in {in_vain} looks, and may find more"
        );
        world.pass(enumerator.interval());
    }
}
