//! A million timers that are due at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use thalweg::prelude::*;
use thalweg::process::{Cx, KeyedProcess, NoSide, Timers};
use thalweg::state::{State, Value};
use thalweg_tests::run::{checkpoints, watched};

use crate::two_more;

/// Keys, each with a timer.
const KEYS: u64 = 1_000_000;
/// Records that come behind them, at a pace, and move event time past the timers.
const LATER: u64 = 3_000;

#[record]
struct Number {
    #[event_time]
    at: EventTime,
    n: u64,
}

fn number(n: u64) -> Number {
    Number { at: EventTime::from_secs(if n < KEYS { 0 } else { 100 }), n }
}

#[derive(State)]
struct Seen {
    number: Value<u64>,
}

#[derive(Timers)]
enum Timer {
    Due,
}

struct Remind;

impl KeyedProcess for Remind {
    type Key = u64;
    type In = Number;
    type Out = u64;
    type State = Seen;
    type Timer = Timer;
    type Side = NoSide;

    fn on_event(
        &mut self,
        cx: &mut Cx<'_, Self>,
        number: &Rec<Number>,
    ) -> Result<(), OperatorFault> {
        cx.state.number.set(number.n());
        cx.event_timers
            .set(Timer::Due, EventTime::from_secs(if number.n() < KEYS { 10 } else { 200 }));
        Ok(())
    }

    fn on_timer(
        &mut self,
        cx: &mut Cx<'_, Self>,
        _: Timer,
        _: EventTime,
    ) -> Result<(), OperatorFault> {
        let number = cx.state.number.take().unwrap_or(u64::MAX);
        cx.out.emit(&number);
        Ok(())
    }
}

/// Counts what has fired, and what it adds up to.
#[derive(Debug, Clone, Default)]
struct Fired {
    count: Arc<AtomicU64>,
    sum: Arc<AtomicU64>,
}

fn job(fired: &Fired, pace: u64) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static {
    let fired = fired.clone();
    move |t| {
        let now =
            t.source("timers", Generator::of(0..KEYS, number).splits(2)).watermarks(Monotonic);
        let later = Generator::of(KEYS..KEYS + LATER, number).records_per_s(pace);
        let later = t.source("later", later).watermarks(Monotonic);
        let main =
            now.union(later).key_by_value(|number| number.n()).process("reminders", || Remind);
        let fired = fired.clone();
        main.for_each("count", move |number, _| {
            fired.count.fetch_add(1, Ordering::Relaxed);
            fired.sum.fetch_add(number.to_native(), Ordering::Relaxed);
        });
        Ok(())
    }
}

/// A firing is worked off before the barrier behind it, and what fires is gone from the state: so a checkpoint is complete soon after it was begun, be it before, amidst or behind a million timers.
#[test]
fn a_checkpoint_is_complete_while_a_million_timers_fire() {
    watched(|| {
        let folder = tempfile::tempdir().unwrap();
        let fired = Fired::default();
        let engine = Engine::builder().workers(2).checkpoints(checkpoints(folder.path())).build();
        let handle = engine.deploy("reminders", job(&fired, 1_000)).unwrap();
        let count = || fired.count.load(Ordering::Relaxed);
        // Amidst the firing.
        while count() == 0 {
            std::thread::yield_now();
        }
        let (amidst, before) = (count(), handle.snapshot().checkpoints);
        assert!(amidst < KEYS, "{amidst}");
        two_more(&handle);
        let after = handle.snapshot().checkpoints;
        assert_eq!(after.aborted, before.aborted);
        let last = after.last.unwrap();
        assert!(last.duration < std::time::Duration::from_secs(30), "{last:?}");
        let report = handle.join().unwrap();
        assert!(report.checkpoints.completed > before.completed + 2, "{:?}", report.checkpoints);
        let all = KEYS + LATER;
        assert_eq!((count(), fired.sum.load(Ordering::Relaxed)), (all, all * (all - 1) / 2));
    });
}
