//! Alignment: of which inputs a barrier has come. They are not read until it has come of all others, or those have ended.
//!
//! # Invariants
//!
//! 1. When the barrier of an epoch has come of every input that has not ended, all before it was read on all of them, and nothing after it on any.
//! 2. Epochs only grow: a barrier of an earlier one than is waited for means nothing any more, and one of a later one lets the inputs that wait for the earlier
//!    one be read on, up to the later one.

/// Which inputs have given the barrier that is waited for.
#[derive(Debug)]
pub(super) struct Alignment {
    inputs: Vec<Input>,
    /// The barrier that some input has given and others have not; 0 if there is none.
    waits_for: u64,
    /// The latest that all have given.
    last: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Input {
    is_held: bool,
    has_ended: bool,
}

impl Alignment {
    pub(super) fn new(inputs: usize) -> Self {
        Self { inputs: vec![Input::default(); inputs], waits_for: 0, last: 0 }
    }

    /// True if `input` is not to be read for now.
    #[inline]
    pub(super) fn is_held(&self, input: usize) -> bool {
        self.inputs[input].is_held && !crate::canary::sings("unaligned-barrier")
    }

    /// Without inputs: the barrier of `epoch` counts as come; false if it has been before.
    pub(super) fn skip_to(&mut self, epoch: u64) -> bool {
        let is_new = epoch > self.last;
        self.last = self.last.max(epoch);
        is_new
    }

    /// `input` has given the barrier of `epoch`; says which epoch is complete by that.
    pub(super) fn barrier(&mut self, input: usize, epoch: u64) -> Option<u64> {
        if epoch <= self.last || epoch < self.waits_for {
            return None;
        }
        if epoch > self.waits_for {
            self.release();
            self.waits_for = epoch;
        }
        self.inputs[input].is_held = true;
        self.settle()
    }

    /// Nothing will come of `input` any more; says which epoch is complete by that.
    pub(super) fn end(&mut self, input: usize) -> Option<u64> {
        self.inputs[input].has_ended = true;
        self.settle()
    }

    fn settle(&mut self) -> Option<u64> {
        if self.waits_for == 0 || !self.inputs.iter().all(|input| input.is_held || input.has_ended)
        {
            return None;
        }
        self.release();
        self.last = std::mem::take(&mut self.waits_for);
        Some(self.last)
    }

    fn release(&mut self) {
        self.inputs.iter_mut().for_each(|input| input.is_held = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(alignment: &Alignment) -> Vec<bool> {
        (0..alignment.inputs.len()).map(|input| alignment.is_held(input)).collect()
    }

    #[test]
    fn inputs_that_have_given_the_barrier_wait_for_those_that_have_not() {
        let mut alignment = Alignment::new(3);
        assert_eq!(alignment.barrier(1, 1), None);
        assert_eq!(held(&alignment), [false, true, false]);
        assert_eq!(alignment.barrier(0, 1), None);
        assert_eq!(alignment.barrier(2, 1), Some(1));
        assert_eq!(held(&alignment), [false; 3]);
        assert_eq!(alignment.last, 1);
    }

    #[test]
    fn an_input_that_has_ended_is_not_waited_for() {
        let mut alignment = Alignment::new(2);
        assert_eq!(alignment.end(0), None);
        assert_eq!(alignment.barrier(1, 1), Some(1));
        assert_eq!(alignment.barrier(1, 2), Some(2));
        let mut alignment = Alignment::new(2);
        assert_eq!(alignment.barrier(1, 7), None);
        assert_eq!(alignment.end(0), Some(7));
        assert_eq!(alignment.end(1), None);
    }

    #[test]
    fn a_later_epoch_takes_the_place_of_one_that_was_given_up() {
        let mut alignment = Alignment::new(2);
        assert_eq!(alignment.barrier(0, 1), None);
        assert_eq!(alignment.barrier(1, 2), None);
        assert_eq!(
            held(&alignment),
            [false, true],
            "the first is read on, up to the second barrier"
        );
        assert_eq!(alignment.barrier(0, 2), Some(2));
        assert_eq!(alignment.barrier(1, 1), None, "what comes too late means nothing");
        assert_eq!(held(&alignment), [false, false]);
    }
}
