//! The wish that a job may end before its input does: set once, from outside, and looked at by every worker once a turn.
//!
//! It is not the end itself: that is a decision of each worker, between two of its steps, recorded like any other. So records are read whole, a
//! replay ends where the run did, and workers need not end at one moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::Decision;
use crate::metrics::Ending;

/// The wish.
#[derive(Debug, Clone, Default)]
pub(crate) struct StopRequest(Arc<AtomicU8>);

const DRAIN: u8 = 1;
const STOP: u8 = 2;

impl StopRequest {
    /// Asks for an end; the first wish holds.
    pub(crate) fn ask(&self, ending: Ending) {
        let wish = match ending {
            Ending::Finished => return,
            Ending::Drained => DRAIN,
            Ending::Stopped => STOP,
        };
        // It fails only if there was another wish before.
        let _ = self.0.compare_exchange(0, wish, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// What was asked for.
    pub(crate) fn asked(&self) -> Option<Ending> {
        match self.0.load(Ordering::Relaxed) {
            DRAIN => Some(Ending::Drained),
            STOP => Some(Ending::Stopped),
            _ => None,
        }
    }

    /// The decision that follows from it.
    pub(crate) fn decision(&self) -> Option<Decision> {
        self.asked().map(|ending| Decision::Stop { drains: ending == Ending::Drained })
    }

    /// How a job ended; `was_cut`: some source was cut off before its end.
    pub(crate) fn ending(&self, was_cut: bool) -> Ending {
        self.asked().filter(|_| was_cut).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wish_holds() {
        let request = StopRequest::default();
        assert_eq!((request.decision(), request.ending(true)), (None, Ending::Finished));
        request.ask(Ending::Drained);
        request.clone().ask(Ending::Stopped);
        assert_eq!(request.decision(), Some(Decision::Stop { drains: true }));
        assert_eq!(
            (request.ending(true), request.ending(false)),
            (Ending::Drained, Ending::Finished)
        );
    }
}
