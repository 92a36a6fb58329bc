//! Waves that meet: what goes round a loop comes to a task on each input that is in the loop, and goes on as one.
//!
//! # Invariants
//!
//! 1. The n-th wave of every input is of the same round. An input may be rounds ahead of another, when what is behind it need not wait for what is behind the other.
//! 2. A wave goes on when it has come of all inputs in the loop; then all that was sent before it has been read.
//! 3. The first input to bring the wave of a round calls for it, as heads that have nothing to tell send none by themselves; and a call that comes of an input is
//!    passed on once a round.

use std::collections::VecDeque;

use crate::raw::page::Wave;

/// One input that is in the loop.
#[derive(Debug, Default)]
struct Input {
    /// Waves that have come of it and not of all others.
    waiting: VecDeque<Wave>,
    /// All that have come.
    came: u64,
}

/// The inputs of a task that are in a loop.
#[derive(Debug)]
pub(super) struct Waves {
    /// None for those that are not.
    inputs: Vec<Option<Input>>,
    /// The latest round that was called for.
    called: u64,
}

/// What a wave brings about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// The round for which others are to be called.
    pub(super) calls: Option<u64>,
    /// What goes on.
    pub(super) met: Option<Wave>,
}

impl Waves {
    /// `inside`: for each input whether it is in the loop.
    pub(super) fn new(inside: impl Iterator<Item = bool>) -> Self {
        Self { inputs: inside.map(|inside| inside.then(Input::default)).collect(), called: 0 }
    }

    /// A wave has come of an input.
    pub(super) fn arrive(&mut self, input: usize, wave: Wave) -> Arrival {
        let is_alone = self.inputs.iter().flatten().count() == 1;
        let Some(input) = &mut self.inputs[input] else {
            return Arrival { calls: None, met: None };
        };
        input.came += 1;
        input.waiting.push_back(wave);
        let round = input.came;
        let calls = (round > self.called && !is_alone).then_some(round);
        self.called = self.called.max(round);
        Arrival { calls, met: self.meet() }
    }

    /// A call has come of an input; gives the round if it is the first call of it, and to be passed on.
    pub(super) fn call(&mut self, input: usize) -> Option<u64> {
        let round = self.inputs[input].as_ref()?.came + 1;
        let is_first = round > self.called;
        self.called = self.called.max(round);
        is_first.then_some(round)
    }

    fn meet(&mut self) -> Option<Wave> {
        if self.inputs.iter().flatten().any(|input| input.waiting.is_empty()) {
            return None;
        }
        let waves = self.inputs.iter_mut().flatten();
        waves.filter_map(|input| input.waiting.pop_front()).reduce(Wave::meet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::page::Signs;
    use crate::time::EventTime;

    fn wave(least: i64, signs: Signs) -> Wave {
        let at = EventTime::from_nanos;
        Wave { least: at(least), far: at(-least), signs }
    }

    #[test]
    fn a_wave_goes_on_when_it_has_come_of_all_inputs_in_the_loop() {
        let mut waves = Waves::new([true, false, true].into_iter());
        let (both, one) = (Signs::OVER | Signs::QUIET, Signs::QUIET);
        assert_eq!(waves.arrive(0, wave(5, both)), Arrival { calls: Some(1), met: None });
        assert_eq!(waves.arrive(0, wave(9, both)), Arrival { calls: Some(2), met: None });
        let met = Wave { far: EventTime::from_nanos(-3), ..wave(3, one) };
        assert_eq!(waves.arrive(2, wave(3, one)), Arrival { calls: None, met: Some(met) });
        let met = wave(9, both);
        assert_eq!(waves.arrive(2, wave(9, both)), Arrival { calls: None, met: Some(met) });
    }

    #[test]
    fn where_one_input_is_in_the_loop_nobody_is_called() {
        let mut waves = Waves::new([true, false].into_iter());
        let one = wave(1, Signs::NONE);
        assert_eq!(waves.arrive(0, one), Arrival { calls: None, met: Some(one) });
        assert_eq!(waves.arrive(1, one), Arrival { calls: None, met: None }, "not in the loop");
    }

    #[test]
    fn a_call_is_passed_on_once_a_round() {
        let mut waves = Waves::new([true, true].into_iter());
        let one = wave(1, Signs::NONE);
        assert_eq!(waves.call(0), Some(1));
        assert_eq!(waves.call(1), None, "of the same round");
        assert_eq!(waves.arrive(0, one).calls, None, "called for already");
        assert_eq!(waves.call(0), Some(2), "of the next");
        assert!(waves.arrive(1, one).met.is_some());
        assert_eq!(waves.call(1), None);
    }
}
