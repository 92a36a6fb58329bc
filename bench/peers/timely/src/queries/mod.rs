//! The queries: what each reads of an event, and its dataflow. Their SQL is with the engine's own, in `bench/src/nexmark/queries`.

pub mod q0;
pub mod q1;
pub mod q2;
pub mod q3;
pub mod q4;
pub mod q5;
pub mod q7;
pub mod q8;
pub mod count;

use thalweg::record::Str;
use thalweg::time::EventTime;
use thalweg_bench::nexmark::model::{Bid, Event};
use timely::dataflow::StreamVec;

use crate::outlet::Outlet;

/// A query.
pub trait Query: 'static {
    /// What it reads of an event.
    type In: Clone + 'static;

    /// Of an event that stays where it is.
    fn of(event: &Event) -> Option<Self::In>;

    /// Of an event that is given away, so that its texts need not be copied.
    fn take(event: Event) -> Option<Self::In> {
        Self::of(&event)
    }

    /// Its dataflow.
    fn build(input: StreamVec<'_, u64, Self::In>, out: &Outlet);
}

/// The bid, if it is one.
fn bid(event: &Event) -> Option<&Bid> {
    if let Event::Bid(bid) = event { Some(bid) } else { None }
}

/// As [`bid`], of an event that is given away.
fn take_bid(event: Event) -> Option<Bid> {
    if let Event::Bid(bid) = event { Some(bid) } else { None }
}

/// Milliseconds since the Unix epoch.
fn millis(at: EventTime) -> u64 {
    at.as_millis().cast_unsigned()
}

/// The end of the window of `width` milliseconds that an instant lies in.
fn window_end(time: u64, width: u64) -> u64 {
    time - time % width + width
}

/// The columns of q0 and q1.
#[derive(Clone)]
pub struct Offer {
    auction: u64,
    bidder: u64,
    price: u64,
    time: EventTime,
    extra: Str,
}

impl Offer {
    fn of(bid: &Bid) -> Self {
        Self::take(bid.clone())
    }

    fn take(bid: Bid) -> Self {
        let Bid { auction, bidder, price, date_time: time, extra, .. } = bid;
        Self { auction, bidder, price, time, extra }
    }
}
