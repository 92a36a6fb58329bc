//! `count`: how many records.

use super::Aggregator;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// Made by [`super::Of::count`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Count;

impl<T: Record> Aggregator<T> for Count {
    type Accumulator = u64;
    type Result = u64;

    fn create(&self) -> u64 {
        0
    }

    #[inline]
    fn add(&self, count: &mut u64, _: &Rec<T>, _: EventTime) {
        *count += 1;
    }

    fn merge(&self, count: &mut u64, later: u64) {
        *count += later;
    }

    #[inline]
    fn result(&self, count: &u64) -> u64 {
        *count
    }
}
