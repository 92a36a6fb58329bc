//! A hop of the record path by itself, for those who measure it; see `bench/src/loops`. Not an interface of the engine.

use std::rc::Rc;
use std::sync::mpsc;

use crate::exchange::lane::{Lane, LaneRx};
use crate::exchange::partition::{ByKey, ByRef};
use crate::operator::Direct;
use crate::operator::outlet::{ChainOutlet, Outlet};
use crate::raw::page::{PageView, page_ring};
use crate::raw::view::Rec;
use crate::record::{KeyRef, Record};

/// Pages of each ring, and their bytes: those that few rings have.
const PAGES: usize = 8;
const PAGE_BYTES: usize = 8192;

/// From a page of an operator to the rings of the workers that own the keys of its records.
pub struct Partition<T: Record> {
    outlet: Box<dyn Outlet<T>>,
    receivers: Vec<LaneRx<T>>,
}

crate::operator::opaque_debug!(Partition<T: Record>);

impl<T: Record> Partition<T> {
    /// A way to `workers` workers, by key.
    pub fn by_key<R, F>(workers: usize, key: F) -> Self
    where
        R: KeyRef + ?Sized + 'static,
        F: Fn(&Rec<T>) -> &R + 'static,
    {
        let lane = |_| {
            let ((tx, rx), (large, large_rx)) = (page_ring(PAGES, PAGE_BYTES), mpsc::channel());
            let rx = LaneRx { pages: rx, large: large_rx, sender: None };
            (Lane::new(tx, large, None, PAGE_BYTES), rx)
        };
        let (lanes, receivers) = (0..workers).map(lane).unzip();
        let route = ByKey { selector: Rc::new(ByRef::new(key)), workers };
        Self { outlet: Box::new(ChainOutlet::new(Direct::default(), route, lanes)), receivers }
    }

    /// Deals the records of a page, and gives back the pages that receivers have got by that; how many records were in them.
    ///
    /// # Panics
    ///
    /// If a route has a fault; by key it has none.
    pub fn deal(&mut self, page: PageView<'_, T>) -> usize {
        let dealt = self.outlet.page(page);
        assert!(dealt.is_ok(), "invariant: every key has an owner");
        let mut records = 0;
        for rx in &mut self.receivers {
            while let Some(page) = rx.pages.front() {
                records += page.len();
                rx.release();
            }
        }
        records
    }
}
