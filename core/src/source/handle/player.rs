//! What sends in a simulated run: values that a test gave, or what was recorded.

use std::any::Any;
use std::sync::Arc;

use super::InputHandle;
use crate::error::SendError;
use crate::exchange::host::AnyPlayer;
use crate::exchange::recorded::PageLog;
use crate::raw::page::{Element, PageBuf};
use crate::record::{KeyHash, Record};

/// Sends values, and ends.
pub(crate) struct Values<T: Record, I> {
    handle: Option<InputHandle<T>>,
    values: I,
    /// What did not fit yet.
    next: Option<T>,
}

impl<T: Record, I: Iterator<Item = T>> Values<T, I> {
    pub(crate) fn new(handle: InputHandle<T>, values: I) -> Self {
        Self { handle: Some(handle), values, next: None }
    }
}

impl<T: Record, I: Iterator<Item = T> + 'static> AnyPlayer for Values<T, I> {
    fn play(&mut self, most: usize) -> bool {
        let Some(handle) = &mut self.handle else { return false };
        for sent in 0..most {
            let Some(value) = self.next.take().or_else(|| self.values.next()) else {
                self.handle = None;
                return true;
            };
            match handle.put_value(&value) {
                Ok(()) => {}
                Err(SendError::Full) => {
                    self.next = Some(value);
                    return sent > 0;
                }
                Err(SendError::Ended | SendError::Failed { .. }) => {
                    self.values.by_ref().for_each(drop)
                }
            }
        }
        handle.flush();
        most > 0
    }

    fn received(self: Box<Self>) -> Box<dyn Any> {
        Box::new(())
    }
}

/// Bytes of a record that is sent in its page again. One that is larger goes beside it, also if it did not when it was recorded: the page of a
/// replay may be larger than the recorded one, and must still hold what came behind a record that was too large for that. The mark of
/// such a record takes less than the record itself, so what fitted fits.
const MOST_IN_A_PAGE: usize = 128;

/// Sends again what was recorded, page by page, and ends.
pub(super) struct Recorded<T: Record> {
    handle: Option<InputHandle<T>>,
    log: Option<Arc<PageLog<T>>>,
    page: usize,
    place: (usize, usize),
}

impl<T: Record> Recorded<T> {
    pub(super) fn new(handle: InputHandle<T>, log: Option<Arc<PageLog<T>>>) -> Self {
        Self { handle: Some(handle), log, page: 0, place: (0, 0) }
    }
}

impl<T: Record> AnyPlayer for Recorded<T> {
    fn play(&mut self, _: usize) -> bool {
        let Self { handle, log, page, place } = self;
        let Some(sender) = handle else { return false };
        let Some(elements) = log.as_ref().and_then(|log| log.page(*page)) else {
            *handle = None;
            return true;
        };
        if !sender.tx.has_page() || sender.tx.is_abandoned() {
            return false;
        }
        let log = log.as_ref().expect("invariant: a page is in the log");
        for _ in 0..elements {
            let element = log.element(place).expect("invariant: a page's elements are in the log");
            let is_in = match element {
                Element::Control(control) => sender.tx.push_control(control),
                Element::Record(record, at, _) => {
                    let is_small = record.archive().len() <= MOST_IN_A_PAGE;
                    let is_in = is_small && sender.tx.push_archived(record, at, KeyHash(0));
                    if !is_in {
                        let mut own = PageBuf::for_archive(record.archive().len());
                        let fits = own.push_archived(record, at, KeyHash(0));
                        assert!(fits, "invariant: a page made for a record holds it");
                        sender.put_large(own);
                    }
                    true
                }
                Element::Large(..) => unreachable!("invariant: a log holds the records themselves"),
            };
            assert!(is_in, "invariant: a page of the recorded size holds what it held");
        }
        *page += 1;
        sender.flush();
        true
    }

    fn received(self: Box<Self>) -> Box<dyn Any> {
        Box::new(())
    }
}
