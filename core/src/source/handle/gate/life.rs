//! Event time behind the gate: that of one handle, and that of all of them.

use std::ops::Range;
use std::time::Duration;

use crate::exchange::recorded::PageLog;
use crate::metrics::{SplitCounters, SplitState};
use crate::operator::output::Output;
use crate::operator::task::PollOutcome;
use crate::raw::page::{Control, PageView};
use crate::record::Record;
use crate::time::watermark::MergedTime;
use crate::time::{EventTime, ProcessingTime, WATERMARK_STRIDE, WatermarkGenerator};

/// How often event time follows the clock while all handles are idle.
const IDLE_STEP: Duration = Duration::from_millis(10);

/// The event time of one handle.
pub(super) struct Life<T: Record> {
    generator: Box<dyn WatermarkGenerator<T>>,
    reads_records: bool,
    greatest: EventTime,
    /// The latest that was made or sent, and the decided clock then.
    watermark: EventTime,
    moved_ns: u64,
    pub(super) since_watermark: u64,
    /// The clock when it last sent something; `None` before the clock was seen.
    pub(super) last: Option<ProcessingTime>,
    /// It has been silent for so long that it is idle, if its ring is empty.
    pub(super) is_suspect: bool,
    pub(super) is_idle: bool,
    pub(super) is_ended: bool,
    /// What was read, if it is recorded.
    pub(super) log: Option<PageLog<T>>,
}

/// The event time of all handles, and where it is passed on, with the records.
pub(super) struct Merged<T: Record> {
    time: MergedTime,
    pub(super) watermark: EventTime,
    /// The decided clock, and when the watermark last moved by it.
    pub(super) now_ns: u64,
    pub(super) moved_ns: u64,
    /// Since when every open handle is idle, or when event time last moved with the clock.
    idle_since: Option<ProcessingTime>,
    pub(super) is_finished: bool,
    pub(super) out: Output<T>,
}

impl<T: Record> Life<T> {
    pub(super) fn new(generator: Box<dyn WatermarkGenerator<T>>, log: Option<PageLog<T>>) -> Self {
        Self {
            reads_records: generator.reads_records(),
            generator,
            greatest: EventTime::MIN,
            watermark: EventTime::MIN,
            moved_ns: 0,
            since_watermark: 0,
            last: None,
            is_suspect: false,
            is_idle: false,
            is_ended: false,
            log,
        }
    }

    /// Passes records on, with a watermark wherever one is due.
    pub(super) fn records(
        &mut self,
        lane: usize,
        page: PageView<'_, T>,
        mut run: Range<usize>,
        merged: &mut Merged<T>,
    ) {
        self.wake(lane, merged);
        while !run.is_empty() {
            let due = usize::try_from(WATERMARK_STRIDE - self.since_watermark);
            let count = run.len().min(due.unwrap_or(usize::MAX));
            self.pass_on(page, run.start..run.start + count, &mut merged.out);
            run.start += count;
            self.since_watermark += count as u64;
            if self.since_watermark == WATERMARK_STRIDE {
                self.make_watermark(lane, merged);
            }
        }
    }

    fn pass_on(&mut self, page: PageView<'_, T>, run: Range<usize>, out: &mut Output<T>) {
        for (record, at) in page.records(run.start, run.end) {
            self.greatest = self.greatest.max(at);
            if self.reads_records {
                self.generator.on_record(record, at);
            }
            if let Some(log) = &mut self.log {
                log.record(record, at);
            }
            out.record(record, at);
        }
    }

    /// Takes what the host says of this handle's time.
    pub(super) fn control(&mut self, lane: usize, control: Control, merged: &mut Merged<T>) {
        if let Some(log) = &mut self.log {
            log.control(control);
        }
        match control {
            Control::Watermark(at) => {
                self.wake(lane, merged);
                self.advance(lane, at, merged);
            }
            Control::Idle => self.fall_silent(lane, merged),
            Control::Active
            | Control::End
            | Control::Halt
            | Control::Barrier(_)
            | Control::Call(_)
            | Control::Wave(_) => {
                unreachable!("invariant: a handle wakes by sending, and ends by being dropped")
            }
        }
    }

    /// The page that was read has come to its end.
    pub(super) fn end_page(&mut self) {
        if let Some(log) = &mut self.log {
            log.end_page();
        }
    }

    /// The handle's ring was found empty.
    pub(super) fn dry(&mut self, lane: usize, outcome: PollOutcome, merged: &mut Merged<T>) {
        if self.since_watermark > 0 {
            self.make_watermark(lane, merged);
        }
        match outcome {
            PollOutcome::End => {
                self.is_ended = true;
                merged.apply(lane, Control::End);
            }
            PollOutcome::Idle => self.fall_silent(lane, merged),
            PollOutcome::Dry | PollOutcome::Full => {}
        }
    }

