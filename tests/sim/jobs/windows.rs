//! Sliding windows, in one phase or in two, and session windows with late firings, and an interval join of what they give with what came in.
//!
//! The bound of disorder holds, so nothing is late; records come from several splits. Checked are the windows against lists, and the join
//! against nested loops over the windows' results.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thalweg::agg::Of;
use thalweg::prelude::*;
use thalweg::window::Timing;

use crate::dice;
use crate::seed::Job;

/// What comes in.
#[record]
pub(crate) struct Click {
    #[event_time]
    pub(crate) at: EventTime,
    pub(crate) id: u64,
    pub(crate) user: u32,
}

/// A window's clicks.
#[record]
#[derive(Eq, PartialOrd, Ord)]
pub(crate) struct Clicks {
    pub(crate) start: EventTime,
    pub(crate) end: EventTime,
    pub(crate) user: u32,
    pub(crate) clicks: u64,
    pub(crate) ids: u64,
}

type PerWorker<T> = Vec<Vec<(EventTime, T)>>;

/// One seed's input and handles.
pub(crate) struct Windows {
    workers: usize,
    bound: Duration,
    width: Duration,
    slide: Duration,
    gap: Duration,
    early: u64,
    in_two_phases: bool,
    splits: Arc<Vec<Vec<Click>>>,
    sliding: Collected<Clicks>,
    sessions: Collected<Clicks>,
    pairs: Collected<(u64, EventTime)>,
}

impl Windows {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = dice::of(seed);
        let (bound_ms, users, step_ms) =
            (dice.between(0, 100), dice.between(1, 12), dice.between(0, 20));
        let splits = (0..dice.between(1, 3)).map(|split| {
            let mut clock_ms = 0;
            let clicks = (0..dice.between(0, 120)).map(|index| {
                clock_ms += dice.between(0, step_ms);
                let back_ms = dice.between(0, bound_ms);
                let at_ms = i64::try_from(clock_ms).expect("short")
                    - i64::try_from(back_ms).expect("short");
                Click {
                    at: EventTime::from_millis(at_ms),
                    id: split << 32 | index,
                    user: u32::try_from(dice.below(users)).expect("few"),
                }
            });
            clicks.collect()
        });
        let splits = Arc::new(splits.collect());
        let ms = Duration::from_millis;
        let slide = dice.between(1, 100);
        Self {
            splits,
            workers: usize::try_from(dice.between(1, 4)).expect("few"),
            bound: ms(bound_ms),
            slide: ms(slide),
            width: ms(slide * dice.between(1, 9) + dice.below(slide)),
            gap: ms(dice.between(1, 100)),
            early: dice.between(1, 20),
            in_two_phases: dice.below(2) == 0,
            sliding: Collected::new(),
            sessions: Collected::new(),
            pairs: Collected::new(),
        }
    }

    /// Windows of one width that begin with every slide.
    fn expected_sliding(&self) -> Vec<Clicks> {
        let (width, slide) = (nanos(self.width), nanos(self.slide));
        let mut windows: BTreeMap<(i64, u32), (u64, u64)> = BTreeMap::new();
        for click in self.splits.iter().flatten() {
            let at = click.at.as_nanos();
            let mut start = at.div_euclid(slide) * slide;
            while start + width > at {
                let (clicks, ids) = windows.entry((start, click.user)).or_default();
                *clicks += 1;
                *ids = ids.wrapping_add(click.id);
                start -= slide;
            }
        }
        let window = |((start, user), (clicks, ids))| {
            let (start, end) = (EventTime::from_nanos(start), EventTime::from_nanos(start + width));
            Clicks { start, end, user, clicks, ids }
        };
        let mut windows: Vec<Clicks> = windows.into_iter().map(window).collect();
        windows.sort();
        windows
    }

    /// Stretches of clicks that are no further apart than the gap.
    fn expected_sessions(&self) -> Vec<Clicks> {
        let mut users: BTreeMap<u32, Vec<&Click>> = BTreeMap::new();
        for click in self.splits.iter().flatten() {
            users.entry(click.user).or_default().push(click);
        }
        let mut sessions: Vec<Clicks> = Vec::new();
        for (user, mut clicks) in users {
            clicks.sort_by_key(|click| click.at);
            let mut last: Option<Clicks> = None;
            for click in clicks {
                if last.as_ref().is_none_or(|session| session.end + self.gap < click.at) {
                    let open = Clicks { start: click.at, end: click.at, user, clicks: 0, ids: 0 };
                    sessions.extend(last.replace(open));
                }
                let session = last.as_mut().expect("one was just opened");
                session.end = click.at;
                session.clicks += 1;
                session.ids = session.ids.wrapping_add(click.id);
            }
            sessions.extend(last);
        }
        sessions.sort();
        sessions
    }

    /// Each click with the ends of the sliding windows of its user within the gap after it.
    fn expected_pairs(&self, sliding: &[Clicks]) -> Vec<(u64, EventTime)> {
        let mut pairs = Vec::new();
        for click in self.splits.iter().flatten() {
            for window in sliding.iter().filter(|window| window.user == click.user) {
                let apart = (window.end - Duration::from_nanos(1)).nanos_since(click.at);
                if (0..=nanos(self.gap)).contains(&apart) {
                    pairs.push((click.id, window.end));
                }
            }
        }
        pairs.sort();
        pairs
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).expect("short")
}

