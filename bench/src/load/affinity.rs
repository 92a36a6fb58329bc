//! Pins the calling thread to a core, through a safe crate.
//!
//! Cores are counted among those the process may use, so a benchmark inside a container or under
//! `taskset` sees cores `0..available()` whatever their numbers in the machine are.

use core_affinity::CoreId;

/// The cores that this process may run on.
#[must_use]
pub fn available() -> Vec<CoreId> {
    core_affinity::get_core_ids().unwrap_or_default()
}

/// Pins the calling thread to the `nth` core that the process may use.
///
/// Call it with care in a thread that later starts others: a thread inherits the pinning of its
/// creator, and then [`available`] reads one core only. The benchmarks pin worker threads, never `main`.
///
/// # Errors
///
/// [`PinError`] says which core was asked for and how many there are; nothing is pinned then.
pub fn pin_current_thread(nth: usize) -> Result<(), PinError> {
    pin_to_one_of(&available(), nth)
}

/// As [`pin_current_thread`], with the list of cores that was read before any thread was pinned.
///
/// # Errors
///
/// As [`pin_current_thread`].
pub fn pin_to_one_of(cores: &[CoreId], nth: usize) -> Result<(), PinError> {
    let core = *cores.get(nth).ok_or(PinError::NoSuchCore { nth, available: cores.len() })?;
    if core_affinity::set_for_current(core) {
        Ok(())
    } else {
        Err(PinError::Refused { core: core.id })
    }
}

/// Why a thread could not be pinned.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PinError {
    /// Fewer cores than the run wants. Ask for fewer workers, or run without pinning.
    #[error(
        "core {nth} was asked for, but the process may use {available} cores; use fewer workers or do not pin"
    )]
    NoSuchCore {
        /// Which core, counted from zero among the allowed ones.
        nth: usize,
        /// How many cores the process may use.
        available: usize,
    },
    /// The kernel refused, or the platform has no pinning. Run without pinning.
    #[error("the system refused to pin the thread to core {core}; run without pinning")]
    Refused {
        /// The core's number in the machine.
        core: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_beyond_the_last_is_refused_with_the_count() {
        let refused = pin_to_one_of(&[], 3);
        assert_eq!(refused, Err(PinError::NoSuchCore { nth: 3, available: 0 }));
    }
}
