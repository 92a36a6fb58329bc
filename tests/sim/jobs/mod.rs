//! The jobs that are simulated, one a file. A new one is a file with a [`Job`](crate::seed::Job) and a line in [`ALL`].

mod aligned;
mod asking;
mod changelogs;
mod departures;
mod endings;
mod handles;
mod loops;
mod outside;
mod operators;
mod outputs;
mod processes;
mod retries;
mod two_stages;
mod visits;
mod windows;

/// A job by name.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// Makes the input of a seed, runs it and checks it.
    pub(crate) run: fn(u64, bool) -> Result<(), String>,
}

/// The job of two stages, for tests of the harness.
#[cfg(test)]
pub(crate) fn two_stages(seed: u64) -> impl crate::seed::Job {
    two_stages::TwoStages::new(seed)
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
        name: "visits",
        run: |seed, twice| crate::seed::run(seed, visits::Visits::new(seed), twice),
    },
    Entry {
        name: "retries",
        run: |seed, twice| crate::seed::run(seed, retries::Retries::new(seed), twice),
    },
    Entry {
        name: "retries-crashing",
        run: |seed, _| crate::crashes::run_in_place(seed, retries::Retries::crashing(seed)),
    },
    Entry {
        name: "asking",
        run: |seed, twice| crate::seed::run(seed, asking::Asking::new(seed), twice),
    },
    Entry {
        name: "asking-crashing",
        run: |seed, _| crate::crashes::run_in_place(seed, asking::Asking::new(seed)),
    },
    Entry {
        name: "loops",
        run: |seed, twice| crate::seed::run(seed, loops::Loops::new(seed), twice),
    },
    Entry {
        name: "loops-crashing",
        run: |seed, _| crate::crashes::run(seed, loops::Loops::new(seed)),
    },
    Entry {
        name: "changelogs-crashing",
        run: |seed, _| crate::crashes::run_in_place(seed, changelogs::Changelogs::new(seed)),
    },
    Entry {
        name: "aligned",
        run: |seed, twice| crate::seed::run(seed, aligned::AlignedSplits::new(seed), twice),
    },
    Entry {
        name: "endings",
        run: |seed, twice| crate::seed::run(seed, endings::Endings::new(seed), twice),
    },
    Entry {
        name: "operators",
        run: |seed, twice| crate::seed::run(seed, operators::Operators::new(seed), twice),
    },
    Entry {
        name: "changelogs",
        run: |seed, twice| crate::seed::run(seed, changelogs::Changelogs::new(seed), twice),
    },
    Entry {
        name: "departures",
        run: |seed, twice| crate::seed::guarded(|| departures::run(seed, twice)),
    },
    Entry {
        name: "windows",
        run: |seed, twice| crate::seed::run(seed, windows::Windows::new(seed), twice),
    },
    Entry {
        name: "two-stages-crashing",
        run: |seed, _| crate::crashes::run(seed, two_stages::TwoStages::new(seed)),
    },
    Entry {
        name: "windows-crashing",
        run: |seed, _| crate::crashes::run(seed, windows::Windows::new(seed)),
    },
    Entry {
        name: "processes-crashing",
        run: |seed, _| crate::crashes::run_in_place(seed, processes::Processes::new(seed)),
    },
    Entry {
        name: "operators-crashing",
        run: |seed, _| crate::crashes::run_in_place(seed, operators::Operators::new(seed)),
    },
    Entry {
        name: "departures-crashing",
        run: |seed, _| crate::seed::guarded(|| departures::run_crashing(seed)),
    },
    Entry { name: "outputs-crashing", run: |seed, _| crate::seed::guarded(|| outputs::run(seed)) },
    Entry {
        name: "handles",
        run: |seed, twice| crate::seed::guarded(|| handles::run(seed, twice)),
    },
    Entry {
        name: "outside",
        run: |seed, twice| crate::seed::guarded(|| outside::run(seed, twice)),
    },
];
