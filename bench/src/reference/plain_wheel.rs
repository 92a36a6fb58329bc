//! Timers as one would write them for one purpose: keys are small numbers, so arrays are the table.
//!
//! A wheel of one level whose slots are linked lists through an array, with lazy deletion: a timer that is put off stays where it is until its slot is
//! met. No hashing, no keys, no memory but three arrays, and it reaches no further than a minute: what is left is the work that nobody can avoid.

/// Nanoseconds of a slot, as a power of two.
const TICK_BITS: u32 = 16;
/// Slots: 68 seconds of them.
const SLOTS: usize = 1 << 20;
const NONE: u32 = u32::MAX;

/// See the file's header.
#[derive(Debug)]
pub struct PlainWheel {
    deadlines: Vec<u64>,
    is_filed: Vec<bool>,
    next: Vec<u32>,
    heads: Vec<u32>,
    tick: u64,
    due: Vec<(u64, u32)>,
}

/// The deadline of a timer that is not set.
const UNSET: u64 = u64::MAX;

impl PlainWheel {
    /// A wheel for the keys below `keys`.
    #[must_use]
    pub fn new(keys: usize) -> Self {
        Self {
            deadlines: vec![UNSET; keys],
            is_filed: vec![false; keys],
            next: vec![NONE; keys],
            heads: vec![NONE; SLOTS],
            tick: 0,
            due: Vec::new(),
        }
    }

    /// Sets a timer, no earlier than it was set to.
    #[inline]
    pub fn set(&mut self, key: u32, at: u64) {
        let index = key as usize;
        self.deadlines[index] = at;
        if !self.is_filed[index] {
            self.is_filed[index] = true;
            self.file(key, at);
        }
    }

    /// Cancels a timer.
    #[inline]
    pub fn cancel(&mut self, key: u32) {
        self.deadlines[key as usize] = UNSET;
    }

    /// Fires what is due at `to`, in the order of time, then of the key.
    pub fn fire(&mut self, to: u64, mut each: impl FnMut(u32, u64)) {
        while self.tick <= to >> TICK_BITS {
            let slot = slot_of(self.tick);
            let mut key = std::mem::replace(&mut self.heads[slot], NONE);
            while key != NONE {
                let index = key as usize;
                let next = self.next[index];
                let at = self.deadlines[index];
                if at == UNSET {
                    self.is_filed[index] = false;
                } else if at >> TICK_BITS > self.tick {
                    self.file(key, at);
                } else {
                    self.due.push((at, key));
                }
                key = next;
            }
            self.due.sort_unstable();
            for (at, key) in self.due.drain(..) {
                self.deadlines[key as usize] = UNSET;
                self.is_filed[key as usize] = false;
                each(key, at);
            }
            self.tick += 1;
        }
    }

    fn file(&mut self, key: u32, at: u64) {
        let slot = slot_of(at >> TICK_BITS);
        self.next[key as usize] = std::mem::replace(&mut self.heads[slot], key);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "20 bits are left")]
fn slot_of(tick: u64) -> usize {
    tick as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_once_in_order_at_their_last_deadline() {
        let mut wheel = PlainWheel::new(5);
        for (key, at) in [(0, 500_000), (1, 100), (2, 200), (3, 100), (4, 50)] {
            wheel.set(key, at);
        }
        wheel.set(1, 300_000);
        wheel.cancel(4);
        let mut fired = Vec::new();
        wheel.fire(65_000, |key, at| fired.push((key, at)));
        wheel.fire(1_000_000, |key, at| fired.push((key, at)));
        assert_eq!(fired, [(3, 100), (2, 200), (1, 300_000), (0, 500_000)]);
    }
}
