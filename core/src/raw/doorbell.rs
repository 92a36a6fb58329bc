//! Puts a worker to sleep and wakes it, without ever losing a wake-up.
//!
//! The danger is two threads that pass each other: the worker looks, finds nothing and goes to
//! sleep; the other publishes, finds nobody asleep and rings no bell. Each must therefore *first
//! tell, then look*, and the two must agree on an order:
//!
//! ```text
//! sleeper (Doorbell)                     sender (Ringer)
//!   is_asleep = true                       publish to the ring
//!   fence(SeqCst)                          fence(SeqCst)
//!   look at every input again              look at is_asleep
//!   nothing: park                          true: clear it, unpark
//! ```
//!
//! One of the fences is first in the single order of all `SeqCst` fences, and what was told before
//! it is seen after the other: either the sleeper sees the page or the sender sees the sleeper.
//! Without the fences both loads may pass both stores, on x86 as well: the store buffer does just that.
//!
//! # Invariants
//!
//! 1. *No lost wake-up*: what was published before a `ring` is seen by the look after `prepare_sleep`, or else the
//!    `sleep` after that look ends by an `unpark`.
//! 2. *A clear is followed by an unpark*: who changes `is_asleep` from true to false is the sleeper itself, awake, or
//!    a sender which then unparks. So of many senders one makes the system call.
//!
//! # Not here
//!
//! No way to block: that is a [`Park`]. No look at the inputs: the caller has them. Whatever a
//! sleeper may wait for counts as an input: pages published, pages released (backpressure) and ends dropped; who
//! does one of these calls [`Ringer::ring`] after it.
//!
//! # Source
//!
//! Dekker's mutual exclusion, in Dijkstra, "Cooperating sequential processes", 1965; why `SeqCst`
//! fences are needed for it: Batty et al., "Mathematizing C++ concurrency", POPL 2011.

use super::atomic::{Arc, AtomicBool, Ordering, fence};
use crossbeam_utils::CachePadded;
use std::fmt;
use std::time::Duration;

/// How a thread blocks and is unblocked: a futex, `std::thread::park`, an eventfd in an event loop.
pub trait Park: Send + Sync {
    /// Blocks the sleeper until [`Self::unpark`] or for `timeout`, whichever comes first; `None` waits without end.
    ///
    /// It returns at once if `unpark` was called since the last return, and may return for no reason.
    /// Called by the doorbell's thread alone.
    fn park(&self, timeout: Option<Duration>);

    /// Ends the current `park`, or else the next one. Called by any thread.
    ///
    /// All that happened before it, has happened for the sleeper when that `park` returns.
    fn unpark(&self);
}

/// The sleeper's side, one per worker; it is not `Clone`.
///
/// ```
/// # use thalweg::raw::doorbell::{Doorbell, Park};
/// # use std::time::Duration;
/// struct ThreadPark(std::thread::Thread);
/// impl Park for ThreadPark {
///     fn park(&self, timeout: Option<Duration>) {
///         match timeout {
///             Some(timeout) => std::thread::park_timeout(timeout),
///             None => std::thread::park(),
///         }
///     }
///     fn unpark(&self) {
///         self.0.unpark();
///     }
/// }
///
/// let (mut producer, mut consumer) = thalweg::raw::ring::ring(8, 8192);
/// let mut doorbell = Doorbell::new(ThreadPark(std::thread::current()));
/// let ringer = doorbell.ringer();
/// std::thread::spawn(move || {
///     producer.open().expect("eight pages are free").fill(1);
///     producer.publish();
///     ringer.ring();
/// });
/// let first = loop {
///     if let Some(page) = consumer.front() {
///         break page[0];
///     }
///     doorbell.prepare_sleep();
///     if consumer.is_empty() {
///         doorbell.sleep(None);
///     } else {
///         doorbell.cancel();
///     }
/// };
/// assert_eq!(first, 1);
/// ```
pub struct Doorbell {
    bell: Option<Arc<Bell>>,
}

/// The senders' side: clone it as often as there are senders.
#[derive(Clone)]
pub struct Ringer {
    /// `None`: nobody ever sleeps there.
    bell: Option<Arc<Bell>>,
}

/// What both sides see.
struct Bell {
    /// Padded: every publish reads it, and it should be missed only when somebody sleeps or wakes.
    is_asleep: CachePadded<AtomicBool>,
    park: Box<dyn Park>,
}