fn values<T: Ord + Clone>(collected: &PerWorker<T>) -> Vec<T> {
    let mut values: Vec<T> = collected.iter().flatten().map(|(_, value)| value.clone()).collect();
    values.sort();
    values
}

impl Job for Windows {
    type Outputs = (PerWorker<Clicks>, PerWorker<Clicks>, PerWorker<(u64, EventTime)>);

    fn workers(&self) -> usize {
        self.workers
    }

    fn build(&self, t: &mut Topology) -> Result<()> {
        let splits = Arc::clone(&self.splits);
        let clicks = Items::per_split(splits.len(), move |split| {
            let splits = Arc::clone(&splits);
            (0..splits[split].len()).map(move |index| splits[split][index].clone())
        });
        let clicks =
            t.source("clicks", clicks).watermarks(BoundedOutOfOrderness::of(self.bound)).boxed();
        let sliding = clicks
            .clone()
            .key_by(|click| &click.user)
            .window("sliding", Sliding::of(self.width, self.slide));
        let counts = |of: Of<Click>| {
            let add = |ids: &mut u64, c: &Rec<Click>| *ids = ids.wrapping_add(c.id());
            (of.count(), of.fold(add, |ids, later| *ids = ids.wrapping_add(later)))
        };
        let sliding = match self.in_two_phases {
            true => sliding.two_phase().aggregate_with(counts),
            false => sliding.aggregate_with(counts),
        };
        sliding.late.drop_counted();
        let sliding = sliding
            .on_time
            .map(|w| {
                let w = w.to_value();
                Clicks {
                    start: w.start,
                    end: w.end,
                    user: w.key,
                    clicks: w.value.0,
                    ids: w.value.1,
                }
            })
            .boxed();
        let joined = clicks
            .clone()
            .key_by(|click| &click.user)
            .interval_join(
                "clicks before a window's end",
                sliding.clone().key_by(|window| &window.user),
                Interval::after(Duration::ZERO, self.gap),
            )
            .apply(|click, window| (click.id(), window.end()));
        joined.late_left.drop_counted();
        joined.late_right.drop_counted();
        joined.on_time.sink("pairs", self.pairs.sink());
        sliding.sink("windows", self.sliding.sink());
        // The same result comes early and again; only the last firing of a session counts here.
        let sessions = clicks
            .key_by(|click| &click.user)
            .window("sessions", Session::gap(self.gap))
            .trigger(AtWatermark.early_every_records(self.early))
            .aggregate_panes(|of| {
                (
                    of.count(),
                    of.min(|c| c.at()),
                    of.max(|c| c.at()),
                    of.fold(
                        |ids: &mut u64, c| *ids = ids.wrapping_add(c.id()),
                        |ids, later| *ids = ids.wrapping_add(later),
                    ),
                )
            });
        sessions.late.drop_counted();
        sessions
            .on_time
            .filter_map(|s| {
                let s = s.to_value();
                let (clicks, start, end, ids) = s.value;
                let session = Clicks { start, end, user: s.key, clicks, ids };
                (s.pane.timing == Timing::OnTime).then_some(session)
            })
            .sink("last", self.sessions.sink());
        Ok(())
    }

    fn take(&self) -> Self::Outputs {
        let (sliding, sessions) = (self.sliding.take_per_worker(), self.sessions.take_per_worker());
        (sliding, sessions, self.pairs.take_per_worker())
    }

    fn check(&self, (sliding, sessions, pairs): &Self::Outputs) -> Result<(), String> {
        let windows = values(sliding);
        if windows != self.expected_sliding() {
            return Err("the sliding windows differ".into());
        }
        if values(sessions) != self.expected_sessions() {
            return Err("the sessions differ".into());
        }
        if values(pairs) != self.expected_pairs(&windows) {
            return Err("the pairs of the interval join differ".into());
        }
        Ok(())
    }
}
