//! A fused chain over pages, and the hand-written loop over the same bytes.

use thalweg::operator::{Chain, Direct, Emit, Filter, Linked, Map};
use thalweg::prelude::*;
use thalweg::raw::page::PageBuf;
use thalweg::record::KeyHash;

use crate::load::clock::Clock;
use crate::reference::chain_loop::{self, ChainCost};

/// The reference's order as a record; its archive has the same bytes.
#[record]
pub struct Order {
    /// What the filter compares.
    pub amount: i64,
    /// What the map looks at.
    pub customer: String,
}

const PAGE_BYTES: usize = 8192;

/// The reference's orders in pages of the engine.
#[must_use]
pub fn pages_of(orders: &[chain_loop::Order]) -> Vec<PageBuf<Order>> {
    let mut pages = vec![PageBuf::new(PAGE_BYTES)];
    for order in orders {
        let order = Order { amount: order.amount, customer: order.customer.clone() };
        let push = |page: &mut PageBuf<Order>| page.push(&order, EventTime::EPOCH, KeyHash(0));
        if !push(pages.last_mut().expect("there is always a page")) {
            let mut page = PageBuf::new(PAGE_BYTES);
            assert!(push(&mut page), "an order is smaller than a page");
            pages.push(page);
        }
    }
    pages
}

/// Adds up what the chain gives.
#[derive(Default)]
struct Sum {
    kept: u64,
    sum: i64,
}

impl Emit<(i64, i64)> for Sum {
    #[inline]
    fn record(&mut self, record: &Rec<(i64, i64)>, at: EventTime) {
        self.value(&record.to_value(), at);
    }

    #[inline]
    fn value(&mut self, &(amount, customer): &(i64, i64), _: EventTime) {
        self.kept += 1;
        self.sum = self.sum.wrapping_add(amount + customer);
    }
}

/// Filter and map as links of a chain, over all pages, `rounds` times.
#[must_use]
pub fn measure(pages: &[PageBuf<Order>], least: i64, rounds: u64) -> ChainCost {
    let filter = Filter::new(move |order: &Rec<Order>| order.amount() >= least);
    let map = Map::new(|order: &Rec<Order>| {
        let customer = order.customer();
        let first = customer.as_bytes().first().copied().unwrap_or(0);
        (order.amount() * 2, (customer.len() as i64) + i64::from(first))
    });
    run(Linked::new(Linked::new(Direct::default(), filter), map), pages, rounds)
}

fn run<C>(mut chain: C, pages: &[PageBuf<Order>], rounds: u64) -> ChainCost
where
    C: Chain<In = Order, Out = (i64, i64)>,
{
    let mut sum = Sum::default();
    let clock = Clock::start();
    for _ in 0..rounds {
        for page in pages {
            let page = page.view();
            for (record, at) in page.records(0, page.len()) {
                chain.push(record, at, &mut sum);
            }
        }
    }
    let elapsed = clock.elapsed();
    std::hint::black_box(sum.sum);
    let records = pages.iter().map(|page| page.view().len() as u64).sum::<u64>() * rounds;
    ChainCost { records, kept: sum.kept, elapsed }
}

/// The hand-written loop over the bytes of the same pages.
#[must_use]
pub fn measure_reference(pages: &[PageBuf<Order>], least: i64, rounds: u64) -> ChainCost {
    let (mut kept, mut sum) = (0_u64, 0_i64);
    let clock = Clock::start();
    for _ in 0..rounds {
        for page in pages {
            let page = page.view();
            chain_loop::filter_map(page.bytes(), page.ends(), least, |order| {
                kept += 1;
                let first = order.customer.first().copied().unwrap_or(0);
                let customer = (order.customer.len() as i64) + i64::from(first);
                sum = sum.wrapping_add(order.amount + customer);
            });
        }
    }
    let elapsed = clock.elapsed();
    std::hint::black_box(sum);
    let records = pages.iter().map(|page| page.view().len() as u64).sum::<u64>() * rounds;
    ChainCost { records, kept, elapsed }
}