impl Doorbell {
    /// A doorbell for a worker that may sleep by `park`.
    pub fn new(park: impl Park + 'static) -> Self {
        let is_asleep = CachePadded::new(AtomicBool::new(false));
        Self { bell: Some(Arc::new(Bell { is_asleep, park: Box::new(park) })) }
    }

    /// A doorbell for a worker that never sleeps: ringing it is a test of a constant.
    ///
    /// Whether a worker sleeps is decided here, once, and every ringer carries the decision. That
    /// makes it right to leave out the fence and even the load: they only find out whether `is_asleep` is true,
    /// and it is false in every execution. The page itself needs neither, since a worker that looks at its ring
    /// over and over sees the `Release` store of `publish` as soon as the store buffer of the sender has drained. A switch at
    /// run time would need the fence again, to order the switch against the publish.
    #[must_use]
    pub fn spinning() -> Self {
        Self { bell: None }
    }

    /// Whether this worker may sleep, that is, whether it was not made by [`Self::spinning`].
    #[must_use]
    pub fn can_sleep(&self) -> bool {
        self.bell.is_some()
    }

    /// A handle for one more sender.
    #[must_use]
    pub fn ringer(&self) -> Ringer {
        Ringer { bell: self.bell.clone() }
    }

    /// Tells the senders that this worker is about to sleep.
    ///
    /// The caller then looks at *every* input once more, and calls [`Self::sleep`] if there is nothing, or
    /// [`Self::cancel`] if there is something. A driver that blocks in an event loop of its own waits there instead and
    /// calls [`Self::cancel`] when it is back; its [`Park::park`] is then never used.
    ///
    /// Cost: one store and a full fence, some tens of cycles.
    ///
    /// # Panics
    ///
    /// If the doorbell was made by [`Self::spinning`].
    pub fn prepare_sleep(&mut self) {
        self.prepare_sleep_with::<true>();
    }

    /// Blocks until a ring, for `timeout`, or for no reason. Only after [`Self::prepare_sleep`] and a look in vain.
    ///
    /// Does not block if somebody rang since `prepare_sleep`.
    ///
    /// # Panics
    ///
    /// If the doorbell was made by [`Self::spinning`].
    pub fn sleep(&mut self, timeout: Option<Duration>) {
        // Also if somebody rang already: the unpark is here or on its way (invariant 2), and parking takes it,
        // where otherwise the next sleep would end for no reason.
        self.sleeper().park.park(timeout);
        self.cancel();
    }

    /// Takes [`Self::prepare_sleep`] back: the worker is awake. Without it, nothing happens.
    ///
    /// A sender may have unparked in between; then the next `park` returns at once, for no reason, once.
    pub fn cancel(&mut self) {
        if let Some(bell) = &self.bell {
            // By the rules of the language a store would do: a sender's clear reads the `true` of one `prepare_sleep`,
            // so in the order of all writes it stands right behind it, before ours and before the next `true`.
            // Loom 0.7 does not know this rule of read-modify-writes and reports a wake-up as lost which is not; with a
            // swap it can follow. It costs some cycles on the way out of a sleep, and nothing on the record path.
            bell.is_asleep.swap(false, Ordering::Relaxed);
        }
    }

    /// [`Self::prepare_sleep`], and without its fence for loom's tests.
    fn prepare_sleep_with<const FENCED: bool>(&mut self) {
        // Relaxed, here and elsewhere: the fence gives the order, and the flag guards no data of its own.
        self.sleeper().is_asleep.store(true, Ordering::Relaxed);
        if FENCED {
            fence(Ordering::SeqCst);
        }
    }

    fn sleeper(&self) -> &Bell {
        self.bell.as_deref().expect("invariant: a spinning worker does not sleep")
    }
}

impl Ringer {
    /// Wakes the worker if it sleeps or is about to. Called after what it shall find was published.
    ///
    /// Cost: a full fence and a load, some tens of cycles: once per flush, not once per page. With a sleeper also an
    /// [`Park::unpark`], by the first of the senders. Nothing for [`Doorbell::spinning`].
    #[inline]
    pub fn ring(&self) {
        self.ring_with::<true>();
    }

