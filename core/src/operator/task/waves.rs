//! Waves that meet: what goes round a loop comes to a task on each input that is in the loop, and goes on as one.
//!
//! # Invariants
//!
//! 1. The n-th wave of every input is of the same round. An input may be rounds ahead of another, when what is behind it need not wait for what is behind the other.
//! 2. A wave goes on when it has come of all inputs in the loop; then all that was sent before it has been read.
//! 3. The first input to bring the wave of a round calls for it, as heads that have nothing to tell send none by themselves; and a call is passed on once a round. It
//!    says of which, for it overtakes waves that have not come of all inputs.

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

    /// A call for a round has come of an input; true if it is the first, and to be passed on.
    pub(super) fn call(&mut self, input: usize, round: u64) -> bool {
        let is_first = self.inputs[input].is_some() && round > self.called;
        if is_first {
            self.called = round;
        }
        is_first
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
        assert!(waves.call(0, 1));
        assert!(!waves.call(1, 1), "of the same round");
        assert_eq!(waves.arrive(0, one).calls, None, "called for already");
        assert!(
            waves.call(0, 2),
            "the wave of the first has not come of the other input, and is overtaken"
        );
        assert!(waves.arrive(1, one).met.is_some());
        assert!(!waves.call(1, 2));
    }
}
