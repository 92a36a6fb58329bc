//! `distinct_approx`: about how many different values, in bounded room.
//!
//! # Source
//!
//! Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog", AofA 2007, as Apache DataSketches has it: the image in the accumulator is the
//! one that its other implementations read.

use std::marker::PhantomData;

use datasketches::hll::{HllSketch, HllType, HllUnion};

use super::Aggregator;
use crate::raw::view::Rec;
use crate::record::{KeyRef, Record};
use crate::time::EventTime;

/// Binary logarithm of the number of registers: 4,096 of one byte each give a standard error of 1.04 / 64.
const LG_REGISTERS: u8 = 12;

/// Hashes that wait to be sketched. Waking a sketch up from its image takes some microseconds; this spreads them.
const WAITING: usize = 64;

/// What has been seen, compressed.
#[thalweg::record]
#[derive(Default)]
pub struct Sketch {
    /// Hashes that are not in the image yet.
    pub waiting: Vec<u64>,
    /// The image of the sketch; empty before there is one.
    pub image: Vec<u8>,
}

impl Sketch {
    fn wake(&self) -> HllSketch {
        let mut sketch = match self.image.is_empty() {
            true => HllSketch::new(LG_REGISTERS, HllType::Hll8),
            false => HllSketch::deserialize(&self.image),
        }
        .expect("invariant: the size is within bounds, and the image was written here");
        self.waiting.iter().for_each(|hash| sketch.update(*hash));
        sketch
    }

    fn sleep(&mut self, sketch: &HllSketch) {
        self.waiting.clear();
        self.image = sketch.serialize();
    }

    #[inline]
    fn add(&mut self, hash: u64) {
        self.waiting.push(hash);
        if self.waiting.len() >= WAITING {
            let sketch = self.wake();
            self.sleep(&sketch);
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "never negative")]
    fn estimate(&self) -> u64 {
        // Of the two estimates the one that does not depend on the order in which values came.
        self.wake().composite_estimate().round() as u64
    }
}

/// Made by [`super::Of::distinct_approx`].
pub struct CountDistinctApprox<F, K> {
    read: F,
    marker: PhantomData<fn() -> K>,
}

crate::operator::opaque_debug!(CountDistinctApprox<F, K>);

impl<F, K> CountDistinctApprox<F, K> {
    pub(super) fn new(read: F) -> Self {
        Self { read, marker: PhantomData }
    }
}

impl<T, K, F> Aggregator<T> for CountDistinctApprox<F, K>
where
    T: Record,
    K: KeyRef + 'static,
    F: Fn(&Rec<T>) -> K + 'static,
{
    type Accumulator = Sketch;
    type Result = u64;

    fn create(&self) -> Sketch {
        Sketch::default()
    }

    #[inline]
    fn add(&self, sketch: &mut Sketch, record: &Rec<T>, _: EventTime) {
        sketch.add((self.read)(record).hash().0);
    }

    fn merge(&self, sketch: &mut Sketch, later: Sketch) {
        let mut union = HllUnion::new(LG_REGISTERS).expect("invariant: the size is within bounds");
        union.update(&sketch.wake());
        union.update(&later.wake());
        sketch.sleep(&union.to_sketch(HllType::Hll8));
    }

    fn result(&self, sketch: &Sketch) -> u64 {
        sketch.estimate()
    }
}
