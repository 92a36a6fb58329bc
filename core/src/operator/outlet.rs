//! An outlet: from the page an operator filled, through the fused chain, into the lanes of one edge.
//!
//! Generic per record, dyn per batch: the loop over a page is one monomorphised loop, reached through one call of a
//! boxed [`Outlet`] for the whole page.

use crate::error::OperatorFault;
use crate::exchange::lane::Lane;
use crate::exchange::partition::{REFUSED, Route};
use crate::operator::chain::{Chain, Emit};
use crate::raw::page::{Element, PageView};
use crate::raw::scratch::Scratch;
use crate::raw::view::Rec;
use crate::record::{KeyHash, Record};
use crate::time::EventTime;

/// One consumer of an operator's output.
pub(crate) trait Outlet<T: Record> {
    /// Takes every element of the page; never refuses (see [`crate::exchange::lane`]).
    fn page(&mut self, page: PageView<'_, T>) -> Result<(), OperatorFault>;
    /// Ends open pages; true if one was published.
    fn flush(&mut self) -> bool;
    /// Moves what waits into the rings; true if nothing waits any more.
    fn drain(&mut self) -> bool;
    /// True if something waits for room.
    fn is_blocked(&self) -> bool;
    /// True if a receiver has nothing to read while a page of its is open.
    fn is_hungry(&mut self) -> bool;
    /// True if a page is open with elements.
    fn has_open(&self) -> bool;
    /// True if the receivers have read all that was sent.
    fn is_drained(&mut self) -> bool {
        true
    }
}

/// A chain, a route and the lanes of one edge.
#[derive(Debug)]
pub(crate) struct ChainOutlet<C: Chain, R> {
    chain: C,
    route: R,
    lanes: Vec<Lane<C::Out>>,
    scratch: Scratch<C::Out>,
}

impl<C: Chain, R: Route<C::Out>> ChainOutlet<C, R> {
    pub(crate) fn new(chain: C, route: R, lanes: Vec<Lane<C::Out>>) -> Self {
        Self { chain, route, lanes, scratch: Scratch::default() }
    }
}

/// Where the chain's results go.
struct IntoLanes<'a, T: Record, R> {
    route: &'a mut R,
    lanes: &'a mut [Lane<T>],
    scratch: &'a mut Scratch<T>,
}

/// Copies a record to where it goes.
#[inline(always)]
fn place<T: Record, R: Route<T>>(
    route: &mut R,
    lanes: &mut [Lane<T>],
    record: &Rec<T>,
    at: EventTime,
) {
    if R::TO_ALL {
        lanes.iter_mut().for_each(|lane| lane.push_record(record, at, KeyHash(0)));
    } else {
        let (hash, lane) = route.route(record);
        if R::MAY_REFUSE && lane == REFUSED {
            return;
        }
        lanes[lane].push_record(record, at, hash);
    }
}

impl<T: Record, R: Route<T>> Emit<T> for IntoLanes<'_, T, R> {
    #[inline]
    fn record(&mut self, record: &Rec<T>, at: EventTime) {
        place(self.route, self.lanes, record, at);
    }

    #[inline]
    fn value(&mut self, value: &T, at: EventTime) {
        // Where there is one lane only, the value is archived where it goes, and its key read there.
        if R::READS_RECORD && !R::TO_ALL && !R::MAY_REFUSE && self.lanes.len() == 1 {
            let Self { route, lanes, .. } = self;
            if lanes[0].push_hashed(value, at, |record| route.route(record).0) {
                return;
            }
        }
        if R::READS_RECORD || R::TO_ALL {
            place(self.route, self.lanes, self.scratch.archive(value), at);
        } else {
            let lane = self.route.next_lane();
            self.lanes[lane].push_value(value, at, KeyHash(0));
        }
    }
}

impl<C: Chain, R: Route<C::Out>> Outlet<C::In> for ChainOutlet<C, R> {
    fn page(&mut self, page: PageView<'_, C::In>) -> Result<(), OperatorFault> {
        let Self { chain, route, lanes, scratch } = self;
        lanes.iter_mut().for_each(|lane| lane.stamp(page.origin_ns()));
        // Where no operator is on the way, and only one worker at its end or all of them, a page goes whole.
        if let (Some(page), true) = (chain.unchanged(page), R::TO_ALL || route.is_one_way()) {
            // Lanes of one edge have pages of one size, so all of them take the page, or none does.
            let is_taken = lanes.iter_mut().fold(false, |_, lane| {
                let hash = R::READS_RECORD.then_some(|record: &Rec<C::Out>| route.route(record).0);
                lane.push_page(page, hash)
            });
            if is_taken {
                return Ok(());
            }
        }
        let mut emit = IntoLanes { route, lanes, scratch };
        let mut index = 0;
        while index < page.len() {
            let end = page.run_end(index);
            for (record, at) in page.records(index, end) {
                chain.push(record, at, &mut emit);
            }
            index = end;
            if index < page.len() {
                match page.element(index) {
                    Element::Control(control) => {
                        emit.lanes.iter_mut().for_each(|lane| lane.push_control(control));
                    }
                    Element::Record(..) | Element::Large(..) => {
                        unreachable!("invariant: an output's page holds records and controls")
                    }
                }
                index += 1;
            }
        }
        self.chain.fault().or_else(|| self.route.fault()).map_or(Ok(()), Err)
    }

    fn flush(&mut self) -> bool {
        self.lanes.iter_mut().fold(false, |any, lane| lane.flush() | any)
    }

    fn drain(&mut self) -> bool {
        self.lanes.iter_mut().fold(true, |all, lane| lane.drain() & all)
    }

    fn is_blocked(&self) -> bool {
        self.lanes.iter().any(Lane::is_blocked)
    }

    fn is_hungry(&mut self) -> bool {
        self.lanes.iter_mut().any(Lane::is_hungry)
    }

    fn has_open(&self) -> bool {
        self.lanes.iter().any(Lane::has_open)
    }

    fn is_drained(&mut self) -> bool {
        self.lanes.iter_mut().fold(true, |all, lane| lane.is_drained() & all)
    }
}
