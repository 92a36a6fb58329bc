//! The global window: all records of a key, for ever.

use super::{TimeWindow, WindowAssigner};
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// One window for each key, which ends with the input; its trigger says when it fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Global;

impl<T: Record> WindowAssigner<T> for Global {
    const KIND: &'static str = "global window";
    const ENDS: bool = false;

    fn assign(&mut self, _: &Rec<T>, _: EventTime, windows: &mut Vec<TimeWindow>) {
        windows.push(TimeWindow::ALL);
    }

    fn describe(&self) -> String {
        "global".into()
    }
}
