//! The host as a sink: records that any of its threads takes out of a job of the same process.
//!
//! A handle is the receiving end of a ring from each worker. Records are looked at in place, in the page that the worker filled; when all of a
//! page was received the worker has it back. A handle that is not read fills up, and then holds the job back.
//!
//! * Arrives from: [`crate::exchange`], as pages, through the task of the output, which keeps what was sent until it is read.
//! * Leaves to: the host, by [`OutputHandle`].
//!
//! # Invariants
//!
//! 1. Order: records of one worker arrive in the order in which it sent them. Between workers none is promised: the handle reads a page of
//!    one, then a page of the next that has one. All records of a key are of one worker.
//! 2. Nothing is lost before the end: [`RecvError`] comes after the last record that was sent.
//! 3. Nothing is lost with the process, if the job takes checkpoints: what was sent before a checkpoint and not read when it was taken is in it, and comes again to the handle of the
//!    job that goes on from there. Pages are what is known to be read, so the records of one that was read in part come twice. If
//!    it goes on with other workers, what comes again of a key and what follows it may be of two.

mod operator;
mod outbox;
mod port;

pub(crate) use operator::HostOutput;
pub(crate) use port::output_port;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::error::RecvError;
use crate::exchange::host::{Outcome, RingWhenDropped};
use crate::exchange::lane::LaneRx;
use crate::raw::page::{Control, Element, PageBuf};
use crate::raw::view::Rec;
use crate::raw::wake::HostBell;
use crate::record::Record;
use crate::time::EventTime;
use crate::time::watermark::MergedTime;

/// Takes records out of a job; from [`JobHandle::output`](crate::control::JobHandle::output).
///
/// Dropped before the job has ended it lets the job go on: what the output sends from then on is discarded.
pub struct OutputHandle<T: Record> {
    lanes: Vec<OutLane<T>>,
    /// The lane that is read.
    current: usize,
    time: MergedTime,
    watermark: EventTime,
    is_ended: bool,
    bell: HostBell,
    outcome: Arc<Outcome>,
    /// After `lanes`: a worker that is held back by them is to find them gone.
    _closing: Vec<RingWhenDropped>,
}

crate::operator::opaque_debug!(OutputHandle<T: Record>);

/// What one worker sends.
struct OutLane<T: Record> {
    rx: LaneRx<T>,
    /// Elements of the front page that were received already.
    cursor: usize,
    /// The record that is next, if it fits no page of the ring.
    large: Option<PageBuf<T>>,
}

impl<T: Record> OutputHandle<T> {
    fn new(lanes: Vec<LaneRx<T>>, bell: HostBell, outcome: Arc<Outcome>) -> Self {
        let time = MergedTime::new(lanes.len());
        let workers = lanes.iter().filter_map(|rx| rx.sender.clone());
        let closing = workers.map(RingWhenDropped).collect();
        let lane = |rx| OutLane { rx, cursor: 0, large: None };
        let lanes = lanes.into_iter().map(lane).collect();
        let watermark = EventTime::MIN;
        Self {
            lanes,
            current: 0,
            time,
            watermark,
            is_ended: false,
            bell,
            outcome,
            _closing: closing,
        }
    }

    /// Shows the next record and its event time to `look`, in place, if there is one now; `None` if there is none.
    ///
    /// Cost: no allocation and no copy; a store and a ring of the worker's doorbell for each page, when its last record was received.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if no record will come any more.
    #[inline]
    pub fn try_recv_with<R>(
        &mut self,
        look: impl FnOnce(&Rec<T>, EventTime) -> R,
    ) -> Result<Option<R>, RecvError> {
        let is_over = self.outcome.is_over();
        if !self.seek() {
            return self.nothing(is_over).map(|()| None);
        }
        let lane = &mut self.lanes[self.current];
        let looked = lane.show(look);
        if lane.step() {
            self.turn();
        }
        Ok(Some(looked))
    }

