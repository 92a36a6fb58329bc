//! The emitter: takes the records of one poll, reads their event times, and writes them into the source's page.

use super::archives::Archives;
use super::outputs::{DeadOutput, FarOutput, SourceOutputs};
use crate::operator::DeadLetter;
use crate::operator::output::Output;
use crate::raw::page::Control;
use crate::raw::view::Rec;
use crate::record::{ArchivesAs, Record};
use crate::time::{EventTime, FutureGuard, WatermarkGenerator};

/// Takes the records of one poll and writes them into the source's page.
pub struct Emitter<'a, T: Record> {
    out: &'a mut Output<T>,
    far: Option<&'a mut FarOutput<T>>,
    dead: Option<&'a mut DeadOutput>,
    clock: SplitClock<'a, T>,
    wanted: usize,
    /// The number of records at which the hot path looks up: where no more are wanted; at the first, if the receivers think the source idle.
    pause: usize,
    emitted: usize,
    is_replay: bool,
    rejected: usize,
}

crate::operator::opaque_debug!(Emitter<'a, T: Record>);

/// What a poll changes of its split's event time.
pub(super) struct SplitClock<'a, T: Record> {
    pub(super) generator: Option<&'a mut dyn WatermarkGenerator<T>>,
    pub(super) guard: Option<&'a mut FutureGuard>,
    pub(super) greatest: EventTime,
}

impl<T: Record> SplitClock<'_, T> {
    /// The record's event time, and whether it is too far ahead: then it neither moves the watermark nor is seen by its generator.
    #[inline(always)]
    fn judge(&mut self, record: &Rec<T>) -> (EventTime, bool) {
        let Self { generator, guard, greatest } = self;
        let at = T::event_time(record).unwrap_or(EventTime::MIN);
        let is_far = match guard {
            Some(guard) => !guard.admit(at, greatest),
            None => {
                *greatest = (*greatest).max(at);
                false
            }
        };
        if let Some(generator) = generator.as_mut().filter(|_| !is_far) {
            generator.on_record(record, at);
        }
        (at, is_far)
    }
}

impl<'a, T: Record> Emitter<'a, T> {
    /// `was_idle`: the receivers were told not to wait for this source; they are told otherwise before the first record, not after it, so that none
    /// of them takes the record for one of an idle input.
    pub(super) fn new(
        outputs: &'a mut SourceOutputs<T>,
        clock: SplitClock<'a, T>,
        wanted: usize,
        was_idle: bool,
    ) -> Self {
        Self {
            out: &mut outputs.main,
            far: outputs.far.as_mut(),
            dead: outputs.dead.as_mut(),
            clock,
            wanted,
            pause: if was_idle { 0 } else { wanted },
            emitted: 0,
            is_replay: false,
            rejected: 0,
        }
    }

    /// For those that poll a reader without a task.
    pub(crate) fn alone(outputs: &'a mut SourceOutputs<T>, wanted: usize) -> Self {
        let clock = SplitClock { generator: None, guard: None, greatest: EventTime::MIN };
        Self::new(outputs, clock, wanted, false)
    }

    pub(super) fn set_replay(&mut self, is_replay: bool) {
        self.is_replay = is_replay;
    }

    /// True if this poll was recorded and is taken again: as many records as are wanted were there. A reader that follows a clock does not
    /// look at it now.
    pub fn is_replay(&self) -> bool {
        self.is_replay
    }

    /// How many records to emit at most; zero once they are emitted.
    pub fn wanted(&self) -> usize {
        self.wanted - self.emitted
    }

    /// Emits one record; its event time is that of the field marked `#[event_time]`.
    ///
    /// # Panics
    ///
    /// If more records are emitted than were wanted.
    #[inline(always)]
    pub fn emit(&mut self, value: &T) {
        self.emit_as(value);
    }

    /// As [`Self::emit`], of a twin of the record, whose texts are references, as into the bytes that were read; see [`ArchivesAs`].
    ///
    /// # Panics
    ///
    /// If more records are emitted than were wanted.
    #[inline(always)]
    pub fn emit_as(&mut self, value: &impl ArchivesAs<T>) {
        if self.emitted == self.pause {
            self.look_up();
        }
        if self.clock.guard.is_some() {
            self.emit_guarded(value);
        } else {
            let Self { out, clock, .. } = self;
            out.timed(value, |record| clock.judge(record).0);
        }
        self.emitted += 1;
    }

