//! Evictors: which of a window's records are let go when it fires.

use std::time::Duration;

use super::TimeWindow;
use super::process::Element;
use crate::record::Record;

/// Chooses among the records of a window that fires. What it lets go is gone for later firings too.
pub trait Evictor<T: Record>: 'static {
    /// Sets `keep` to false at the places of the records to let go; they are in the order in which they came.
    fn evict(&mut self, elements: &[Element<'_, T>], window: TimeWindow, keep: &mut [bool]);

    /// Whether records are let go after the window function has seen them, instead of before.
    fn is_after(&self) -> bool {
        false
    }

    /// The settings, as plans show them.
    fn describe(&self) -> String;

    /// What is wrong with the settings.
    ///
    /// # Errors
    ///
    /// A sentence for whoever wrote the job.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The evictors that come with the crate.
#[derive(Debug, Clone, Copy)]
pub struct Evict;

impl Evict {
    /// Keeps the last `records` that came.
    pub const fn count(records: usize) -> EvictCount {
        EvictCount { records }
    }

    /// Keeps the records whose event time is not more than `span` before the latest one's.
    pub const fn time(span: Duration) -> EvictTime {
        EvictTime { span }
    }

    /// Keeps the records whose distance from the last that came is less than `threshold`.
    pub const fn delta<D>(threshold: f64, distance: D) -> EvictDelta<D> {
        EvictDelta { threshold, distance }
    }

    /// The same, but after the window function has seen the records.
    pub const fn after<E>(evictor: E) -> EvictAfter<E> {
        EvictAfter { evictor }
    }
}

/// Made by [`Evict::count`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvictCount {
    records: usize,
}

impl<T: Record> Evictor<T> for EvictCount {
    fn evict(&mut self, elements: &[Element<'_, T>], _: TimeWindow, keep: &mut [bool]) {
        keep[..elements.len().saturating_sub(self.records)].fill(false);
    }

    fn describe(&self) -> String {
        format!("the last {}", self.records)
    }

    fn check(&self) -> Result<(), String> {
        match self.records {
            0 => Err("an evictor keeps at least one record".into()),
            _ => Ok(()),
        }
    }
}

/// Made by [`Evict::time`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvictTime {
    span: Duration,
}

impl<T: Record> Evictor<T> for EvictTime {
    fn evict(&mut self, elements: &[Element<'_, T>], _: TimeWindow, keep: &mut [bool]) {
        let Some(latest) = elements.iter().map(|element| element.at).max() else { return };
        let first = latest.saturating_sub(self.span);
        for (keep, element) in keep.iter_mut().zip(elements) {
            *keep &= element.at >= first;
        }
    }

    fn describe(&self) -> String {
        format!("the last {:?}", self.span)
    }
}

/// Made by [`Evict::delta`].
pub struct EvictDelta<D> {
    threshold: f64,
    distance: D,
}

crate::operator::opaque_debug!(EvictDelta<D>);

impl<T, D> Evictor<T> for EvictDelta<D>
where
    T: Record,
    D: FnMut(&crate::raw::view::Rec<T>, &crate::raw::view::Rec<T>) -> f64 + 'static,
{
    fn evict(&mut self, elements: &[Element<'_, T>], _: TimeWindow, keep: &mut [bool]) {
        let Some(last) = elements.last() else { return };
        for (keep, element) in keep.iter_mut().zip(elements) {
            *keep &= (self.distance)(element.record, last.record) < self.threshold;
        }
    }

    fn describe(&self) -> String {
        format!("those nearer than {} to the last", self.threshold)
    }
}

/// Made by [`Evict::after`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvictAfter<E> {
    evictor: E,
}

impl<T: Record, E: Evictor<T>> Evictor<T> for EvictAfter<E> {
    fn evict(&mut self, elements: &[Element<'_, T>], window: TimeWindow, keep: &mut [bool]) {
        self.evictor.evict(elements, window, keep);
    }

    fn is_after(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("{}, after", self.evictor.describe())
    }

    fn check(&self) -> Result<(), String> {
        self.evictor.check()
    }
}

/// Keeps all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepAll;

impl<T: Record> Evictor<T> for KeepAll {
    fn evict(&mut self, _: &[Element<'_, T>], _: TimeWindow, _: &mut [bool]) {}

    fn describe(&self) -> String {
        String::new()
    }
}
