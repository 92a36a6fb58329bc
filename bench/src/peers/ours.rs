//! Our own contestant: a query as any user of the engine runs it, with its defaults.

use thalweg::prelude::*;

use super::laps::Laps;
use super::order::{Feed, Order};
use super::outcome::Outcome;
use super::watched::Watched;
use crate::nexmark::generator::{Config, Events, Prepared};
use crate::nexmark::line::{Line, Row};
use crate::nexmark::model::Event;
use crate::nexmark::outlet::{Kept, Outlet};
use crate::nexmark::queries::{self, Input, Query};
use crate::nexmark::run;

/// The keyed count with an exchange: of each auction, how many bids it has had, said with each bid.
pub const COUNT: Query = Query { name: "count", title: "bids of each auction", build: count };

/// A row of [`COUNT`].
#[record]
struct Bids {
    auction: u64,
    bids: u64,
}

fn count(input: Input, out: &Outlet) {
    let counts = input
        .events
        .filter_map(|event| Some(event.bid()?.auction()))
        .key_by_value(|auction| auction.to_native())
        .filter_map_with_state("count", |count: &mut u64, auction: &Rec<u64>| {
            *count += 1;
            Some(Bids { auction: auction.to_native(), bids: *count })
        });
    out.table(counts, |row| row.auction());
}

impl Row for Bids {
    fn write(&self, line: &mut Line) {
        line.number(self.auction).number(self.bids).end();
    }
}

/// The query of that name, [`COUNT`] included.
#[must_use]
pub fn find(name: &str) -> Option<&'static Query> {
    if name == COUNT.name { Some(&COUNT) } else { queries::find(name) }
}

/// As many rows as the field's side input has.
#[must_use]
pub fn side_input() -> LookupTable<u64, Str> {
    LookupTable::of((0..10_000).map(|key: u64| (key, key.to_string().into())))
}

/// Carries out an order.
///
/// # Errors
///
/// If there is no such query, the job fails, or the result cannot be written.
pub fn run(order: &Order) -> std::result::Result<Outcome, Box<dyn std::error::Error>> {
    let query = find(&order.query).ok_or_else(|| format!("there is no query `{}`", order.query))?;
    let config = Config::of(order.events).splits(order.workers);
    let laps = Laps::of(order.events);
    let kept = order.results.as_ref().map(|_| Kept::default());
    let outlet = kept.clone().map_or(Outlet::Dropped, Outlet::Kept);
    match order.feed {
        Feed::Made => job(*query, Watched::new(Events::of(config), laps.clone()), order, outlet)?,
        Feed::Lean => return Err("the engine's sources emit whole records".into()),
        Feed::Prepared => {
            let prepared = Prepared::of(config);
            job(*query, Watched::new(prepared, laps.clone()), order, outlet)?;
        }
    }
    let settings = format!("{} worker(s), defaults, checkpoints off", order.workers);
    let outcome = laps.end(order, "thalweg", env!("CARGO_PKG_VERSION"), settings);
    if let (Some(path), Some(kept)) = (&order.results, kept) {
        std::fs::write(path, kept.sorted())?;
    }
    Ok(outcome)
}

fn job<S>(query: Query, source: S, order: &Order, outlet: Outlet) -> Result<()>
where
    S: thalweg::source::Source<Out = Event> + Clone + Send + Sync,
{
    let side_input = side_input();
    let engine = Engine::builder().workers(order.workers).build();
    engine.run(query.name, move |t| {
        run::build(query, t, source.clone(), side_input.clone(), &outlet);
        Ok(())
    })?;
    Ok(())
}
