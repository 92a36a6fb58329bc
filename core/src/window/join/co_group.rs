//! Co-group: the records of two streams with equal key in the same window, shown together when the window ends.
//!
//! The operator is the general one ([`crate::window::operator`]) with two inputs and two lists a key and window; so it works over any window,
//! sessions included: a record of either side makes a session longer or joins two.
//!
//! # Invariants
//!
//! 1. A window is shown when it ends, if at least one side has a record, and again with each record that comes late, within what is allowed; each list is in
//!    the order in which its records came.
//! 2. A record is late if all its windows have closed.

use std::rc::Rc;

use super::JoinOutputs;
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::output::{AnyOutput, Output};
use crate::operator::{Input, Operator, Progress};
use crate::raw::view::Rec;
use crate::record::{KeyScratch, Record};
use crate::state::TimedLists;
use crate::time::{EventTime, ProcessingTime};
use crate::window::operator::{Panes, Windows};
use crate::window::pane::{Body, Firing, Site};
use crate::window::process::{Element, WindowContext};
use crate::window::result::Fired;
use crate::window::separate::{address, address_hash};
use crate::window::{AtWatermark, Lateness, Processed, TimeWindow, WindowAssigner};

/// Makes results of the two lists of a window.
pub(crate) trait FinishLists<A: Record, B: Record>: 'static {
    /// What goes out.
    type Out: Record;
    /// Emits what follows from one window of one key.
    fn finish(
        &mut self,
        fired: &Fired<'_>,
        left: &[Element<'_, A>],
        right: &[Element<'_, B>],
        out: &mut Output<Self::Out>,
    );
}

impl<A, B, K, U, F> FinishLists<A, B> for Processed<K, U, F>
where
    A: Record,
    B: Record,
    K: crate::record::Key,
    U: Record,
    F: FnMut(&mut WindowContext<'_, K, U>, &[Element<'_, A>], &[Element<'_, B>]) + 'static,
{
    type Out = U;

    fn finish(
        &mut self,
        fired: &Fired<'_>,
        left: &[Element<'_, A>],
        right: &[Element<'_, B>],
        out: &mut Output<U>,
    ) {
        (self.function)(&mut WindowContext::new(fired, out), left, right);
    }
}

/// The two lists of each key and window.
pub(crate) struct CoBuffered<A: Record, B: Record, F> {
    left: TimedLists<A>,
    right: TimedLists<B>,
    function: F,
    address: KeyScratch,
}

impl<A: Record, B: Record, F> CoBuffered<A, B, F> {
    pub(crate) fn new(left: TimedLists<A>, right: TimedLists<B>, function: F) -> Self {
        Self { left, right, function, address: KeyScratch::default() }
    }

    fn add_left(&mut self, site: &Site<'_>, record: &Rec<A>, at: EventTime) {
        let hash = address_hash(site.hash, site.home);
        self.left.append(hash, address(&mut self.address, site.home, site.key), record, at);
    }

    fn add_right(&mut self, site: &Site<'_>, record: &Rec<B>, at: EventTime) {
        let hash = address_hash(site.hash, site.home);
        self.right.append(hash, address(&mut self.address, site.home, site.key), record, at);
    }
}

impl<A, B, F> Body for CoBuffered<A, B, F>
where
    A: Record,
    B: Record,
    F: FinishLists<A, B>,
{
    /// There are records.
    type Value = bool;
    type Out = F::Out;

    fn merge(&mut self, into: &mut Option<bool>, site: &Site<'_>, _: bool, home: TimeWindow) {
        let mut other = KeyScratch::default();
        let source = (address_hash(site.hash, home), address(&mut other, home, site.key));
        let hash = address_hash(site.hash, site.home);
        let target = (hash, address(&mut self.address, site.home, site.key));
        self.left.move_list(source, target);
        self.right.move_list(source, target);
        *into = Some(true);
    }

    fn fire(
        &mut self,
        _: &mut Option<bool>,
        fired: &Fired<'_>,
        site: &Site<'_>,
        _: bool,
        out: &mut Output<F::Out>,
    ) {
        let hash = address_hash(site.hash, site.home);
        let name = address(&mut self.address, site.home, site.key);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        self.left.for_each(hash, name, |record, at| left.push(Element { record, at }));
        self.right.for_each(hash, name, |record, at| right.push(Element { record, at }));
        self.function.finish(fired, &left, &right, out);
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.left);
        into.state(&mut self.right);
    }

    fn purge(&mut self, site: &Site<'_>) {
        let hash = address_hash(site.hash, site.home);
        let name = address(&mut self.address, site.home, site.key);
        self.left.remove(hash, name);
        self.right.remove(hash, name);
    }
}

/// The windows of a co-group.
type CoWindows<A, B, W, F, P> = Windows<A, W, AtWatermark, CoBuffered<A, B, F>, P>;

/// Made by `JoinedStreams::co_group` and its like.
pub(crate) struct CoGroup<A: Record, B: Record, SA, SB, W, F, P>
where
    F: FinishLists<A, B>,
{
    selectors: (Rc<SA>, Rc<SB>),
    windows: CoWindows<A, B, W, F, P>,
    late_left: Output<A>,
    late_right: Output<B>,
    key: KeyScratch,
}

impl<A, B, SA, SB, W, F, P> CoGroup<A, B, SA, SB, W, F, P>
where
    A: Record,
    B: Record,
    W: WindowAssigner<A>,
    F: FinishLists<A, B>,
    P: Panes<A, AtWatermark, CoBuffered<A, B, F>>,
{
    pub(crate) fn new(
        selectors: (Rc<SA>, Rc<SB>),
        (window, panes): (W, P),
        body: CoBuffered<A, B, F>,
        lateness: Lateness,
        outputs: JoinOutputs<A, B, F::Out>,
    ) -> Self {
        let JoinOutputs { pairs, late_left, late_right } = outputs;
        let firing = Firing::new(AtWatermark, body, lateness, pairs);
        let windows = Windows::new(window, panes, firing);
        Self { selectors, windows, late_left, late_right, key: KeyScratch::default() }
    }
}

impl<A, B, SA, SB, W, F, P> Operator for CoGroup<A, B, SA, SB, W, F, P>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    W: WindowAssigner<A> + WindowAssigner<B>,
    F: FinishLists<A, B>,
    P: Panes<A, AtWatermark, CoBuffered<A, B, F>>,
{
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        Ok(self.windows.advance::<A>(at))
    }

    fn clock(&mut self, now: ProcessingTime) {
        self.windows.clock(now);
    }

    fn alarm(&self) -> Option<ProcessingTime> {
        self.windows.alarm::<A>()
    }

    fn on_alarm(&mut self, limit: usize) -> Result<(), OperatorFault> {
        self.windows.on_alarm::<A>(limit.max(1));
        Ok(())
    }

    fn slice(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        Ok(self.windows.fire(limit.max(1)))
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        self.windows.freeze(into);
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.windows.resume::<A>(from.watermark());
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.windows.firing.out);
        each(&mut self.late_left);
        each(&mut self.late_right);
    }

    fn late(&self) -> u64 {
        self.late_left.records() + self.late_right.records()
    }
}

impl<A, B, SA, SB, W, F, P> Input<A, 0> for CoGroup<A, B, SA, SB, W, F, P>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    W: WindowAssigner<A> + WindowAssigner<B>,
    F: FinishLists<A, B>,
    P: Panes<A, AtWatermark, CoBuffered<A, B, F>>,
{
    fn records(&mut self, run: Records<'_, A>) -> Result<(), OperatorFault> {
        let Self { selectors, windows, late_left, key, .. } = self;
        let key = (&*selectors.0, key);
        windows.records(run, key, late_left, |firing, pane, site, (record, at)| {
            firing.body.add_left(site, record, at);
            pane.value = Some(true);
            firing.tell(pane, site, record, at);
        })
    }
}

impl<A, B, SA, SB, W, F, P> Input<B, 1> for CoGroup<A, B, SA, SB, W, F, P>
where
    A: Record,
    B: Record,
    SA: KeySelector<A>,
    SB: KeySelector<B>,
    W: WindowAssigner<A> + WindowAssigner<B>,
    F: FinishLists<A, B>,
    P: Panes<A, AtWatermark, CoBuffered<A, B, F>>,
{
    fn records(&mut self, run: Records<'_, B>) -> Result<(), OperatorFault> {
        let Self { selectors, windows, late_right, key, .. } = self;
        let key = (&*selectors.1, key);
        windows.records(run, key, late_right, |firing, pane, site, (record, at)| {
            firing.body.add_right(site, record, at);
            pane.value = Some(true);
            firing.tell(pane, site, record, at);
        })
    }
}
