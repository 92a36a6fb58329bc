//! [`Random`]: random numbers for each key, the same in every run.

use super::declare::{StateBuilder, StateField, Sweep};
use super::keys::{Keys, keys_of};
use super::ttl::{Expires, Ttl};
use super::value::Value;
use crate::checkpoint::Freezing;
use crate::record::KeyHash;

/// Random numbers: a sequence for each key, of which the state keeps how much was drawn.
///
/// A key's sequence depends on the names of the operator and of the field and on the key alone: not on the number of workers, on timing, or on when the job was
/// started. So a restored job goes on with the numbers that are next, and a replay draws those that were drawn.
///
/// ```
/// use thalweg::state::{Random, State};
///
/// #[derive(State)]
/// struct Sampling {
///     dice: Random,
/// }
/// ```
///
/// Good for sampling and jitter; not for secrets: who knows the names knows the numbers. Cost: as of changing a [`Value`] of eight bytes.
///
/// # Source
///
/// SplitMix64, one stream for each key: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Debug)]
pub struct Random {
    drawn: Value<u64>,
    scope: std::rc::Rc<super::Scope>,
    salt: u64,
}

/// What the state of the generator goes up by with each number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The next number, of 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let drawn = self.drawn.update(|drawn| {
            let before = *drawn;
            *drawn += 1;
            before
        });
        let seed = KeyHash::of_int(self.scope.hash().0 ^ self.salt).0;
        KeyHash::of_int(seed.wrapping_add(drawn.wrapping_mul(STEP))).0
    }

    /// A number from 0 to `bound` - 1, each as likely as the others.
    ///
    /// # Source
    ///
    /// Lemire, "Fast random integer generation in an interval", ACM TOMACS 29(1), 2019.
    ///
    /// # Panics
    ///
    /// If `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a random number below 0 was asked for");
        let unfair = bound.wrapping_neg() % bound;
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(bound);
            #[expect(clippy::cast_possible_truncation, reason = "the two halves are what is meant")]
            let (high, low) = ((wide >> 64) as u64, wide as u64);
            if low >= unfair {
                return high;
            }
        }
    }

    /// A number from 0 to 1, but not 1: one of 2^53 that lie equally far apart.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability: never if it is 0, always if it is 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Starts the key's sequence anew, and frees what was remembered of it.
    pub fn clear(&mut self) -> bool {
        self.drawn.clear()
    }
}

impl StateField for Random {
    fn declare(builder: &mut StateBuilder<'_>, name: &'static str, ttl: Option<Ttl>) -> Self {
        let (salt, scope) = (builder.salt(name), builder.scope());
        Self { drawn: Value::declare(builder, name, ttl), scope, salt }
    }

    #[inline(always)]
    fn prefetch_bucket(&self, hash: KeyHash) {
        self.drawn.prefetch_bucket(hash);
    }

    #[inline(always)]
    fn prefetch_entry(&self, hash: KeyHash) {
        self.drawn.prefetch_entry(hash);
    }

    fn expire(&mut self, sweep: &mut Sweep) {
        self.drawn.expire(sweep);
    }

    fn next_expiry(&self, by: Expires) -> Option<i64> {
        self.drawn.next_expiry(by)
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.drawn.freeze(into);
    }
}

impl Keys for Random {
    keys_of!(drawn);
}