    /// The next record as a value, if there is one now.
    ///
    /// # Errors
    ///
    /// As [`Self::try_recv_with`].
    pub fn try_recv(&mut self) -> Result<Option<T>, RecvError> {
        self.try_recv_with(|record, _| record.to_value())
    }

    /// Shows the next record to `look`; waits until there is one: spins, then blocks the thread.
    ///
    /// # Errors
    ///
    /// As [`Self::try_recv_with`].
    pub fn recv_with<R>(
        &mut self,
        look: impl FnOnce(&Rec<T>, EventTime) -> R,
    ) -> Result<R, RecvError> {
        while !self.has_next()? {
            self.wait(None);
        }
        Ok(self.try_recv_with(look)?.expect("invariant: there is a record"))
    }

    /// The next record as a value; waits until there is one.
    ///
    /// # Errors
    ///
    /// As [`Self::try_recv_with`].
    pub fn recv(&mut self) -> Result<T, RecvError> {
        self.recv_with(|record, _| record.to_value())
    }

    /// As [`Self::recv`]; `None` if nothing comes for about `timeout`.
    ///
    /// # Errors
    ///
    /// As [`Self::try_recv_with`].
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<T>, RecvError> {
        while !self.has_next()? {
            if !self.wait(Some(timeout)) {
                break;
            }
        }
        self.try_recv()
    }

    /// Shows everything that is there now to `look`, a page at a time; returns how many records it was.
    ///
    /// # Errors
    ///
    /// As [`Self::try_recv_with`], if there was nothing.
    pub fn drain(&mut self, mut look: impl FnMut(&Rec<T>, EventTime)) -> Result<usize, RecvError> {
        let is_over = self.outcome.is_over();
        let mut count = 0;
        while self.seek() {
            let (shown, is_page_end) = self.lanes[self.current].show_run(&mut look);
            count += shown;
            if is_page_end {
                self.turn();
            }
        }
        if count == 0 {
            self.nothing(is_over)?;
        }
        Ok(count)
    }