    /// When the silence will have lasted for `after`; at once, if the clock was not seen yet.
    pub(super) fn silent_at(&self, after: Duration) -> Option<ProcessingTime> {
        let counts = !self.is_ended && !self.is_idle && !self.is_suspect;
        let at = self.last.map_or(ProcessingTime::MIN, |last| last.saturating_add(after));
        counts.then_some(at)
    }

    /// Looks whether the silence has lasted for `after`.
    pub(super) fn suspect(&mut self, now: ProcessingTime, after: Option<Duration>) {
        let last = *self.last.get_or_insert(now);
        let is_silent = after.is_some_and(|after| now.since(last) >= after);
        self.is_suspect |= is_silent && !self.is_idle && !self.is_ended;
    }

    fn fall_silent(&mut self, lane: usize, merged: &mut Merged<T>) {
        self.is_suspect = false;
        if !std::mem::replace(&mut self.is_idle, true) {
            merged.apply(lane, Control::Idle);
        }
    }

    /// The handle has sent something: it takes part in event time again.
    fn wake(&mut self, lane: usize, merged: &mut Merged<T>) {
        self.is_suspect = false;
        if std::mem::take(&mut self.is_idle) {
            merged.idle_since = None;
            merged.apply(lane, Control::Active);
        }
    }

    fn make_watermark(&mut self, lane: usize, merged: &mut Merged<T>) {
        self.since_watermark = 0;
        let at = self.generator.watermark(self.greatest);
        self.advance(lane, at, merged);
    }

    fn advance(&mut self, lane: usize, at: EventTime, merged: &mut Merged<T>) {
        if at > self.watermark {
            self.watermark = at;
            self.moved_ns = merged.now_ns;
            merged.apply(lane, Control::Watermark(at));
        }
    }

    /// How far the handle is, for those who watch.
    pub(super) fn counters(&self) -> SplitCounters {
        let state = match (self.is_ended, self.is_idle) {
            (true, _) => SplitState::Ended,
            (_, true) => SplitState::Idle,
            _ => SplitState::Open,
        };
        SplitCounters { watermark_ns: self.watermark.as_nanos(), moved_ns: self.moved_ns, state }
    }
}

impl<T: Record> Merged<T> {
    pub(super) fn new(lanes: usize, out: Output<T>) -> Self {
        Self {
            time: MergedTime::new(lanes),
            watermark: EventTime::MIN,
            now_ns: 0,
            moved_ns: 0,
            idle_since: None,
            is_finished: false,
            out,
        }
    }

    /// Takes a control element of one lane, and passes on what follows for the whole.
    fn apply(&mut self, lane: usize, control: Control) {
        let Self { time, watermark, is_finished, out, now_ns, moved_ns, .. } = self;
        time.apply(lane, control, &mut |control| {
            match control {
                // Event time may have gone ahead with the clock.
                Control::Watermark(at) if at <= *watermark => return,
                Control::Watermark(at) => {
                    *watermark = at;
                    *moved_ns = *now_ns;
                }
                Control::End | Control::Halt => *is_finished = true,
                Control::Idle
                | Control::Active
                | Control::Barrier(_)
                | Control::Call(_)
                | Control::Wave(_) => {}
            }
            out.control(control);
        });
    }

    /// The handle that holds event time back.
    pub(super) fn slowest(&self) -> Option<usize> {
        self.time.slowest()
    }

    /// True if all handles that are open are idle.
    pub(super) fn is_idle(&self) -> bool {
        self.time.is_idle()
    }

    /// Nothing comes any more: `last` is passed on, at the end of time or, if it is [`Control::Halt`], where time is.
    pub(super) fn stop(&mut self, last: Control) {
        self.is_finished = true;
        if last == Control::End {
            self.advance(EventTime::MAX);
        }
        self.out.control(last);
    }

    /// When event time next moves with the clock, while all handles are idle.
    pub(super) fn next_step(&self) -> ProcessingTime {
        self.idle_since.map_or(ProcessingTime::MIN, |since| since.saturating_add(IDLE_STEP))
    }

    /// Moves event time as far as the clock has gone since all handles are idle.
    pub(super) fn follow_clock(&mut self, now: ProcessingTime) {
        let passed = now.since(*self.idle_since.get_or_insert(now));
        if passed < IDLE_STEP {
            return;
        }
        self.idle_since = Some(now);
        self.advance(self.watermark.saturating_add(passed));
    }

    fn advance(&mut self, at: EventTime) {
        if at > self.watermark {
            self.watermark = at;
            self.moved_ns = self.now_ns;
            self.out.control(Control::Watermark(at));
        }
    }
}
