//! The queries, one a file, each with its SQL.
//!
//! A query takes the stream of events and gives its result to an outlet. Those of bids alone read nothing else of the stream. All are written in the public
//! API, and each takes from the events only what it needs before they travel, as a planner of SQL would.
//!
//! `bid`, `auction` and `person` in the SQL are the events of that kind, `time` is their `date_time`; watermarks are four seconds behind the
//! latest time.

mod q0;
mod q1;
mod q2;
mod q3;
mod q4;
mod q5;
mod q6;
mod q7;
mod q8;
mod q9;
mod q10;
mod q11;
mod q12;
mod q13;
mod q14;
mod q15;
mod q16;
mod q17;
mod q18;
mod q19;
mod q20;
mod q21;
mod q22;
mod totals;
mod counted;
mod winning;

use thalweg::api::Stream;
use thalweg::operator::LookupTable;
use thalweg::record::Str;

use super::model::Event;
use super::outlet::Outlet;

/// What queries read.
#[derive(Debug, Clone)]
pub struct Input {
    /// All events.
    pub events: Stream<Event>,
    /// What q13 joins.
    pub side_input: LookupTable<u64, Str>,
}

/// A query.
#[derive(Clone, Copy)]
pub struct Query {
    /// `q0` to `q22`.
    pub name: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// Adds it to a job.
    pub build: fn(Input, &Outlet),
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All queries, in their order.
pub const ALL: &[Query] = &[
    query("q0", "pass through", q0::build),
    query("q1", "currency conversion", q1::build),
    query("q2", "selection", q2::build),
    query("q3", "local item suggestion", q3::build),
    query("q4", "mean price of a category", q4::build),
    query("q5", "hot items", q5::build),
    query("q6", "mean price of a seller", q6::build),
    query("q7", "highest bid", q7::build),
    query("q8", "new users who sell", q8::build),
    query("q9", "winning bids", q9::build),
    query("q10", "log by day and minute", q10::build),
    query("q11", "sessions of bidders", q11::build),
    query("q12", "windows of processing time", q12::build),
    query("q13", "side input", q13::build),
    query("q14", "calculation", q14::build),
    query("q15", "statistics of a day", q15::build),
    query("q16", "statistics of a channel and day", q16::build),
    query("q17", "statistics of an auction and day", q17::build),
    query("q18", "last bids", q18::build),
    query("q19", "ten highest bids", q19::build),
    query("q20", "bids with their auction", q20::build),
    query("q21", "channel ids", q21::build),
    query("q22", "directories of urls", q22::build),
];

const fn query(name: &'static str, title: &'static str, build: fn(Input, &Outlet)) -> Query {
    Query { name, title, build }
}

/// The query of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Query> {
    ALL.iter().find(|query| query.name == name)
}

/// How far watermarks are behind the latest event.
pub const DISORDER: std::time::Duration = std::time::Duration::from_secs(4);

/// The price in another currency: `price * 0.908`, in thousandths.
fn converted(price: u64) -> u64 {
    price * 908
}
