//! `assign_time`: gives records another event time, and the stream other watermarks.
//!
//! What the records' former event time said is dropped with the former watermarks. The new ones are made per task, after every
//! [`WATERMARK_STRIDE`] records; where order within a split matters, let the source do it. So is the verdict on records that claim to lie too far in the future:
//! by all records of the task, in the order in which they came.

use super::output::{AnyOutput, Output};
use super::policy::Fates;
use super::{Input, Operator};
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::page::Control;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::{
    EventTime, FutureGuard, ProcessingTime, WATERMARK_STRIDE, WatermarkGenerator, WatermarkOptions,
};

/// Under which name it notes its times.
const TIMES: &str = "times";

/// Made by `Stream::assign_time`.
pub(crate) struct AssignTime<T: Record, F> {
    read: F,
    generator: Box<dyn WatermarkGenerator<T>>,
    reads_records: bool,
    greatest: EventTime,
    watermark: EventTime,
    since_watermark: u64,
    guard: Option<FutureGuard>,
    out: Output<T>,
    /// Where far-future records go, if not where all others do.
    far: Option<Output<T>>,
}

super::opaque_debug!(AssignTime<T: Record, F>);

impl<T: Record, F: FnMut(&Rec<T>) -> EventTime + 'static> AssignTime<T, F> {
    pub(crate) fn new(
        read: F,
        generator: Box<dyn WatermarkGenerator<T>>,
        options: &WatermarkOptions,
        (out, far): (Output<T>, Option<Output<T>>),
    ) -> Self {
        Self {
            read,
            reads_records: generator.reads_records(),
            generator,
            greatest: EventTime::MIN,
            watermark: EventTime::MIN,
            since_watermark: 0,
            guard: FutureGuard::of(options),
            out,
            far,
        }
    }

    fn make_watermark(&mut self) {
        self.since_watermark = 0;
        let at = self.generator.watermark(self.greatest);
        if at > self.watermark {
            self.watermark = at;
            self.say(at);
        }
    }

    fn say(&mut self, at: EventTime) {
        self.outputs(&mut |output| output.emit_control(Control::Watermark(at)));
    }
}

impl<T: Record, F: FnMut(&Rec<T>) -> EventTime + 'static> Operator for AssignTime<T, F> {
    /// A watermark from above says that the sender got so far: a good moment to say the same in the new time, but only at
    /// the end of the input may it depend on the sender's.
    fn watermark(&mut self, at: EventTime) -> Result<super::Progress, OperatorFault> {
        if at == EventTime::MAX {
            self.say(at);
        }
        Ok(super::Progress::Done)
    }

    /// The times read so far; a generator that is more than a function of the greatest begins anew.
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<super::Progress, OperatorFault> {
        let Self { greatest, watermark, since_watermark, guard, .. } = self;
        let doubted = guard.as_ref().map(FutureGuard::doubted).unwrap_or_default();
        into.note(TIMES, &(greatest.as_nanos(), watermark.as_nanos(), *since_watermark, doubted));
        Ok(super::Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        let times: Vec<(i64, i64, u64, (u32, i64))> = from.notes(TIMES)?;
        let Some(&(greatest, watermark, since_watermark, doubted)) = times.iter().min() else {
            return Ok(());
        };
        self.greatest = EventTime::from_nanos(greatest);
        self.watermark = EventTime::from_nanos(watermark);
        self.since_watermark = since_watermark;
        if let Some(guard) = &mut self.guard {
            guard.resume(doubted);
        }
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
        if let Some(far) = &mut self.far {
            each(far);
        }
    }

    fn clock(&mut self, now: ProcessingTime) {
        if let Some(guard) = &mut self.guard {
            guard.look_at_clock(now);
        }
    }

    fn fates(&self) -> Fates {
        let far_future = self.guard.as_ref().map_or(0, FutureGuard::far);
        Fates { far_future, ..Fates::default() }
    }

    fn forwards_watermarks(&self) -> bool {
        false
    }
}

