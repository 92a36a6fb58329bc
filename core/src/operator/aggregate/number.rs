//! What can be added up.

use crate::record::Record;

/// A number that can be summed and averaged: integers of up to 64 bits and floats.
pub trait Number: 'static {
    /// What is kept of a sum.
    type Total: Record + Default;
    /// What a sum is.
    type Sum: Record;

    /// Adds the number to a total.
    ///
    /// # Panics
    ///
    /// If an integer total does not fit 64 bits.
    fn add_to(self, total: &mut Self::Total);

    /// Takes a number out that was added.
    ///
    /// # Panics
    ///
    /// If an integer total does not fit 64 bits without it, as an unsigned one that would be below zero.
    fn take_from(self, total: &mut Self::Total);

    /// Adds a total to a total.
    ///
    /// # Panics
    ///
    /// As [`Self::add_to`].
    fn merge(total: &mut Self::Total, later: Self::Total);

    /// The sum that a total stands for.
    fn sum(total: &Self::Total) -> Self::Sum;

    /// The nearest float.
    fn to_f64(self) -> f64;
}

macro_rules! integer {
    ($($native:ty => $total:ident),*) => {$(
        impl Number for $native {
            type Total = $total;
            type Sum = $total;

            #[inline]
            fn add_to(self, total: &mut $total) {
                <Self as Number>::merge(total, $total::from(self));
            }

            #[inline]
            fn take_from(self, total: &mut $total) {
                let rest = total.checked_sub($total::from(self));
                *total = rest.expect(concat!("a sum of ", stringify!($native), " without a part of it exceeds ", stringify!($total)));
            }

            #[inline]
            fn merge(total: &mut $total, later: $total) {
                let sum = total.checked_add(later);
                *total = sum.expect(concat!("a sum of ", stringify!($native), " exceeds ", stringify!($total)));
            }

            #[inline]
            fn sum(total: &$total) -> $total {
                *total
            }

            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

integer!(u8 => u64, u16 => u64, u32 => u64, u64 => u64, i8 => i64, i16 => i64, i32 => i64, i64 => i64);

/// A sum of floats, and what rounding has taken from it.
///
/// # Source
///
/// Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", ZAMM 54, 1974.
#[thalweg::record]
#[derive(Default)]
pub struct FloatTotal {
    /// The sum as it was rounded.
    pub sum: f64,
    /// What was lost.
    pub lost: f64,
}

impl FloatTotal {
    #[inline]
    fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        // The smaller of the two lost its low bits.
        self.lost += if self.sum.abs() >= value.abs() {
            (self.sum - sum) + value
        } else {
            (value - sum) + self.sum
        };
        self.sum = sum;
    }

    #[inline]
    fn get(&self) -> f64 {
        // Infinities and NaNs lose nothing, and "infinity - infinity" is no correction.
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

macro_rules! float {
    ($($native:ty),*) => {$(
        impl Number for $native {
            type Total = FloatTotal;
            type Sum = f64;

            #[inline]
            fn add_to(self, total: &mut FloatTotal) {
                total.add(f64::from(self));
            }

            #[inline]
            fn take_from(self, total: &mut FloatTotal) {
                total.add(-f64::from(self));
            }

            fn merge(total: &mut FloatTotal, later: FloatTotal) {
                total.add(later.sum);
                total.lost += later.lost;
            }

            #[inline]
            fn sum(total: &FloatTotal) -> f64 {
                total.get()
            }

            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    )*};
}

float!(f32, f64);