    /// Ready with the next record when there is one; else the task of `context` is woken when something comes.
    ///
    /// # Errors
    ///
    /// As [`Self::try_recv_with`].
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        loop {
            match self.try_recv() {
                Ok(None) => {}
                Ok(Some(value)) => return Poll::Ready(Ok(value)),
                Err(error) => return Poll::Ready(Err(error)),
            }
            let Self { lanes, bell, outcome, .. } = self;
            if bell.poll(context, || is_worth_a_look(lanes, outcome)).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// The next record; leaves the thread to others until there is one. A future of std, for any executor; dropped before it is
    /// ready it has taken nothing.
    ///
    /// # Errors
    ///
    /// As [`Self::try_recv_with`].
    pub async fn recv_async(&mut self) -> Result<T, RecvError> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// How far event time is: no record with an earlier time is expected behind those that were received.
    pub fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// True if a record is there.
    fn has_next(&mut self) -> Result<bool, RecvError> {
        let is_over = self.outcome.is_over();
        match self.seek() {
            true => Ok(true),
            false => self.nothing(is_over).map(|()| false),
        }
    }

    /// Goes to the next record, past what lies between; false if there is none.
    #[inline]
    fn seek(&mut self) -> bool {
        if self.lanes[self.current].is_at_record() {
            return true;
        }
        self.seek_on()
    }

    fn seek_on(&mut self) -> bool {
        let lanes = self.lanes.len();
        let mut empty = 0;
        while empty < lanes {
            match self.lanes[self.current].next() {
                Next::Record => return true,
                Next::Control(control) => {
                    self.control(control);
                    continue;
                }
                Next::PageEnd => empty = 0,
                Next::Nothing => empty += 1,
            }
            self.turn();
        }
        false
    }

    /// A page was read to its end, or there is none: the next worker's lane has its turn.
    fn turn(&mut self) {
        self.current = (self.current + 1) % self.lanes.len();
    }

    fn control(&mut self, control: Control) {
        let Self { time, watermark, is_ended, current, .. } = self;
        time.apply(*current, control, &mut |control| match control {
            Control::Watermark(at) => *watermark = at,
            Control::End | Control::Halt => *is_ended = true,
            Control::Idle
            | Control::Active
            | Control::Barrier(_)
            | Control::Call(_)
            | Control::Wave(_) => {}
        });
    }

    /// What it means that nothing is there; `is_over` was asked before that was found.
    fn nothing(&self, is_over: bool) -> Result<(), RecvError> {
        if self.is_ended {
            return Err(RecvError::Ended);
        }
        match (is_over, self.outcome.failure()) {
            (false, _) => Ok(()),
            (true, None) => Err(RecvError::Ended),
            (true, Some(message)) => Err(RecvError::Failed { message: message.to_owned() }),
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) -> bool {
        let Self { lanes, bell, outcome, .. } = self;
        bell.wait(timeout, || is_worth_a_look(lanes, outcome))
    }
}

fn is_worth_a_look<T: Record>(lanes: &mut [OutLane<T>], outcome: &Outcome) -> bool {
    lanes.iter_mut().any(|lane| lane.rx.pages.is_ready()) || outcome.is_over()
}

/// What a lane has next.
enum Next {
    Record,
    Control(Control),
    PageEnd,
    Nothing,
}

impl<T: Record> OutLane<T> {
    /// True if the next element is a record of the front page.
    #[inline]
    fn is_at_record(&mut self) -> bool {
        let cursor = self.cursor;
        self.large.is_some()
            || self
                .rx
                .pages
                .front()
                .is_some_and(|page| cursor < page.len() && page.is_record(cursor))
    }

    /// Goes past one control element, or to a record.
    fn next(&mut self) -> Next {
        if self.large.is_some() {
            return Next::Record;
        }
        let Some(page) = self.rx.pages.front() else { return Next::Nothing };
        if self.cursor == page.len() {
            self.release_if_read();
            return Next::PageEnd;
        }
        match page.element(self.cursor) {
            Element::Record(..) => Next::Record,
            Element::Large(..) => {
                let large = self.rx.large.recv();
                self.large =
                    Some(large.expect("invariant: a large record was sent before its mark"));
                Next::Record
            }
            Element::Control(control) => {
                self.cursor += 1;
                Next::Control(control)
            }
        }
    }

    /// Shows the record that [`Self::next`] found.
    #[inline]
    fn show<R>(&mut self, look: impl FnOnce(&Rec<T>, EventTime) -> R) -> R {
        if let Some(large) = &self.large {
            let page = large.view();
            return look(page.record(0), page.event_time(0));
        }
        let page = self.rx.pages.front().expect("invariant: the next record is in a page");
        look(page.record(self.cursor), page.event_time(self.cursor))
    }

    /// Goes past the record that was shown; a page that is read to its end is given back at once, and then this is true.
    #[inline]
    fn step(&mut self) -> bool {
        self.large = None;
        self.cursor += 1;
        self.release_if_read()
    }

    fn release_if_read(&mut self) -> bool {
        let cursor = self.cursor;
        let is_read = self.rx.pages.front().is_some_and(|page| cursor == page.len());
        if is_read {
            self.cursor = 0;
            self.rx.release();
        }
        is_read
    }

    /// Shows the record that is next and those behind it in the page; returns how many, and whether the page was read to its end.
    fn show_run(&mut self, look: &mut impl FnMut(&Rec<T>, EventTime)) -> (usize, bool) {
        if self.large.is_some() {
            self.show(look);
            return (1, self.step());
        }
        let page = self.rx.pages.front().expect("invariant: the next record is in a page");
        let end = page.run_end(self.cursor);
        page.records(self.cursor, end).for_each(|(record, at)| look(record, at));
        let count = end - self.cursor;
        self.cursor = end;
        (count, self.release_if_read())
    }
}
