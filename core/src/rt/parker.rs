//! How a worker's thread blocks: a mutex and a condition variable, used only when there is nothing to do.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::raw::doorbell::Park;

/// A token: `unpark` leaves it, `park` takes it or waits for it.
#[derive(Debug, Default)]
pub(crate) struct CondvarPark {
    token: Mutex<bool>,
    changed: Condvar,
}

impl Park for CondvarPark {
    fn park(&self, timeout: Option<Duration>) {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if !*token {
            token = match timeout {
                None => self.changed.wait(token).unwrap_or_else(PoisonError::into_inner),
                Some(timeout) => {
                    let waited = self.changed.wait_timeout(token, timeout);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *token = false;
    }

    fn unpark(&self) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpark_before_park_is_not_lost() {
        let park = CondvarPark::default();
        park.unpark();
        park.park(None);
    }
}
