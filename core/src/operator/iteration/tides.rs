//! What a head finds out by waves: how far event time may go in its loop, when it may leave, and when the loop has come to its end.
//!
//! No I/O and no records: what happened goes in, what is to be sent comes out. All heads of a loop whose body deals records between workers see the same waves come back,
//! so they come to the same conclusions in the same round.
//!
//! # Invariants
//!
//! 1. A head sends the wave of a round when that of the round before is back; so what was sent into the loop before that one is back too, and what of it went round again
//!    was sent between the two.
//! 2. A wave says the least of: what its head has sent since the wave before; what waits to be sent; how far its input is, unless that is idle or over. So when it is
//!    back of all, nothing is under way that is not later, as long as the body makes nothing that is older than its cause.
//! 3. Event time in the loop is raised to what a wave says, right before the next wave. It may leave when a wave of a later round than that one says that nothing older is
//!    under way; until it has left it is not raised again.
//! 4. The heads' end is due when all inputs are over and a round was quiet: without halted inputs, after event time has gone to [`LATEST`] and left.

use std::time::Duration;

use crate::raw::page::{Control, Signs, Wave};
use crate::time::EventTime;

/// The end of event time in a loop: what this brings about still goes round, which nothing does behind [`EventTime::MAX`].
pub(super) const LATEST: EventTime = EventTime::from_nanos(i64::MAX - 1);

/// How a head's input came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Ended,
    Halted,
}

/// What a head knows of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tidings {
    at: EventTime,
    is_idle: bool,
    over: Option<Over>,
}

/// What is to come of the last wave that is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// There is nothing to find out, until something happens here or elsewhere.
    Rest,
    /// Another round, at once.
    Round,
    /// Another round, after a while: an operator of the body holds something, and nobody knows for how long.
    Later,
    /// The end.
    End,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Tides {
    input: Tidings,
    /// What the last wave said.
    told: Option<Tidings>,
    /// Rounds that were sent, and that are back.
    sent: u64,
    back: u64,
    /// Event time in the loop.
    within: EventTime,
    /// The round in which it was raised, while it has not left.
    raised: Option<u64>,
    /// The next wave lets it leave.
    passes: bool,
    /// The least event time of what was sent since the last wave.
    least: Option<EventTime>,
    next: Next,
    said_idle: bool,
}

impl Tides {
    pub(super) fn new() -> Self {
        Self {
            input: Tidings { at: EventTime::MIN, is_idle: false, over: None },
            told: None,
            sent: 0,
            back: 0,
            within: EventTime::MIN,
            raised: None,
            passes: false,
            least: None,
            next: Next::Rest,
            said_idle: false,
        }
    }

    /// The input has come to an event time; its end is the [end](Self::end)'s.
    pub(super) fn advance(&mut self, at: EventTime) {
        self.input.at = at.min(LATEST);
    }

    /// The input is idle, or is so no more.
    pub(super) fn set_idle(&mut self, is_idle: bool) {
        self.input.is_idle = is_idle;
    }

    /// The input has come to its end.
    pub(super) fn end(&mut self, over: Over) {
        self.input.over = Some(over);
    }

    /// Records are sent into the loop, the oldest of this time. Gives what is to be sent before them.
    #[inline]
    pub(super) fn note(&mut self, at: EventTime) -> Option<Control> {
        self.least = Some(self.least.map_or(at, |least| least.min(at)));
        std::mem::take(&mut self.said_idle).then_some(Control::Active)
    }

    /// True if the end is due.
    pub(super) fn is_over(&self) -> bool {
        self.next == Next::End
    }

    /// True if another round is to be begun after a while.
    pub(super) fn wants_later(&self) -> bool {
        self.next == Next::Later && self.sent == self.back
    }

    /// The while is over.
    pub(super) fn hurry(&mut self) {
        if self.next == Next::Later {
            self.next = Next::Round;
        }
    }

    /// True if a wave is to be sent now; `called` is the latest round that another head has begun.
    pub(super) fn wants(&self, called: u64) -> bool {
        self.sent == self.back
            && self.next != Next::End
            && (self.next == Next::Round || called > self.sent || self.has_news())
    }

    /// Whether what has happened to the input since it was told may move something.
    fn has_news(&self) -> bool {
        if self.told == Some(self.input) {
            return false;
        }
        let Tidings { at, is_idle, over } = self.input;
        let told_idle = self.told.is_some_and(|told| told.is_idle);
        at > self.within || over.is_some() || is_idle != told_idle
    }

    /// The next wave. `waiting` is the least event time of what waits to be sent.
    pub(super) fn send(&mut self, waiting: Option<EventTime>) -> Wave {
        self.sent += 1;
        self.told = Some(self.input);
        self.next = Next::Rest;
        let Tidings { at, is_idle, over } = self.input;
        let sent = self.least.take();
        let oldest = [sent, waiting].into_iter().flatten().min();
        let under_way =
            oldest.map_or(EventTime::MAX, |at| at.saturating_sub(Duration::from_nanos(1)));
        let held_back = match over {
            Some(Over::Ended) => EventTime::MAX,
            Some(Over::Halted) => at,
            None if is_idle => EventTime::MAX,
            None => at,
        };
        let is_bound = over.is_none() && !is_idle;
        let signs = Signs::OVER.only_if(over.is_some())
            | Signs::WHOLE.only_if(over != Some(Over::Halted))
            | Signs::IDLE.only_if(!is_bound)
            | Signs::QUIET.only_if(oldest.is_none())
            | Signs::EAGER.only_if(!is_bound || at > self.within)
            | Signs::PASS.only_if(std::mem::take(&mut self.passes));
        Wave {
            least: under_way.min(held_back),
            far: if is_idle && over.is_none() { at } else { EventTime::MIN },
            signs,
        }
    }

    /// A wave is back, of all heads. Gives what is to be sent into the loop because of it.
    pub(super) fn back(&mut self, wave: Wave) -> Option<Control> {
        self.back += 1;
        debug_assert_eq!(self.back, self.sent, "invariant 1: one round at a time");
        let Wave { least, far, signs } = wave;
        let is_over = signs.has(Signs::OVER);
        let is_quiet = signs.has(Signs::QUIET);
        if is_over && is_quiet && !signs.has(Signs::WHOLE) {
            self.next = Next::End;
            return None;
        }
        if signs.has(Signs::PASS) {
            self.raised = None;
        }
        let all_idle = signs.has(Signs::IDLE) && !is_over;
        let bound = match () {
            () if is_over => least.min(LATEST),
            () if all_idle => least.min(far),
            () => least,
        };
        if let Some(raised) = self.raised {
            if bound < self.within {
                self.next = if is_quiet { Next::Later } else { Next::Round };
            } else {
                self.passes = self.back > raised;
                self.next = Next::Round;
            }
            return None;
        }
        if bound > self.within {
            self.within = bound;
            self.raised = Some(self.sent + 1);
            self.next = Next::Round;
            return Some(Control::Watermark(bound));
        }
        if is_over && is_quiet && bound == LATEST {
            self.next = Next::End;
            return None;
        }
        let may_gain = if all_idle { far > self.within } else { signs.has(Signs::EAGER) };
        self.next = match (may_gain, is_quiet) {
            (false, _) => Next::Rest,
            (true, false) => Next::Round,
            (true, true) => Next::Later,
        };
        let falls_idle = all_idle && is_quiet && !may_gain && !self.said_idle;
        self.said_idle |= falls_idle;
        falls_idle.then_some(Control::Idle)
    }
}

#[cfg(test)]
mod tests;
