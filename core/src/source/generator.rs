//! `Generator`: records that are a function of their number.
//!
//! Split `k` of `n` gives the numbers `k`, `k + n`, `k + 2n` and so on; so the records do not depend on how many splits there are, and a
//! position is the next number.
//!
//! With a rate the load is *open loop*: record `i` is due at `start + i / rate`, whether or not the ones before it are done. A record
//! that is late enters the engine with the instant at which it was due, so latencies count the wait; a generator that lets a slow engine
//! slow it down would hide exactly the stalls that are looked for ("coordinated omission", after Gil Tene).

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::{Emitter, OpenContext, Polled, Position, Source, SplitReader};
use crate::error::OperatorFault;
use crate::io;
use crate::record::Record;
use crate::time::Clock;

/// Records made from numbers, one after the other.
///
/// ```
/// use thalweg::prelude::*;
///
/// let squares = Collected::new();
/// let sink = squares.clone();
/// Engine::builder().build().run("squares", move |t| {
///     t.source("numbers", Generator::of(0..5, |i| i * i))
///         .without_event_time()
///         .sink("squares", sink.sink());
///     Ok(())
/// })?;
/// assert_eq!(squares.take(), [0, 1, 4, 9, 16]);
/// # Ok::<(), JobError>(())
/// ```
pub struct Generator<F> {
    make: Arc<F>,
    numbers: Range<u64>,
    splits: u64,
    rate: Option<Rate>,
}

impl<F> std::fmt::Debug for Generator<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generator")
            .field("numbers", &self.numbers)
            .field("splits", &self.splits)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

/// When records are due.
#[derive(Debug, Clone, Copy)]
struct Rate {
    records_per_s: u64,
    /// When number 0 of the range is due; `None` = when its split is polled first.
    start_ns: Option<u64>,
}

impl<T, F> Generator<F>
where
    T: Record,
    F: Fn(u64) -> T + 'static,
{
    /// The records of `numbers`, as fast as they are taken. `make` is called with each number, on the worker that reads its split.
    pub fn of(numbers: Range<u64>, make: F) -> Self {
        Self { make: Arc::new(make), numbers, splits: 1, rate: None }
    }

    /// Records without end.
    pub fn endless(make: F) -> Self {
        Self::of(0..u64::MAX, make)
    }
}

impl<F> Generator<F> {
    /// How many splits share the numbers, 1 or more; as many as workers use all of them. Default: 1.
    #[must_use]
    pub fn splits(mut self, splits: usize) -> Self {
        self.splits = splits.max(1) as u64;
        self
    }

    /// Makes each record when it is due, at this rate over all splits; 1 or more.
    #[must_use]
    pub fn records_per_s(mut self, records_per_s: u64) -> Self {
        let start_ns = self.rate.and_then(|rate| rate.start_ns);
        self.rate = Some(Rate { records_per_s: records_per_s.max(1), start_ns });
        self
    }

    /// When the first record is due, by the clock of the workers ([`crate::rt::now_ns`] on threads). Default: when its split is
    /// polled for the first time, so the splits start a few microseconds apart. A rate of a record a nanosecond is assumed if none was set.
    #[must_use]
    pub fn starting_at_ns(mut self, start_ns: u64) -> Self {
        let records_per_s = self.rate.map_or(1_000_000_000, |rate| rate.records_per_s);
        self.rate = Some(Rate { records_per_s, start_ns: Some(start_ns) });
        self
    }
}

impl<T, F> Source for Generator<F>
where
    T: Record,
    F: Fn(u64) -> T + 'static,
{
    type Out = T;
    type Split = u64;
    type Reader = GeneratorReader<F>;

    fn splits(&self, _: &dyn io::Files) -> Result<Vec<u64>, OperatorFault> {
        Ok((0..self.splits).collect())
    }

    fn open(
        &self,
        split: &u64,
        context: &OpenContext,
    ) -> Result<GeneratorReader<F>, OperatorFault> {
        Ok(self.reader(self.numbers.start.saturating_add(*split), context))
    }

    fn resume(
        &self,
        _: &u64,
        position: &Position,
        context: &OpenContext,
    ) -> Result<GeneratorReader<F>, OperatorFault> {
        let behind = u64::from(crate::canary::sings("offset-off-by-one")) * self.splits;
        Ok(self.reader(position.read::<u64>()? + behind, context))
    }

    fn describe(&self) -> String {
        let Self { numbers, splits, rate, .. } = self;
        let rate = rate.map_or(String::new(), |rate| format!(", {} a second", rate.records_per_s));
        let count = match numbers.end {
            u64::MAX => "endless".to_owned(),
            _ => format!("{} records", numbers.end.saturating_sub(numbers.start)),
        };
        format!("{count} in {splits} split(s){rate}")
    }
}

