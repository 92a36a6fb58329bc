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

    #[test]
    fn a_stream_waits_for_one_page_of_each_other_at_most() {
        let inputs: Vec<_> = (0..5).map(|_| lane::<u64>(100)).collect();
        let (mut senders, receivers): (Vec<_>, Vec<_>) = inputs.into_iter().unzip();
        let (out, mut rx) = lane::<u64>(1_000);
        let inbox = receivers
            .into_iter()
            .map(|receiver| Inbox::new(vec![receiver]))
            .reduce(Inbox::join)
            .unwrap();
        let task = &mut OperatorTask::new(
            "u".into(),
            Union { out: output(vec![out]) },
            crate::operator::task::OnePort(inbox),
        );
        // Four that have always a page, and one that has one now and then.
        for sender in &mut senders[..4] {
            (0..60).for_each(|n| send(sender, &[Seen::Record(n, at(0)), Seen::Record(n, at(0))]));
        }
        for turn in 0..10 {
            send(&mut senders[4], &[Seen::Record(1_000 + turn, at(0))]);
            for _ in 0..5 {
                let choice = crate::operator::task::Task::choose(task).unwrap();
                crate::operator::rig::step(task, choice, 100).unwrap();
            }
            (task as &mut dyn crate::operator::task::Task).flush();
            assert!(receive(&mut rx).contains(&Seen::Record(1_000 + turn, at(0))), "{turn}");
        }
    }
}
