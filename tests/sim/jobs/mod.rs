//! The jobs that are simulated, one a file. A new one is a file with a [`Job`](crate::seed::Job) and a line in [`ALL`].

mod departures;
mod processes;
mod two_stages;

/// A job by name.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// Makes the input of a seed, runs it and checks it.
    pub(crate) run: fn(u64, bool) -> Result<(), String>,
}

/// All of them.
pub(crate) const ALL: &[Entry] = &[
    Entry {
        name: "two-stages",
        run: |seed, twice| crate::seed::run(seed, two_stages::TwoStages::new(seed), twice),
    },
    Entry {
        name: "processes",
        run: |seed, twice| crate::seed::run(seed, processes::Processes::new(seed), twice),
    },
    Entry {
        name: "departures",
        run: |seed, twice| crate::seed::guarded(|| departures::run(seed, twice)),
    },
];
