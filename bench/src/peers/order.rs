//! What a contestant is told on its command line.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Where the events of a run come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feed {
    /// The source makes each event whole, in the run.
    Made,
    /// The source makes of each event only what the query reads; a program by hand may do so.
    Lean,
    /// Events were made before the run.
    Prepared,
}

impl Feed {
    /// As it is written on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Lean => "lean",
            Self::Prepared => "prepared",
        }
    }
}

/// One run of one query.
#[derive(Debug, Clone, clap::Args)]
pub struct Order {
    /// q0 to q22, or count: the keyed count with an exchange
    #[arg(long)]
    pub query: String,
    /// Events, of the default configuration: 10,000 in a second of event time
    #[arg(long, default_value_t = 100_000)]
    pub events: u64,
    /// Where they come from
    #[arg(long, value_enum, default_value_t = Feed::Made)]
    pub feed: Feed,
    /// Workers
    #[arg(long, default_value_t = 1)]
    pub workers: usize,
    /// When the program was started, nanoseconds since the Unix epoch
    #[arg(long, default_value_t = 0)]
    pub started_unix_ns: u64,
    /// Writes the result to this file, to be compared
    #[arg(long)]
    pub results: Option<PathBuf>,
}

impl Order {
    /// As a command line.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let Self { query, events, feed, workers, started_unix_ns, results } = self;
        let mut arguments = vec![
            format!("--query={query}"),
            format!("--events={events}"),
            format!("--feed={}", feed.name()),
            format!("--workers={workers}"),
            format!("--started-unix-ns={started_unix_ns}"),
        ];
        arguments.extend(results.iter().map(|path| format!("--results={}", path.display())));
        arguments
    }
}
