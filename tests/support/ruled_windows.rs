//! Jobs of windows with any rules, for [the slow way](crate::window_oracle) to be compared with: the rules, and what a job gives.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thalweg::prelude::*;

use crate::oracle::sorted;
use crate::random::{Splits, span};
use crate::records::Event;
use crate::run::{On, source};
use crate::window_oracle::{Kind, Outcome, Rules, Shown, When};

/// Any windows of time.
pub fn kind() -> impl Strategy<Value = Kind> {
    let ms = Duration::from_millis;
    prop_oneof![
        (span(), 0..9_000u64).prop_map(move |(width, offset)| Kind::Tumbling(width, ms(offset))),
        // Gaps between windows, widths that are multiples of the slide, and others.
        (1..400u64, 0..14u64, 0..400u64, 0..9_000u64).prop_map(
            move |(slide, slides, rest, offset)| {
                let width = (slide * slides + rest % slide).max(1);
                Kind::Sliding(ms(width), ms(slide), ms(offset))
            }
        ),
        (1..400u64, 1..12u64)
            .prop_map(move |(step, steps)| Kind::Cumulating(ms(step * steps), ms(step))),
        span().prop_map(Kind::Session),
    ]
}

/// Any rules of windows that fire when `when` says.
pub fn rules(when: impl Strategy<Value = When>) -> impl Strategy<Value = Rules> {
    let lateness = prop_oneof![Just(0), 1..2_000u64].prop_map(Duration::from_millis);
    (kind(), when, lateness, any::<bool>()).prop_map(|(kind, when, lateness, discarding)| Rules {
        kind,
        when,
        lateness,
        discarding,
    })
}

/// What the windows that `windows` makes show and call late.
///
/// # Panics
///
/// The job fails.
pub fn outcome(
    on: On,
    splits: &Splits,
    bound: Duration,
    windows: impl Fn(Stream<Event>) -> Windowed<Shown, Event> + Send + Sync + 'static,
) -> Outcome {
    let (results, late) = (Collected::<Shown>::new(), Collected::<u64>::new());
    let handles = (results.clone(), late.clone());
    let splits = Arc::clone(splits);
    on.run(move |t| {
        let stream = source(t, "events", &splits).watermarks(BoundedOutOfOrderness::of(bound));
        let windowed = windows(stream.boxed());
        windowed.on_time.sink("shown", handles.0.sink());
        windowed.late.map(|e| e.id()).sink("late", handles.1.sink());
        Ok(())
    })
    .expect("the job runs");
    Outcome { shown: sorted(results.take()), late: sorted(late.take()) }
}
