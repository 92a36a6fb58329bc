//! The doorbell of a thread, or a task, of the host: how it waits for a ring that it shares with a worker.
//!
//! A worker that publishes or releases a page rings ([`super::doorbell`]); the host either blocks its thread, or leaves the waker of a task and
//! returns to its own event loop.
//!
//! # Invariants
//!
//! 1. *First tell, then look*, for wakers too: the waker is left before the doorbell says that somebody sleeps, and the rings are looked at after that. A
//!    sender that sees the sleeper sees the waker: both were written in this order, and what it reads of the first cannot come from
//!    after it took the lock of the second.
//! 2. A waker is used once, by the sender that cleared the doorbell; a task that is polled again leaves it again.
//!
//! # Not here
//!
//! No runtime: any executor's waker will do.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::atomic::{Arc, Condvar, Mutex, MutexGuard};
use super::doorbell::{Doorbell, Park, Ringer};

/// Looks in vain before a thread sleeps: some 50 us.
const SPINS: u32 = if cfg!(any(loom, miri)) { 0 } else { 1_000 };

/// What a host's thread or task waits by.
#[derive(Debug)]
pub(crate) struct HostBell {
    doorbell: Doorbell,
    park: Arc<HostPark>,
}

/// Blocks a thread, or holds the waker of a task.
#[derive(Debug, Default)]
struct HostPark {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_rung: bool,
    timed_out: bool,
    waker: Option<Waker>,
}

impl HostBell {
    pub(crate) fn new() -> Self {
        let park = Arc::new(HostPark::default());
        Self { doorbell: Doorbell::new(Shared(Arc::clone(&park))), park }
    }

    /// For one more of those that wake the host.
    pub(crate) fn ringer(&self) -> Ringer {
        self.doorbell.ringer()
    }

    /// Blocks the thread until `is_ready`; false if for `timeout` nobody rang.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        mut is_ready: impl FnMut() -> bool,
    ) -> bool {
        for _ in 0..SPINS {
            if is_ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        loop {
            self.doorbell.prepare_sleep();
            if is_ready() {
                self.doorbell.cancel();
                return true;
            }
            self.doorbell.sleep(timeout);
            if is_ready() {
                return true;
            }
            if self.park.lock().timed_out {
                return false;
            }
        }
    }

    /// Ready if `is_ready`; else the task of `context` is woken when somebody rings.
    pub(crate) fn poll(
        &mut self,
        context: &Context<'_>,
        mut is_ready: impl FnMut() -> bool,
    ) -> Poll<()> {
        self.doorbell.cancel();
        if is_ready() {
            return Poll::Ready(());
        }
        self.park.leave(context.waker());
        self.doorbell.prepare_sleep();
        if is_ready() {
            self.doorbell.cancel();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl HostPark {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn leave(&self, waker: &Waker) {
        let mut state = self.lock();
        match &mut state.waker {
            Some(left) => left.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
    }
}

/// The doorbell's half of a [`HostPark`].
struct Shared(Arc<HostPark>);

impl Park for Shared {
    fn park(&self, timeout: Option<Duration>) {
        let mut state = self.0.lock();
        state.timed_out = false;
        if !state.is_rung {
            match timeout {
                None => {
                    let woken = self.0.changed.wait(state);
                    state = woken.unwrap_or_else(|poisoned| poisoned.into_inner());
                }
                Some(timeout) => {
                    let woken = self.0.changed.wait_timeout(state, timeout);
                    let (now, result) = woken.unwrap_or_else(|poisoned| poisoned.into_inner());
                    state = now;
                    state.timed_out = result.timed_out() && !state.is_rung;
                }
            }
        }
        state.is_rung = false;
    }

    fn unpark(&self) {
        let waker = {
            let mut state = self.0.lock();
            state.is_rung = true;
            state.waker.take()
        };
        self.0.changed.notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::raw::ring::ring;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    #[test]
    fn a_wait_ends_with_its_timeout_when_nobody_rings_and_goes_on_when_somebody_does() {
        let mut bell = HostBell::new();
        assert!(!bell.wait(Some(Duration::from_millis(1)), || false));
        let ringer = bell.ringer();
        let (mut tx, mut rx) = ring(1, 64);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                tx.open().unwrap()[0] = 1;
                tx.publish();
                ringer.ring();
            });
            assert!(bell.wait(None, || !rx.is_empty()));
        });
    }

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_task_is_woken_once_for_each_time_it_was_left_waiting() {
        let wakes = std::sync::Arc::new(Wakes::default());
        let waker = Waker::from(std::sync::Arc::clone(&wakes));
        let mut bell = HostBell::new();
        let ringer = bell.ringer();
        ringer.ring();
        for round in 0..3 {
            assert_eq!(wakes.0.load(Ordering::Relaxed), round);
            assert_eq!(bell.poll(&Context::from_waker(&waker), || false), Poll::Pending);
            ringer.ring();
            ringer.ring();
        }
        assert_eq!(bell.poll(&Context::from_waker(&waker), || true), Poll::Ready(()));
        ringer.ring();
        assert_eq!(wakes.0.load(Ordering::Relaxed), 3, "who is awake is not woken");
    }
}

#[cfg(all(test, loom))]
mod in_every_order {
    use super::*;
    use crate::raw::ring::{Consumer, Producer, ring};
    use loom::sync::Notify;
    use loom::thread;
    use std::task::Wake;

    struct Task(Arc<Notify>);

    impl Wake for Task {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.notify();
        }
    }

    fn send(producer: &mut Producer, value: u8) {
        producer.open().unwrap()[0] = value;
        producer.publish();
    }

    fn receive(consumer: &mut Consumer) -> u8 {
        let value = consumer.front().unwrap()[0];
        consumer.release();
        value
    }

    /// A task that is polled when it was woken, and at first; a lost wake-up is a deadlock, which loom reports.
    fn block_on(bell: &mut HostBell, mut is_ready: impl FnMut() -> bool) {
        let notify = Arc::new(Notify::new());
        let waker = Waker::from(std::sync::Arc::new(Task(Arc::clone(&notify))));
        while bell.poll(&Context::from_waker(&waker), &mut is_ready).is_pending() {
            notify.wait();
        }
    }

    #[test]
    fn no_wake_up_of_a_task_is_lost() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let (mut producer, mut consumer) = ring(1, 64);
            let mut bell = HostBell::new();
            let ringer = bell.ringer();
            let sender = thread::spawn(move || {
                send(&mut producer, 7);
                ringer.ring();
            });
            block_on(&mut bell, || !consumer.is_empty());
            assert_eq!(receive(&mut consumer), 7);
            sender.join().unwrap();
        });
    }

    #[test]
    fn a_task_that_waits_for_room_and_a_thread_that_waits_for_a_page_wake_each_other() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(|| {
            let (mut producer, mut consumer) = ring(1, 64);
            let (mut reading, mut writing) = (HostBell::new(), HostBell::new());
            let (wake_reader, wake_writer) = (reading.ringer(), writing.ringer());
            let writer = thread::spawn(move || {
                for value in 0..2 {
                    block_on(&mut writing, || producer.open().is_some());
                    send(&mut producer, value);
                    wake_reader.ring();
                }
            });
            for value in 0..2 {
                assert!(reading.wait(None, || !consumer.is_empty()));
                assert_eq!(receive(&mut consumer), value);
                wake_writer.ring();
            }
            writer.join().unwrap();
        });
    }
}
