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
mod q5;
mod q7;
mod q8;
mod q10;
mod q11;
mod q12;
mod q14;
mod q21;
mod q22;

use thalweg::api::Stream;

use super::model::Event;
use super::outlet::Outlet;

/// What queries read.
#[derive(Debug, Clone)]
pub struct Input {
    /// All events.
    pub events: Stream<Event>,
}

/// A query.
#[derive(Clone, Copy)]
pub struct Query {
    /// `q0` to `q22`.
    pub name: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// Whether it joins the side input.
    pub needs_side_input: bool,
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
    query("q5", "hot items", q5::build),
    query("q7", "highest bid", q7::build),
    query("q8", "monitor new users", q8::build),
    query("q10", "log by day and minute", q10::build),
    query("q11", "sessions of bidders", q11::build),
    query("q12", "processing-time windows", q12::build),
    query("q14", "calculation", q14::build),
    query("q21", "channel ids", q21::build),
    query("q22", "directories of urls", q22::build),
];

const fn query(name: &'static str, title: &'static str, build: fn(Input, &Outlet)) -> Query {
    Query { name, title, needs_side_input: false, build }
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