impl<T: Record, F: FnMut(&Rec<T>) -> EventTime + 'static> Input<T, 0> for AssignTime<T, F> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        for (record, _) in run.iter() {
            let at = (self.read)(record);
            let Self { guard, greatest, out, far, .. } = self;
            let is_believed = match guard {
                Some(guard) => guard.admit(at, greatest),
                None => {
                    *greatest = (*greatest).max(at);
                    true
                }
            };
            if is_believed && self.reads_records {
                self.generator.on_record(record, at);
            }
            let out = if is_believed { out } else { far.as_mut().unwrap_or(out) };
            out.record(record, at);
            self.since_watermark += 1;
            if self.since_watermark == WATERMARK_STRIDE {
                self.make_watermark();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::exchange::inbox::Inbox;
    use crate::operator::rig::{Seen, at, lane, output, receive, run, send, watermark};
    use crate::operator::task::{OnePort, OperatorTask, Task as _};
    use crate::time::{Monotonic, WatermarkStrategy};

    #[test]
    fn watermarks_are_made_from_the_new_time_alone_after_every_stride() {
        for limit in [1, 7, 1000] {
            let (mut lane, input) = self::lane::<u64>(100);
            let (out, mut rx) = self::lane::<u64>(100);
            let read = |record: &Rec<u64>| at(1_000 + i64::try_from(record.to_native()).unwrap());
            let options = WatermarkOptions::default();
            let outputs = (output(vec![out]), None);
            let operator = AssignTime::new(read, Monotonic.generator(), &options, outputs);
            let mut task =
                OperatorTask::new("t".into(), operator, OnePort(Inbox::new(vec![input])));
            let mut sent = Vec::new();
            let mut expected = Vec::new();
            for n in 0..130 {
                sent.extend([Seen::Record(n, at(5)), watermark(5 + i64::try_from(n).unwrap())]);
                let new = 1_000 + i64::try_from(n).unwrap();
                expected.push(Seen::Record(n, at(new)));
                if (n + 1) % WATERMARK_STRIDE == 0 {
                    expected.push(watermark(new));
                }
            }
            sent.push(Seen::Control(Control::End));
            expected.push(Seen::Control(Control::Watermark(EventTime::MAX)));
            expected.push(Seen::Control(Control::End));
            send(&mut lane, &sent);
            run(&mut task, limit);
            assert_eq!(receive(&mut rx), expected);
        }
    }

    #[test]
    fn who_claims_to_lie_far_in_the_future_moves_no_watermark_and_may_go_elsewhere() {
        for goes_elsewhere in [false, true] {
            let (mut lane, input) = self::lane::<u64>(100);
            let ((out, mut rx), (far, mut far_rx)) = (self::lane(100), self::lane(100));
            let options =
                WatermarkOptions { max_jump: Some(Duration::from_nanos(50)), ..Default::default() };
            let read = |record: &Rec<u64>| at(i64::try_from(record.to_native()).unwrap());
            let far = goes_elsewhere.then(|| output(vec![far]));
            let outputs = (output(vec![out]), far);
            let operator = AssignTime::new(read, Monotonic.generator(), &options, outputs);
            let mut task =
                OperatorTask::new("t".into(), operator, OnePort(Inbox::new(vec![input])));
            let times: Vec<u64> = (0..70).map(|n| if n == 9 { 5_000 } else { n }).collect();
            let mut sent: Vec<_> = times.iter().map(|n| Seen::Record(*n, at(5))).collect();
            sent.push(Seen::Control(Control::Idle));
            send(&mut lane, &sent);
            run(&mut task, 7);
            let record = |n: &u64| Seen::Record(*n, at(i64::try_from(*n).unwrap()));
            let mut expected: Vec<_> = times.iter().map(record).collect();
            expected.insert(64, watermark(63));
            let mut doubted = vec![watermark(63)];
            if goes_elsewhere {
                doubted.insert(0, expected.remove(9));
                doubted.push(Seen::Control(Control::Idle));
                assert_eq!(receive(&mut far_rx), doubted);
            }
            expected.push(Seen::Control(Control::Idle));
            assert_eq!(receive(&mut rx), expected);
            assert_eq!(task.counters().far_future, 1);
        }
    }
}