    /// [`Self::ring`], and without its fence for loom's tests.
    #[inline]
    fn ring_with<const FENCED: bool>(&self) {
        let Some(bell) = &self.bell else { return };
        if FENCED {
            fence(Ordering::SeqCst);
        }
        if bell.is_asleep.load(Ordering::Relaxed) {
            bell.wake();
        }
    }
}

impl Bell {
    /// Unparks the sleeper, unless another sender does.
    #[cold]
    fn wake(&self) {
        // The one read-modify-write: only when somebody sleeps, so not on the record path.
        // An exchange, not a swap: it writes nothing if the sleeper is awake by now.
        let cleared =
            self.is_asleep.compare_exchange(true, false, Ordering::Relaxed, Ordering::Relaxed);
        if cleared.is_ok() {
            self.park.unpark();
        }
    }
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doorbell").field("can_sleep", &self.can_sleep()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ringer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ringer").field("can_sleep", &self.bell.is_some()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::raw::ring::ring;
    use std::sync::atomic::AtomicU32;
    use std::thread;

    /// Counts instead of blocking.
    #[derive(Default)]
    struct Counts {
        parks: AtomicU32,
        unparks: AtomicU32,
    }

    impl Park for Arc<Counts> {
        fn park(&self, _timeout: Option<Duration>) {
            self.parks.fetch_add(1, Ordering::Relaxed);
        }
        fn unpark(&self) {
            self.unparks.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn worker_that_is_awake_is_not_unparked() {
        let counts = Arc::new(Counts::default());
        let mut doorbell = Doorbell::new(Arc::clone(&counts));
        doorbell.ringer().ring();
        doorbell.prepare_sleep();
        doorbell.cancel();
        doorbell.ringer().ring();
        doorbell.prepare_sleep();
        doorbell.sleep(None);
        doorbell.ringer().ring();
        assert_eq!(counts.parks.load(Ordering::Relaxed), 1);
        assert_eq!(counts.unparks.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn of_many_senders_one_unparks() {
        let counts = Arc::new(Counts::default());
        let mut doorbell = Doorbell::new(Arc::clone(&counts));
        let ringers = [doorbell.ringer(), doorbell.ringer().clone()];
        doorbell.prepare_sleep();
        ringers.iter().for_each(Ringer::ring);
        assert_eq!(counts.unparks.load(Ordering::Relaxed), 1);
        doorbell.sleep(None);
        doorbell.prepare_sleep();
        ringers.iter().for_each(Ringer::ring);
        assert_eq!(counts.unparks.load(Ordering::Relaxed), 2, "the next sleep is woken again");
    }

    #[test]
    fn ringing_a_worker_that_spins_does_nothing() {
        let mut doorbell = Doorbell::spinning();
        assert!(!doorbell.can_sleep());
        doorbell.ringer().ring();
        doorbell.cancel();
    }

    #[test]
    #[should_panic(expected = "a spinning worker does not sleep")]
    fn worker_that_was_declared_to_spin_may_not_sleep() {
        Doorbell::spinning().prepare_sleep();
    }

    struct ThreadPark(thread::Thread);

    impl Park for ThreadPark {
        fn park(&self, timeout: Option<Duration>) {
            timeout.map_or_else(thread::park, thread::park_timeout);
        }
        fn unpark(&self) {
            self.0.unpark();
        }
    }

    #[test]
    fn sleep_ends_with_its_timeout_when_nobody_rings() {
        let mut doorbell = Doorbell::new(ThreadPark(thread::current()));
        doorbell.prepare_sleep();
        doorbell.sleep(Some(Duration::from_millis(1)));
    }

    #[test]
    fn two_workers_that_sleep_at_once_wake_each_other() {
        const ROUNDS: u8 = if cfg!(miri) { 8 } else { 250 };
        // Both ways through rings of one page, so that each waits for the other all the time.
        let (mut ask, mut asked) = ring(1, 64);
        let (mut answer, mut answered) = ring(1, 64);
        let mut here = Doorbell::new(ThreadPark(thread::current()));
        let ring_here = here.ringer();
        let (tx, rx) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut there = Doorbell::new(ThreadPark(thread::current()));
                tx.send(there.ringer()).unwrap();
                for round in 0..ROUNDS {
                    wait(&mut there, || !asked.is_empty());
                    assert_eq!(asked.front().unwrap()[0], round);
                    asked.release();
                    answer.open().unwrap()[0] = round;
                    answer.publish();
                    ring_here.ring();
                }
            });
            let ring_there = rx.recv().unwrap();
            for round in 0..ROUNDS {
                ask.open().unwrap()[0] = round;
                ask.publish();
                ring_there.ring();
                wait(&mut here, || !answered.is_empty());
                assert_eq!(answered.front().unwrap()[0], round);
                answered.release();
            }
        });
    }

    /// Sleeps, without a timeout, until `is_ready`.
    fn wait(doorbell: &mut Doorbell, mut is_ready: impl FnMut() -> bool) {
        while !is_ready() {
            doorbell.prepare_sleep();
            if is_ready() {
                doorbell.cancel();
            } else {
                doorbell.sleep(None);
            }
        }
    }
}

