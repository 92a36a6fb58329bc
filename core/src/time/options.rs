//! What a source does about splits that are silent, ahead of the others, or wrong about the time; set on any strategy:
//!
//! ```
//! use thalweg::prelude::*;
//!
//! let strategy = BoundedOutOfOrderness::of(5.secs())
//!     .idle_after(30.secs())
//!     .aligned_within(1.minutes())
//!     .max_jump(1.days());
//! # let _ = strategy;
//! ```

use std::time::Duration;

/// A split with no record for this long stops holding event time back, unless the strategy says otherwise.
pub const DEFAULT_IDLE_AFTER: Duration = Duration::from_secs(10);

/// What happens to event time when every split of a source is idle.
///
/// "Every split" is per worker: a worker whose splits are all idle leaves the others' event time alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AllIdle {
    /// Event time goes on with the clock from where it stood, so open windows close. It starts only once there is an event time: a source that
    /// never had a record has nothing to go on from, and holds nobody back either.
    #[default]
    AdvanceWithClock,
    /// Event time stands still until a record comes.
    Hold,
}

/// The options of a strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WatermarkOptions {
    /// The silence after which a split is idle; `None` = never. Default: [`DEFAULT_IDLE_AFTER`].
    pub idle_after: Option<Duration>,
    /// What happens when all splits are idle.
    pub all_idle: AllIdle,
    /// How far a split may be ahead of the slowest one of its source; `None` = as far as it likes.
    pub aligned_within: Option<Duration>,
    /// The sources of the job that are aligned with this one are those that say the same; `None` = no other.
    pub aligned_with: Option<&'static str>,
    /// How far a record may be ahead of all before it in its split; `None` = any distance.
    pub max_jump: Option<Duration>,
    /// How far a record may be ahead of the clock; `None` = any distance.
    pub max_ahead_of_clock: Option<Duration>,
}

impl Default for WatermarkOptions {
    fn default() -> Self {
        Self {
            idle_after: Some(DEFAULT_IDLE_AFTER),
            all_idle: AllIdle::default(),
            aligned_within: None,
            aligned_with: None,
            max_jump: None,
            max_ahead_of_clock: None,
        }
    }
}

impl WatermarkOptions {
    /// True if some records may be found to lie too far in the future.
    pub(crate) fn bounds_the_future(&self) -> bool {
        self.max_jump.is_some() || self.max_ahead_of_clock.is_some()
    }
}

/// A strategy with options of its own.
#[derive(Debug, Clone, Copy)]
pub struct WithOptions<S> {
    strategy: S,
    options: WatermarkOptions,
}

impl<S> WithOptions<S> {
    /// `strategy` with the default options, to be changed; what its own `options` say does not count.
    pub fn of(strategy: S) -> Self {
        Self { strategy, options: WatermarkOptions::default() }
    }

    pub(super) fn strategy(&self) -> &S {
        &self.strategy
    }

    pub(super) fn options(&self) -> WatermarkOptions {
        self.options
    }

    /// A split is idle after this silence, and does not hold event time back then. Measured while the split is polled: a source that is
    /// held back by a full ring or by alignment does not become idle by it.
    #[must_use]
    pub fn idle_after(mut self, silence: Duration) -> Self {
        self.options.idle_after = Some(silence);
        self
    }

    /// A silent split holds event time back for ever.
    #[must_use]
    pub fn never_idle(mut self) -> Self {
        self.options.idle_after = None;
        self
    }

    /// What happens when all splits are idle.
    #[must_use]
    pub fn when_all_idle(mut self, all_idle: AllIdle) -> Self {
        self.options.all_idle = all_idle;
        self
    }

    /// A split whose watermark is more than `drift` ahead of the slowest split of this source, on any worker, is not polled until the others
    /// have caught up.
    ///
    /// So what windows and joins downstream have to keep for the fast splits is bounded: `drift`, and as many records as lie between two watermarks
    /// ([`super::WATERMARK_STRIDE`]) of each split. Splits that are idle, have ended, or wait for their turn hold nobody back. A split that is never idle and never
    /// has a record holds all others back: that is what both settings together ask for.
    #[must_use]
    pub fn aligned_within(mut self, drift: Duration) -> Self {
        self.options.aligned_within = Some(drift);
        self
    }

