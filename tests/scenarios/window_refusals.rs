//! Windows and joins that are refused before anything runs, in the very words.

use thalweg::prelude::*;
use thalweg::window::{
    AtWatermark, Count, Evict, NoState, Trigger, TriggerContext, Verdict, WindowAssigner,
    WindowContext,
};
use thalweg_tests::records::Reading;

fn readings(t: &mut Topology) -> Stream<Reading> {
    t.source("readings", Items::of(Vec::<Reading>::new())).watermarks(Monotonic)
}

/// What the engine says to a window that counts, after the first line.
fn counted<W: WindowAssigner<Reading> + Clone>(window: W) -> String {
    triggered(window, AtWatermark)
}

fn triggered<W, G>(window: W, trigger: G) -> String
where
    W: WindowAssigner<Reading> + Clone,
    G: Trigger<Reading> + Clone,
{
    refusal(move |t| {
        let windowed = readings(t)
            .key_by(|r| r.sensor())
            .window("w", window.clone())
            .trigger(trigger.clone())
            .aggregate_with(|of| of.count());
        windowed.on_time.drop_counted();
        windowed.late.drop_counted();
        Ok(())
    })
}

fn refusal(job: impl Fn(&mut Topology) -> Result<()> + 'static) -> String {
    let said = Engine::builder().build().plan(job).expect_err("the job is refused").to_string();
    let said = said.strip_prefix("the job cannot be built\n  ").expect("it is not built");
    said.strip_prefix("setting of \"w\": ").expect("the window is named").to_owned()
}

/// Cannot merge.
#[derive(Clone)]
struct Plain;

impl Trigger<Reading> for Plain {
    type State = NoState;

    fn on_record(
        &mut self,
        _: &Rec<Reading>,
        _: EventTime,
        _: &mut TriggerContext<'_, NoState>,
    ) -> Verdict {
        Verdict::Continue
    }

    fn describe(&self) -> String {
        "never".into()
    }
}

#[test]
fn spans_of_zero_are_refused() {
    assert_eq!(counted(Sliding::of(0.secs(), 1.secs())), "a window is longer than zero");
    assert_eq!(counted(Sliding::of(1.secs(), 0.secs())), "a window's slide is longer than zero");
    assert_eq!(counted(Cumulating::of(1.secs(), 0.secs())), "a window's step is longer than zero");
    assert_eq!(counted(Tumbling::of(u64::MAX.days())), "a window is at most 100 years");
}

#[test]
fn cumulating_windows_end_with_a_whole_step() {
    assert_eq!(
        counted(Cumulating::of(10.secs(), 3.secs())),
        "10s is not a multiple of its step of 3s; cumulating windows end with a whole step"
    );
}

#[test]
fn a_global_window_needs_a_trigger() {
    assert_eq!(
        counted(Global),
        "a global window has no end at which it could fire; give it a trigger"
    );
}

#[test]
fn triggers_that_cannot_be_are_refused() {
    let hourly = Tumbling::of(1.hours());
    assert_eq!(triggered(hourly, Count::of(0)), "a count trigger fires after at least one record");
    assert_eq!(
        triggered(hourly, AtWatermark.early_every_records(0)),
        "a trigger fires early after at least one record"
    );
    assert_eq!(
        triggered(hourly, AtWatermark.early_every(0.secs())),
        "the time between early firings is longer than zero"
    );
    assert_eq!(
        triggered(Session::gap(1.secs()), Plain),
        "a session window merges, and the trigger (never) does not say what becomes of its state; implement on_merge and can_merge"
    );
}

#[test]
fn a_fold_is_refused_where_accumulators_have_to_become_one() {
    let said = refusal(|t| {
        let windowed = readings(t)
            .key_by(|r| r.sensor())
            .window("w", Sliding::of(2.secs(), 1.secs()))
            .aggregate(|n: &mut u64, _| *n += 1);
        windowed.on_time.drop_counted();
        windowed.late.drop_counted();
        Ok(())
    });
    assert_eq!(
        said,
        "the accumulators of a sliding window have to become one, which a fold cannot do; use aggregate_with(|of| of.fold(add, merge))"
    );
}

#[test]
fn state_of_windows_that_merge_is_refused() {
    let said = refusal(|t| {
        let windowed = readings(t)
            .key_by(|r| r.sensor())
            .window("w", Session::gap(2.secs()))
            .process_with_state(|cx: &mut WindowContext<'_, Str, u64>, state, _| {
                let (of_window, of_key): (&mut u64, &mut u64) = (state.window, state.key);
                cx.emit(&(*of_window + *of_key));
            });
        windowed.on_time.drop_counted();
        windowed.late.drop_counted();
        Ok(())
    });
    assert_eq!(
        said,
        "a session window merges, so a window function has no state of its own for it; use process or process_aggregate"
    );
}

#[test]
fn an_evictor_keeps_something() {
    let said = refusal(|t| {
        let windowed = readings(t)
            .key_by(|r| r.sensor())
            .window("w", Tumbling::of(2.secs()))
            .evictor(Evict::count(0))
            .aggregate_with(|of| of.count());
        windowed.on_time.drop_counted();
        windowed.late.drop_counted();
        Ok(())
    });
    assert_eq!(said, "an evictor keeps at least one record");
}

#[test]
fn an_empty_interval_and_a_join_without_end_are_refused() {
    let said = refusal(|t| {
        let left = readings(t);
        let right = left.clone().key_by(|r| r.sensor());
        let interval = Interval::after(2.secs(), 1.secs());
        let joined = left.key_by(|r| r.sensor()).interval_join("w", right, interval);
        let joined = joined.apply(|left, right| (left.value(), right.value()));
        joined.on_time.drop_counted();
        joined.late_left.drop_counted();
        joined.late_right.drop_counted();
        Ok(())
    });
    assert_eq!(said, "an interval's lower bound is not after its upper one");
    let said = refusal(|t| {
        let left = readings(t);
        let right = left.clone().key_by(|r| r.sensor());
        let joined = left.key_by(|r| r.sensor()).join("w", right, Global);
        let joined = joined.apply(|left, right| (left.value(), right.value()));
        joined.on_time.drop_counted();
        joined.late_left.drop_counted();
        joined.late_right.drop_counted();
        Ok(())
    });
    assert_eq!(said, "a global window has no end at which it could fire; give it a trigger");
}