#[cfg(all(test, loom))]
mod in_every_order {
    use super::*;
    use crate::raw::ring::{Consumer, Producer, ring};
    use loom::sync::Notify;
    use loom::thread;

    /// Loom's own park, which also wakes for no reason; a lost wake-up is a deadlock, which loom reports.
    impl Park for Notify {
        fn park(&self, _timeout: Option<Duration>) {
            self.wait();
        }
        fn unpark(&self) {
            self.notify();
        }
    }

    fn wait<const FENCED: bool>(doorbell: &mut Doorbell, mut is_ready: impl FnMut() -> bool) {
        while !is_ready() {
            doorbell.prepare_sleep_with::<FENCED>();
            if is_ready() {
                doorbell.cancel();
            } else {
                doorbell.sleep(None);
            }
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

    /// `pages` pages to a worker that sleeps whenever it finds none.
    fn one_sender<const SLEEPER_FENCED: bool, const SENDER_FENCED: bool>(pages: u8) {
        loom::model(move || {
            let (mut producer, mut consumer) = ring(2, 64);
            let mut doorbell = Doorbell::new(Notify::new());
            let ringer = doorbell.ringer();
            let sender = thread::spawn(move || {
                for value in 0..pages {
                    send(&mut producer, value);
                    ringer.ring_with::<SENDER_FENCED>();
                }
            });
            for value in 0..pages {
                wait::<SLEEPER_FENCED>(&mut doorbell, || !consumer.is_empty());
                assert_eq!(receive(&mut consumer), value);
            }
            sender.join().unwrap();
        });
    }

    #[test]
    fn no_wake_up_is_lost() {
        one_sender::<true, true>(1);
    }

    #[test]
    fn no_wake_up_is_lost_when_the_worker_sleeps_again() {
        one_sender::<true, true>(2);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn canary_sleeper_without_a_fence_is_found() {
        one_sender::<false, true>(1);
    }

    #[test]
    #[should_panic(expected = "deadlock")]
    fn canary_sender_without_a_fence_is_found() {
        one_sender::<true, false>(1);
    }

    #[test]
    fn no_wake_up_is_lost_between_two_senders() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let mut doorbell = Doorbell::new(Notify::new());
            let mut inputs = Vec::new();
            let mut senders = Vec::new();
            for _ in 0..2 {
                let (mut producer, consumer) = ring(1, 64);
                inputs.push(consumer);
                let ringer = doorbell.ringer();
                senders.push(thread::spawn(move || {
                    send(&mut producer, 1);
                    ringer.ring();
                }));
            }
            let mut sum = 0;
            while sum < 2 {
                wait::<true>(&mut doorbell, || inputs.iter_mut().any(|input| !input.is_empty()));
                for input in &mut inputs {
                    if !input.is_empty() {
                        sum += receive(input);
                    }
                }
            }
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        });
    }

    #[test]
    fn sender_that_sleeps_on_a_full_ring_is_woken_by_the_release() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let (mut producer, mut consumer) = ring(1, 64);
            let mut reading = Doorbell::new(Notify::new());
            let mut writing = Doorbell::new(Notify::new());
            let (wake_reader, wake_writer) = (reading.ringer(), writing.ringer());
            let writer = thread::spawn(move || {
                for value in 0..2 {
                    wait::<true>(&mut writing, || producer.open().is_some());
                    send(&mut producer, value);
                    wake_reader.ring();
                }
            });
            for value in 0..2 {
                wait::<true>(&mut reading, || !consumer.is_empty());
                assert_eq!(receive(&mut consumer), value);
                wake_writer.ring();
            }
            writer.join().unwrap();
        });
    }
}
