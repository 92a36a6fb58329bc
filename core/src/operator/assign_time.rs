//! `assign_time`: gives records another event time, and the stream other watermarks.
//!
//! What the records' former event time said is dropped with the former watermarks. The new ones are made per task, after every
//! [`WATERMARK_STRIDE`] records; where order within a split matters, let the source do it.

use super::output::{AnyOutput, Output};
use super::{Input, Operator};
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::raw::page::Control;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::{EventTime, WATERMARK_STRIDE, WatermarkGenerator};

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
    out: Output<T>,
}

super::opaque_debug!(AssignTime<T: Record, F>);

impl<T: Record, F: FnMut(&Rec<T>) -> EventTime + 'static> AssignTime<T, F> {
    pub(crate) fn new(read: F, generator: Box<dyn WatermarkGenerator<T>>, out: Output<T>) -> Self {
        Self {
            read,
            reads_records: generator.reads_records(),
            generator,
            greatest: EventTime::MIN,
            watermark: EventTime::MIN,
            since_watermark: 0,
            out,
        }
    }

    fn make_watermark(&mut self) {
        self.since_watermark = 0;
        let at = self.generator.watermark(self.greatest);
        if at > self.watermark {
            self.watermark = at;
            self.out.control(Control::Watermark(at));
        }
    }
}

impl<T: Record, F: FnMut(&Rec<T>) -> EventTime + 'static> Operator for AssignTime<T, F> {
    /// A watermark from above says that the sender got so far: a good moment to say the same in the new time, but only at
    /// the end of the input may it depend on the sender's.
    fn watermark(&mut self, at: EventTime) -> Result<super::Progress, OperatorFault> {
        if at == EventTime::MAX {
            self.out.control(Control::Watermark(EventTime::MAX));
        }
        Ok(super::Progress::Done)
    }

    /// The times read so far; a generator that is more than a function of the greatest begins anew.
    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<super::Progress, OperatorFault> {
        let Self { greatest, watermark, since_watermark, .. } = self;
        into.note(TIMES, &(greatest.as_nanos(), watermark.as_nanos(), *since_watermark));
        Ok(super::Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        let times: Vec<(i64, i64, u64)> = from.notes(TIMES)?;
        let Some(&(greatest, watermark, since_watermark)) = times.iter().min() else {
            return Ok(());
        };
        self.greatest = EventTime::from_nanos(greatest);
        self.watermark = EventTime::from_nanos(watermark);
        self.since_watermark = since_watermark;
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }

    fn forwards_watermarks(&self) -> bool {
        false
    }
}

impl<T: Record, F: FnMut(&Rec<T>) -> EventTime + 'static> Input<T, 0> for AssignTime<T, F> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        for (record, _) in run.iter() {
            let at = (self.read)(record);
            self.greatest = self.greatest.max(at);
            if self.reads_records {
                self.generator.on_record(record, at);
            }
            self.out.record(record, at);
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
    use super::*;
    use crate::exchange::inbox::Inbox;
    use crate::operator::rig::{Seen, at, lane, output, receive, run, send, watermark};
    use crate::operator::task::{OnePort, OperatorTask};
    use crate::time::{Monotonic, WatermarkStrategy};

    #[test]
    fn watermarks_are_made_from_the_new_time_alone_after_every_stride() {
        for limit in [1, 7, 1000] {
            let (mut lane, input) = self::lane::<u64>(100);
            let (out, mut rx) = self::lane::<u64>(100);
            let read = |record: &Rec<u64>| at(1_000 + i64::try_from(record.to_native()).unwrap());
            let operator = AssignTime::new(read, Monotonic.generator(), output(vec![out]));
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
}