    /// The splits of this source are aligned with those of all other sources of the job that say the same `group`, as if they were splits of one: the
    /// two sides of a join, of which one may be read much faster than the other. Each source keeps its own drift, which it says by [`Self::aligned_within`].
    ///
    /// A source that is idle or has ended holds none of the others back. One that is never idle and never has a record does.
    #[must_use]
    pub fn aligned_with(mut self, group: &'static str) -> Self {
        self.options.aligned_with = Some(group);
        self
    }

    /// A record more than `jump` ahead of all before it in its split is taken to be wrong about the time: it goes on, but does not move the
    /// watermark, or one bad clock would make everything else late.
    ///
    /// Judged by the records of the split alone, so which they are does not depend on timing. The first record of a split is believed. So is a
    /// jump that [`super::JUMP_RECORDS`] records in a row agree on: after a long silence event time has to go on. To have such records in a
    /// stream of their own see `SourceStream::watermarks_and_far_future`.
    #[must_use]
    pub fn max_jump(mut self, jump: Duration) -> Self {
        self.options.max_jump = Some(jump);
        self
    }

    /// A record more than `lead` ahead of the clock is taken to be wrong about the time, as by [`Self::max_jump`]; for streams of what happens now.
    ///
    /// The clock is the decided one ([`super::ProcessingTime`]): which records it finds depends on when they came, is recorded, and is the same in a
    /// replay. The clock is not outvoted: however many records agree, none of them is believed before its time has come.
    #[must_use]
    pub fn max_ahead_of_clock(mut self, lead: Duration) -> Self {
        self.options.max_ahead_of_clock = Some(lead);
        self
    }
}

/// The methods of [`WithOptions`], on a strategy without options.
macro_rules! option_methods {
    ($name:ident $(< $param:ident >)?) => {
        impl $(<$param>)? $name $(<$param>)? {
            /// As [`WithOptions::idle_after`](super::WithOptions::idle_after).
            pub fn idle_after(self, silence: Duration) -> super::WithOptions<Self> {
                super::WithOptions::of(self).idle_after(silence)
            }

            /// As [`WithOptions::never_idle`](super::WithOptions::never_idle).
            pub fn never_idle(self) -> super::WithOptions<Self> {
                super::WithOptions::of(self).never_idle()
            }

            /// As [`WithOptions::when_all_idle`](super::WithOptions::when_all_idle).
            pub fn when_all_idle(self, all_idle: super::AllIdle) -> super::WithOptions<Self> {
                super::WithOptions::of(self).when_all_idle(all_idle)
            }

            /// As [`WithOptions::aligned_within`](super::WithOptions::aligned_within).
            pub fn aligned_within(self, drift: Duration) -> super::WithOptions<Self> {
                super::WithOptions::of(self).aligned_within(drift)
            }

            /// As [`WithOptions::max_jump`](super::WithOptions::max_jump).
            pub fn max_jump(self, jump: Duration) -> super::WithOptions<Self> {
                super::WithOptions::of(self).max_jump(jump)
            }

            /// As [`WithOptions::max_ahead_of_clock`](super::WithOptions::max_ahead_of_clock).
            pub fn max_ahead_of_clock(self, lead: Duration) -> super::WithOptions<Self> {
                super::WithOptions::of(self).max_ahead_of_clock(lead)
            }
        }
    };
}
pub(super) use option_methods;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Durations as _, Monotonic, OnlyAtEnd, WatermarkStrategy};

    #[test]
    fn each_option_is_set_without_touching_the_rest() {
        let default = WatermarkOptions::default();
        assert_eq!(WatermarkStrategy::<u64>::options(&Monotonic), default);
        let held = Monotonic.when_all_idle(AllIdle::Hold).idle_after(3.secs());
        let options = WatermarkStrategy::<u64>::options(&held);
        let (idle_after, all_idle) = (Some(3.secs()), AllIdle::Hold);
        assert_eq!(options, WatermarkOptions { idle_after, all_idle, ..default });
        let aligned = held.aligned_within(1.secs()).never_idle().max_jump(2.secs());
        assert_eq!(WatermarkStrategy::<u64>::options(&aligned).aligned_with, None);
        let grouped = aligned.aligned_with("orders");
        assert_eq!(WatermarkStrategy::<u64>::options(&grouped).aligned_with, Some("orders"));
        let options = WatermarkStrategy::<u64>::options(&aligned);
        assert_eq!((options.idle_after, options.all_idle), (None, AllIdle::Hold));
        assert_eq!((options.aligned_within, options.max_jump), (Some(1.secs()), Some(2.secs())));
        assert_eq!(WatermarkStrategy::<u64>::options(&OnlyAtEnd).idle_after, None);
    }
}
