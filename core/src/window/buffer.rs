//! Panes that hold all records: one list a key and window.

use super::TimeWindow;
use super::evictor::Evictor;
use super::pane::{Add, Body, Site};
use super::process::{Element, FinishList};
use super::result::Fired;
use super::separate::{address, address_hash};
use crate::checkpoint::Freezing;
use crate::operator::output::Output;
use crate::raw::view::Rec;
use crate::record::{KeyScratch, Record};
use crate::state::TimedLists;
use crate::time::EventTime;

/// The records of windows, an evictor, and the function that sees what is left.
pub(crate) struct Buffered<T: Record, E, F> {
    lists: TimedLists<T>,
    evictor: E,
    function: F,
    address: KeyScratch,
    keep: Vec<bool>,
}

impl<T: Record, E, F> Buffered<T, E, F> {
    pub(crate) fn new(lists: TimedLists<T>, evictor: E, function: F) -> Self {
        Self { lists, evictor, function, address: KeyScratch::default(), keep: Vec::new() }
    }
}

/// Asks `evictor` about `elements`; what is left of them, and whether something goes.
fn evict<T: Record>(
    evictor: &mut impl Evictor<T>,
    elements: &[Element<'_, T>],
    window: TimeWindow,
    keep: &mut Vec<bool>,
) -> bool {
    keep.clear();
    keep.resize(elements.len(), true);
    evictor.evict(elements, window, keep);
    keep.contains(&false)
}

impl<T, E, F> Body for Buffered<T, E, F>
where
    T: Record,
    E: Evictor<T>,
    F: FinishList<T>,
{
    /// Records in the list.
    type Value = u64;
    type Out = F::Out;

    fn merge(&mut self, into: &mut Option<u64>, site: &Site<'_>, from: u64, home: TimeWindow) {
        let mut other = KeyScratch::default();
        let source = (address_hash(site.hash, home), address(&mut other, home, site.key));
        let hash = address_hash(site.hash, site.home);
        let target = (hash, address(&mut self.address, site.home, site.key));
        self.lists.move_list(source, target);
        *into = Some(into.unwrap_or(0) + from);
    }

    fn fire(
        &mut self,
        value: &mut Option<u64>,
        fired: &Fired<'_>,
        site: &Site<'_>,
        keep: bool,
        out: &mut Output<F::Out>,
    ) {
        let Self { lists, evictor, function, keep: flags, .. } = self;
        let hash = address_hash(site.hash, site.home);
        let name = address(&mut self.address, site.home, site.key);
        let mut elements = Vec::with_capacity(lists.count(hash, name));
        lists.for_each(hash, name, |record, at| elements.push(Element { record, at }));
        let mut evicts = false;
        if !evictor.is_after() && evict(evictor, &elements, fired.window, flags) {
            evicts = true;
            let mut flag = flags.iter();
            elements.retain(|_| flag.next().copied().unwrap_or(true));
        }
        function.finish(fired, &elements, out);
        if evictor.is_after() {
            evicts = evict(evictor, &elements, fired.window, flags);
        }
        if keep && evicts {
            lists.retain(hash, name, flags);
            let left = flags.iter().filter(|keep| **keep).count() as u64;
            *value = (left > 0).then_some(left);
        }
    }

    fn purge(&mut self, site: &Site<'_>) {
        let hash = address_hash(site.hash, site.home);
        self.lists.remove(hash, address(&mut self.address, site.home, site.key));
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) {
        into.state(&mut self.lists);
        self.function.freeze(into);
    }

    fn forget_through(&mut self, end: EventTime) {
        self.function.forget_through(end);
    }
}

impl<T, E, F> Add<T> for Buffered<T, E, F>
where
    T: Record,
    E: Evictor<T>,
    F: FinishList<T>,
{
    fn add(&mut self, value: &mut Option<u64>, site: &Site<'_>, record: &Rec<T>, at: EventTime) {
        let hash = address_hash(site.hash, site.home);
        self.lists.append(hash, address(&mut self.address, site.home, site.key), record, at);
        *value = Some(value.unwrap_or(0) + 1);
    }
}
