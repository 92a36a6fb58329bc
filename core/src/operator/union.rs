//! `union`: two streams of one type become one, in the order in which their batches come.

use super::output::{AnyOutput, Output};
use super::{Input, Operator};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::record::Record;

/// Made by `Stream::union`.
#[derive(Debug)]
pub(crate) struct Union<T: Record> {
    pub(crate) out: Output<T>,
}

impl<T: Record> Operator for Union<T> {
    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<T: Record> Union<T> {
    fn copy(&mut self, run: Records<'_, T>) {
        for (record, at) in run.iter() {
            self.out.record(record, at);
        }
    }
}

impl<T: Record> Input<T, 0> for Union<T> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        self.copy(run);
        Ok(())
    }
}

impl<T: Record> Input<T, 1> for Union<T> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        self.copy(run);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::inbox::Inbox;
    use crate::operator::rig::{Seen, at, lane, output, receive, run, send, watermark};
    use crate::operator::task::{OperatorTask, TwoPorts};
    use crate::raw::page::Control;
    use crate::time::EventTime;

    #[test]
    fn each_stream_keeps_its_order_and_event_time_is_the_lesser() {
        let ((mut left, a), (mut right, b)) = (lane::<u64>(10), lane::<u64>(10));
        let (out, mut rx) = lane::<u64>(10);
        let ports = TwoPorts(Inbox::new(vec![a]), Inbox::new(vec![b]));
        let mut task = OperatorTask::new("u".into(), Union { out: output(vec![out]) }, ports);
        send(&mut left, &[Seen::Record(1, at(1)), watermark(10), Seen::Record(2, at(11))]);
        run(&mut task, 100);
        assert_eq!(receive(&mut rx), [Seen::Record(1, at(1)), Seen::Record(2, at(11))]);
        send(&mut right, &[Seen::Record(3, at(3)), watermark(4), Seen::Control(Control::End)]);
        run(&mut task, 100);
        // The one that has ended does not hold the other back.
        assert_eq!(receive(&mut rx), [Seen::Record(3, at(3)), watermark(4), watermark(10)]);
        send(&mut left, &[Seen::Control(Control::End)]);
        run(&mut task, 100);
        let last = [Control::Watermark(EventTime::MAX), Control::End].map(Seen::Control);
        assert_eq!(receive(&mut rx), last);
    }
}