impl<F> Generator<F> {
    fn reader(&self, next: u64, context: &OpenContext) -> GeneratorReader<F> {
        GeneratorReader {
            make: Arc::clone(&self.make),
            numbers: self.numbers.clone(),
            next,
            step: self.splits,
            schedule: self.rate.map(|rate| Schedule {
                rate,
                clock: Rc::clone(&context.clock),
                oldest_ns: Cell::new(None),
            }),
        }
    }
}

/// Makes the records of one split.
pub struct GeneratorReader<F> {
    make: Arc<F>,
    numbers: Range<u64>,
    next: u64,
    step: u64,
    schedule: Option<Schedule>,
}

impl<F> std::fmt::Debug for GeneratorReader<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeneratorReader").field("next", &self.next).finish_non_exhaustive()
    }
}

struct Schedule {
    rate: Rate,
    clock: Rc<dyn Clock>,
    /// When the oldest record was due that nobody has asked about yet.
    oldest_ns: Cell<Option<u64>>,
}

impl Schedule {
    /// When the `index`-th number of the range is due.
    fn due_ns(&self, start_ns: u64, index: u64) -> u64 {
        let after_ns = u128::from(index) * 1_000_000_000 / u128::from(self.rate.records_per_s);
        start_ns.saturating_add(u64::try_from(after_ns).unwrap_or(u64::MAX))
    }

    fn note(&self, due_ns: u64) {
        if self.oldest_ns.get().is_none() {
            self.oldest_ns.set(Some(due_ns));
        }
    }
}

impl<T, F> GeneratorReader<F>
where
    T: Record,
    F: Fn(u64) -> T,
{
    fn emit_next(&mut self, out: &mut Emitter<'_, T>) {
        out.emit(&(self.make)(self.next));
        self.next = self.next.saturating_add(self.step);
    }

    fn is_at_end(&self) -> bool {
        self.next >= self.numbers.end
    }
}

impl<T, F> SplitReader<T> for GeneratorReader<F>
where
    T: Record,
    F: Fn(u64) -> T + 'static,
{
    fn poll(&mut self, out: &mut Emitter<'_, T>) -> Result<Polled, OperatorFault> {
        // A replay is not to wait for instants that its clock does not have.
        let Some(schedule) = self.schedule.as_mut().filter(|_| !out.is_replay()) else {
            while out.wanted() > 0 {
                if self.is_at_end() {
                    return Ok(Polled::End);
                }
                self.emit_next(out);
            }
            return Ok(Polled::More);
        };
        let now_ns = schedule.clock.now_ns();
        let first = self.next - self.numbers.start;
        let start_ns = *schedule.rate.start_ns.get_or_insert_with(|| {
            // Resumed in the middle, the next record is due now, and the schedule began as long ago as that takes.
            let rate = u128::from(schedule.rate.records_per_s);
            let passed_ns = u128::from(first - first % self.step) * 1_000_000_000 / rate;
            now_ns.saturating_sub(u64::try_from(passed_ns).unwrap_or(u64::MAX))
        });
        while out.wanted() > 0 {
            if self.is_at_end() {
                return Ok(Polled::End);
            }
            let schedule = self.schedule.as_ref().expect("invariant: there is a rate");
            let due_ns = schedule.due_ns(start_ns, self.next - self.numbers.start);
            if due_ns > now_ns {
                return Ok(Polled::Dry);
            }
            schedule.note(due_ns);
            self.emit_next(out);
        }
        Ok(Polled::More)
    }

    fn position(&self) -> Option<Position> {
        Some(Position::of(&self.next))
    }

    fn origin_ns(&self) -> Option<u64> {
        self.schedule.as_ref()?.oldest_ns.take()
    }
}
