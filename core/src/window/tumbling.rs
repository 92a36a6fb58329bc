//! Tumbling windows with an incremental accumulator.
//!
//! # Invariants
//!
//! 1. A record is added to its pane or sent to the late output, never both, never neither.
//! 2. A pane is fired once, whole, in the order in which its keys came, and dropped; in slices, so that a million keys do not stop the core.
//!
//! # Source
//!
//! Akidau et al., "The Dataflow Model", PVLDB 8(12), 2015; with zero allowed lateness.

use std::rc::Rc;

use super::assigner::Tumbling;
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::ahead::each_ahead;
use crate::operator::output::{AnyOutput, Output};
use crate::operator::{Input, Operator, Progress};
use crate::raw::view::Rec;
use crate::record::{Key, KeyScratch, Record};
use crate::state::{Cursor, ValuePanes};
use crate::time::EventTime;

/// What a window gives for one key.
#[thalweg::record]
pub struct WindowResult<K: Key, V: Record> {
    /// The window's first instant.
    pub start: EventTime,
    /// The first instant after the window.
    pub end: EventTime,
    /// The key.
    pub key: K,
    /// The accumulator as it was when the window closed.
    pub value: V,
}

/// Made by `WindowedStream::aggregate`.
pub(crate) struct TumblingAggregate<T: Record, S: KeySelector<T>, V: Record, F> {
    window: Tumbling,
    selector: Rc<S>,
    panes: ValuePanes<V>,
    add: F,
    on_time: Output<WindowResult<S::Key, V>>,
    late: Output<T>,
    watermark: EventTime,
    firing: Cursor,
    key: KeyScratch,
}

impl<T, S, V, F> TumblingAggregate<T, S, V, F>
where
    T: Record,
    S: KeySelector<T>,
    V: Record + Default,
{
    pub(crate) fn new(
        window: Tumbling,
        selector: Rc<S>,
        panes: ValuePanes<V>,
        add: F,
        on_time: Output<WindowResult<S::Key, V>>,
        late: Output<T>,
    ) -> Self {
        let (watermark, firing, key) = (EventTime::MIN, Cursor::default(), KeyScratch::default());
        Self { window, selector, panes, add, on_time, late, watermark, firing, key }
    }

    /// Fires closed panes, oldest first, up to `limit` results.
    fn fire(&mut self, mut limit: usize) -> Progress {
        let Some(closed) = self.window.last_closed(self.watermark) else { return Progress::Done };
        while let Some(start) = self.panes.first().filter(|start| *start <= closed) {
            let window = self.window.assign(start);
            while let Some((key, value)) = self.panes.next(start, &mut self.firing) {
                let result = WindowResult {
                    start: window.start,
                    end: window.end,
                    key: S::Key::from_key_bytes(key),
                    value: value.to_value(),
                };
                self.on_time.value(&result, window.last_instant());
                limit = limit.saturating_sub(1);
                if limit == 0 {
                    return Progress::More;
                }
            }
            self.panes.drop_pane(start);
            self.firing = Cursor::default();
        }
        Progress::Done
    }
}

/// Results of the first slice of a firing: a page or two.
const FIRST_SLICE: usize = 256;

impl<T, S, V, F> Operator for TumblingAggregate<T, S, V, F>
where
    T: Record,
    S: KeySelector<T>,
    V: Record + Default,
    F: FnMut(&mut V, &Rec<T>) + 'static,
{
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.watermark = at;
        Ok(self.fire(FIRST_SLICE))
    }

    fn slice(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        Ok(self.fire(limit.max(1)))
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.on_time);
        each(&mut self.late);
    }

    fn late(&self) -> u64 {
        self.late.records()
    }
}

impl<T, S, V, F> Input<T, 0> for TumblingAggregate<T, S, V, F>
where
    T: Record,
    S: KeySelector<T>,
    V: Record + Default,
    F: FnMut(&mut V, &Rec<T>) + 'static,
{
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        let Self { window, selector, panes, add, late, watermark, key, .. } = self;
        let pane_of = |at, hash| (window.assign(at).start, hash);
        each_ahead(run, panes, pane_of, |panes, hint, (record, at, hash)| {
            let pane = window.assign(at);
            if pane.end <= *watermark {
                late.record(record, at);
                return;
            }
            let bytes = selector.bytes(record, key);
            panes.update(pane.start, (hash, hint), bytes, V::default, |value| add(value, record));
        });
        Ok(())
    }
}