    /// As [`Self::emit`], of a record that is archived already: its bytes are copied, and nothing is serialised.
    ///
    /// # Panics
    ///
    /// If more records are emitted than were wanted.
    #[inline]
    pub fn emit_record(&mut self, record: &Rec<T>) {
        if self.emitted == self.pause {
            self.look_up();
        }
        let Self { out, far, clock, .. } = self;
        let (at, is_far) = clock.judge(record);
        match far {
            Some(FarOutput { out: far, .. }) if is_far => far.record(record, at),
            _ => out.record(record, at),
        }
        self.emitted += 1;
    }

    /// Emits records of a list from the one at `from` on, as many as are [wanted](Self::wanted) and there; how many that were.
    ///
    /// Cost: a whole page of the list is handed on without a copy; what is less is copied record by record, as [`Self::emit_record`] does.
    pub fn emit_archives(&mut self, archives: &Archives<T>, from: usize) -> usize {
        let count = self.wanted().min(archives.len().saturating_sub(from));
        let mut done = 0;
        while done < count {
            let (page, place) = archives.page_of(from + done);
            let view = page.view();
            let end = view.len().min(place + count - done);
            let SplitClock { guard, generator, .. } = &self.clock;
            if place == 0 && end == view.len() && guard.is_none() && generator.is_none() {
                if self.emitted == self.pause {
                    self.look_up();
                }
                let latest = view.keys(0, end).map(|(at, _)| at).max();
                let greatest = &mut self.clock.greatest;
                *greatest = (*greatest).max(latest.unwrap_or(EventTime::MIN));
                self.out.page(view);
                self.emitted += end;
            } else {
                view.records(place, end).for_each(|(record, _)| self.emit_record(record));
            }
            done += end - place;
        }
        count
    }

    #[cold]
    fn look_up(&mut self) {
        assert!(self.emitted < self.wanted, "a reader emitted more records than were wanted");
        self.pause = self.wanted;
        self.out.control(Control::Active);
        if let Some(far) = &mut self.far {
            far.out.control(Control::Active);
        }
        if let Some(dead) = &mut self.dead {
            dead.out.control(Control::Active);
        }
    }

    /// Sends what was to become a record and is none to the source's stream of dead letters; false if it has no such stream, and the reader is to do
    /// what its own settings say. `letter` need not say the source and the type of the record; they are filled in.
    ///
    /// A dead letter has the event time of the latest record before it, and counts as one of those that are wanted: so a replay, which asks for
    /// as many as came, finds it where it was.
    ///
    /// # Panics
    ///
    /// If more is emitted and rejected than was wanted.
    pub fn reject(&mut self, letter: impl FnOnce() -> DeadLetter) -> bool {
        if self.dead.is_none() {
            return false;
        }
        if self.emitted == self.pause {
            self.look_up();
        }
        self.wanted -= 1;
        self.pause = self.wanted;
        self.rejected += 1;
        let dead = self.dead.as_mut().expect("invariant: just looked");
        let (operator, record) = (dead.operator.clone(), T::NAME.into());
        dead.out.value(&DeadLetter { operator, record, ..letter() }, self.clock.greatest);
        true
    }

    /// As [`Self::emit`], with an eye on records that are too far ahead.
    fn emit_guarded(&mut self, value: &impl ArchivesAs<T>) {
        let Self { out, far, clock, .. } = self;
        match far {
            None => out.timed(value, |record| clock.judge(record).0),
            Some(FarOutput { out: far, scratch }) => {
                let record = scratch.archive(value);
                let (at, is_far) = clock.judge(record);
                let target = if is_far { far } else { out };
                target.record(record, at);
            }
        }
    }

    /// Records emitted, what was rejected, and the latest event time that is believed.
    pub(super) fn done(self) -> (usize, usize, EventTime) {
        (self.emitted, self.rejected, self.clock.greatest)
    }
}
