//! How the event times of several inputs become one.
//!
//! A task's event time is the least watermark of its inputs, idle and ended ones left out. It never goes back. An input that was halted holds it
//! where it was: nothing comes of it any more, and nothing is to fire that it would have had a part in.
//!
//! # Source
//!
//! Akidau et al., "MillWheel", PVLDB 6(11), 2013; idleness as in Flink's `StatusWatermarkValve`.

use super::EventTime;
use crate::raw::page::Control;

#[derive(Debug, Clone, Copy)]
struct Input {
    watermark: EventTime,
    idle: bool,
    ended: bool,
    halted: bool,
}

impl Input {
    /// No record will come any more.
    fn is_through(&self) -> bool {
        self.ended || self.watermark == EventTime::MAX
    }
}

/// The merged event time of a fixed number of inputs.
///
/// Cost: O(inputs) for each control element, O(1) for each record.
#[derive(Debug)]
pub(crate) struct MergedTime {
    inputs: Vec<Input>,
    watermark: EventTime,
    idle: bool,
}

impl MergedTime {
    pub(crate) fn new(inputs: usize) -> Self {
        let (idle, ended, halted) = (false, false, false);
        let input = Input { watermark: EventTime::MIN, idle, ended, halted };
        Self { inputs: vec![input; inputs], watermark: EventTime::MIN, idle: false }
    }

    /// Says that no record will come on `input`: it does not hold event time back, even before its end has come.
    pub(crate) fn ignore(&mut self, input: usize) {
        self.inputs[input].watermark = EventTime::MAX;
    }

    /// Before anything else: event time was `at`, and does not go back behind it.
    pub(crate) fn resume(&mut self, at: EventTime) {
        self.watermark = at;
    }

    /// The merged watermark.
    #[cfg(test)]
    pub(crate) fn watermark(&self) -> EventTime {
        self.watermark
    }

    /// The input that event time waits for: the slowest one; or the one that it follows, if all are idle.
    pub(crate) fn slowest(&self) -> Option<usize> {
        let open = || self.inputs.iter().enumerate().filter(|(_, input)| !input.is_through());
        let busy = open().filter(|(_, input)| !input.idle);
        let slowest = busy.min_by_key(|(_, input)| input.watermark);
        slowest.or_else(|| open().max_by_key(|(_, input)| input.watermark)).map(|(index, _)| index)
    }

    /// True if all inputs that may still have something are idle.
    pub(crate) fn is_idle(&self) -> bool {
        self.idle
    }

    /// Takes a control element of one input; `then` gets what follows for the whole, in order.
    pub(crate) fn apply(&mut self, input: usize, control: Control, then: &mut impl FnMut(Control)) {
        let state = &mut self.inputs[input];
        match control {
            Control::Watermark(at) => {
                state.watermark = state.watermark.max(at);
            }
            Control::Idle => state.idle = true,
            Control::Active => state.idle = false,
            Control::End => {
                state.ended = true;
                state.watermark = EventTime::MAX;
            }
            Control::Halt => state.halted = true,
            // It says nothing of time.
            Control::Barrier(_) | Control::Call(_) | Control::Wave(_) => return,
        }
        self.settle(then);
    }

    fn settle(&mut self, then: &mut impl FnMut(Control)) {
        if self.inputs.iter().all(|input| input.ended || input.halted) {
            if self.inputs.iter().any(|input| input.halted) {
                then(Control::Halt);
            } else {
                self.advance(EventTime::MAX, then);
                then(Control::End);
            }
            return;
        }
        // An input at the end of time is as good as ended: it is not the one that says how far the others are. (It says so before its
        // end comes; were it the only one that is not idle, event time would end with it.)
        let open = || self.inputs.iter().filter(|input| !input.is_through());
        let busy = || open().filter(|input| !input.idle);
        // When all are through, what is left is the end, not idleness.
        let idle = open().next().is_some() && busy().next().is_none();
        let least = busy().map(|input| input.watermark).min();
        // When all are idle, time still follows the farthest of the idle inputs: each of them has promised that much,
        // and none of them holds the others back.
        let least = least.or_else(|| open().map(|input| input.watermark).max());
        if self.idle && !idle {
            self.idle = false;
            then(Control::Active);
        }
        if let Some(at) = least {
            self.advance(at, then);
        }
        if idle && !self.idle {
            self.idle = true;
            then(Control::Idle);
        }
    }

    fn advance(&mut self, at: EventTime, then: &mut impl FnMut(Control)) {
        if at > self.watermark {
            self.watermark = at;
            then(Control::Watermark(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: i64) -> EventTime {
        EventTime::from_nanos(nanos)
    }

    fn apply(time: &mut MergedTime, input: usize, control: Control) -> Vec<Control> {
        let mut out = Vec::new();
        time.apply(input, control, &mut |control| out.push(control));
        out
    }

    #[test]
    fn time_is_that_of_the_slowest_input() {
        let mut time = MergedTime::new(2);
        assert_eq!(apply(&mut time, 0, Control::Watermark(at(9))), []);
        assert_eq!(apply(&mut time, 1, Control::Watermark(at(5))), [Control::Watermark(at(5))]);
        assert_eq!(apply(&mut time, 1, Control::Watermark(at(12))), [Control::Watermark(at(9))]);
        assert_eq!(time.watermark(), at(9));
    }

    #[test]
    fn idle_input_does_not_hold_time_back() {
        let mut time = MergedTime::new(2);
        apply(&mut time, 0, Control::Watermark(at(9)));
        assert_eq!(apply(&mut time, 1, Control::Idle), [Control::Watermark(at(9))]);
        assert_eq!(apply(&mut time, 1, Control::Active), []);
        assert_eq!(apply(&mut time, 0, Control::Watermark(at(20))), []);
    }

    #[test]
    fn all_idle_passes_on_idle_once_and_active_once() {
        let mut time = MergedTime::new(2);
        apply(&mut time, 0, Control::Watermark(at(9)));
        apply(&mut time, 0, Control::Idle);
        assert_eq!(apply(&mut time, 1, Control::Idle), [Control::Watermark(at(9)), Control::Idle]);
        assert_eq!(apply(&mut time, 1, Control::Idle), []);
        assert_eq!(apply(&mut time, 0, Control::Active), [Control::Active]);
    }

    #[test]
    fn end_of_all_inputs_closes_everything_and_ends() {
        let mut time = MergedTime::new(2);
        assert_eq!(apply(&mut time, 0, Control::End), []);
        assert_eq!(
            apply(&mut time, 1, Control::End),
            [Control::Watermark(EventTime::MAX), Control::End]
        );
    }

    #[test]
    fn a_halted_input_holds_time_where_it_was_and_all_together_halt() {
        let mut time = MergedTime::new(3);
        for (input, nanos) in [(0, 9), (1, 5), (2, 7)] {
            apply(&mut time, input, Control::Watermark(at(nanos)));
        }
        assert_eq!(time.slowest(), Some(1));
        assert_eq!(apply(&mut time, 1, Control::Halt), []);
        assert_eq!(apply(&mut time, 0, Control::End), []);
        assert_eq!(apply(&mut time, 2, Control::Watermark(at(8))), []);
        assert_eq!(apply(&mut time, 2, Control::End), [Control::Halt]);
        assert_eq!(time.watermark(), at(5));
    }

    #[test]
    fn ended_input_leaves_time_to_the_others() {
        let mut time = MergedTime::new(2);
        apply(&mut time, 0, Control::End);
        assert_eq!(apply(&mut time, 1, Control::Watermark(at(3))), [Control::Watermark(at(3))]);
    }
}
