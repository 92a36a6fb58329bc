//! `mean` and `stddev`.
//!
//! # Source
//!
//! Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products", Technometrics 4(3), 1962; to merge: Chan, Golub,
//! LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.

use std::marker::PhantomData;

use super::{Aggregator, Number};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// How many numbers, their mean, and how far they are from it.
#[thalweg::record]
#[derive(Default)]
pub struct Moments {
    /// How many.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The sum of the squares of their distances from the mean.
    pub squares: f64,
}

#[expect(clippy::cast_precision_loss, reason = "2^53 records are far")]
impl Moments {
    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1;
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (value - self.mean);
    }

    /// The inverse of [`Self::add`], up to rounding.
    pub(super) fn take(&mut self, value: f64) {
        self.count = self.count.saturating_sub(1);
        if self.count == 0 {
            *self = Self::default();
            return;
        }
        let distance = value - self.mean;
        self.mean -= distance / self.count as f64;
        self.squares = (self.squares - distance * (value - self.mean)).max(0.0);
    }

    fn merge(&mut self, later: &Self) {
        if later.count == 0 {
            return;
        }
        let (ours, theirs) = (self.count as f64, later.count as f64);
        let all = ours + theirs;
        let distance = later.mean - self.mean;
        self.count += later.count;
        self.mean += distance * theirs / all;
        self.squares += later.squares + distance * distance * ours * theirs / all;
    }

    fn deviation(&self, of_sample: bool) -> f64 {
        let degrees = self.count.saturating_sub(u64::from(of_sample)).max(1);
        (self.squares / degrees as f64).sqrt()
    }
}

/// Made by [`super::Of::mean`].
pub struct Mean<F, N> {
    pub(super) read: F,
    marker: PhantomData<fn() -> N>,
}

crate::operator::opaque_debug!(Mean<F, N>);

impl<F, N> Mean<F, N> {
    pub(super) fn new(read: F) -> Self {
        Self { read, marker: PhantomData }
    }
}

impl<T: Record, N: Number, F: Fn(&Rec<T>) -> N + 'static> Aggregator<T> for Mean<F, N> {
    type Accumulator = Moments;
    type Result = f64;

    fn create(&self) -> Moments {
        Moments::default()
    }

    #[inline]
    fn add(&self, moments: &mut Moments, record: &Rec<T>, _: EventTime) {
        moments.add((self.read)(record).to_f64());
    }

    fn merge(&self, moments: &mut Moments, later: Moments) {
        moments.merge(&later);
    }

    #[inline]
    fn result(&self, moments: &Moments) -> f64 {
        moments.mean
    }
}

/// Made by [`super::Of::stddev`] and [`super::Of::stddev_of_sample`].
pub struct StdDev<F, N> {
    read: F,
    of_sample: bool,
    marker: PhantomData<fn() -> N>,
}

crate::operator::opaque_debug!(StdDev<F, N>);

impl<F, N> StdDev<F, N> {
    pub(super) fn new(read: F, of_sample: bool) -> Self {
        Self { read, of_sample, marker: PhantomData }
    }
}

impl<T: Record, N: Number, F: Fn(&Rec<T>) -> N + 'static> Aggregator<T> for StdDev<F, N> {
    type Accumulator = Moments;
    type Result = f64;

    fn create(&self) -> Moments {
        Moments::default()
    }

    #[inline]
    fn add(&self, moments: &mut Moments, record: &Rec<T>, _: EventTime) {
        moments.add((self.read)(record).to_f64());
    }

    fn merge(&self, moments: &mut Moments, later: Moments) {
        moments.merge(&later);
    }

    #[inline]
    fn result(&self, moments: &Moments) -> f64 {
        moments.deviation(self.of_sample)
    }
}
