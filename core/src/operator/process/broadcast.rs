//! `KeyedStream::connect_broadcast(...).process(...)`: a keyed stream, and rules that every worker has.

use std::rc::Rc;

use super::FIRST_SLICE;
use super::shared::Keyed;
use super::side::show;
use super::traits::KeyedBroadcastProcess;
use super::visit::Visiting;
use crate::checkpoint::{Freezing, Resuming};
use crate::error::OperatorFault;
use crate::exchange::{KeySelector, Records};
use crate::operator::output::AnyOutput;
use crate::operator::{Input, Operator, Progress};
use crate::record::{Key, KeyRef, KeyScratch, Record};
use crate::state::{Map, Prefetch, Scope, StateBuilder, StateField, Tables};
use crate::time::{EventTime, ProcessingTime};

/// Broadcast state: a map that each worker has, all of it.
#[derive(Debug)]
pub struct BroadcastMap<K: Key, V: Record> {
    /// The map of the one, empty, key of a scope of its own.
    map: Map<K, V>,
}

impl<K: Key, V: Record> BroadcastMap<K, V> {
    pub(crate) fn new(tables: &mut dyn Tables) -> Self {
        let scope = Rc::new(Scope::default());
        let map = Map::declare(&mut StateBuilder::new(tables, &scope), "broadcast", None);
        Self { map }
    }

    /// The value of `key`, read in place.
    pub fn get(&mut self, key: impl KeyRef<Key = K>) -> Option<V::View<'_>> {
        self.map.get(key)
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: impl KeyRef<Key = K>, value: V) {
        self.map.insert(key, value);
    }

    /// Changes the value of `key`, which is `default()` if there is none.
    pub fn update_or<R>(
        &mut self,
        key: impl KeyRef<Key = K>,
        default: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> R {
        self.map.update_or(key, default, change)
    }

    /// Removes the value of `key`; true if there was one.
    pub fn remove(&mut self, key: impl KeyRef<Key = K>) -> bool {
        self.map.remove(key)
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.map.clear();
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// All entries; see [`Map::iter`] for the order.
    pub fn iter(&self) -> impl Iterator<Item = (K, V::View<'_>)> {
        self.map.iter()
    }
}

/// Broadcast state as the keyed side sees it: to be read.
#[derive(Debug)]
pub struct Rules<'a, K: Key, V: Record>(&'a mut BroadcastMap<K, V>);

impl<K: Key, V: Record> Rules<'_, K, V> {
    /// The value of `key`, read in place.
    pub fn get(&mut self, key: impl KeyRef<Key = K>) -> Option<V::View<'_>> {
        self.0.get(key)
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entries; see [`Map::iter`] for the order. Cost: two look-ups each.
    pub fn iter(&self) -> impl Iterator<Item = (K, V::View<'_>)> {
        self.0.iter()
    }
}

/// Keys that are looked up together, so that their cache misses overlap.
const KEYS_AHEAD: usize = 16;

/// The parts of a [`KeyedBroadcastProcess`].
pub(crate) type KeyedOf<P> = Keyed<
    <P as KeyedBroadcastProcess>::Key,
    <P as KeyedBroadcastProcess>::State,
    <P as KeyedBroadcastProcess>::Timer,
    <P as KeyedBroadcastProcess>::Out,
    <P as KeyedBroadcastProcess>::Side,
>;

/// Made by `BroadcastConnected::process`.
pub(crate) struct BroadcastProcessor<P: KeyedBroadcastProcess, S> {
    process: P,
    selector: Rc<S>,
    keyed: KeyedOf<P>,
    rules: BroadcastMap<P::RuleKey, P::Rule>,
    key: KeyScratch,
    visiting: Option<Visiting<P::Broadcast, P::State>>,
}

impl<P: KeyedBroadcastProcess, S> BroadcastProcessor<P, S> {
    pub(crate) fn new(
        process: P,
        selector: Rc<S>,
        keyed: KeyedOf<P>,
        rules: BroadcastMap<P::RuleKey, P::Rule>,
    ) -> Self {
        Self { process, selector, keyed, rules, key: KeyScratch::new(), visiting: None }
    }

    /// Goes on with the visit that is under way, about `limit` keys of it.
    fn visit(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        let Self { process, keyed, rules, visiting: Some(visiting), .. } = self else {
            return Ok(Progress::Done);
        };
        if !visiting.copy(keyed.state(), limit) {
            return Ok(Progress::More);
        }
        for _ in 0..limit.div_ceil(KEYS_AHEAD) {
            let (_, keys) = visiting.parts();
            keys.hashes(KEYS_AHEAD).for_each(|hash| keyed.bucket(hash));
            keys.hashes(KEYS_AHEAD).for_each(|hash| {
                keyed.entry(hash);
            });
            for _ in 0..KEYS_AHEAD {
                let at = visiting.at;
                let (_, keys) = visiting.parts();
                if keys.next(|hash, key| keyed.go_to(hash, key, at)).is_none() {
                    self.visiting = None;
                    return Ok(Progress::Done);
                }
                if visiting.is_there(keyed.state()) {
                    let (record, _) = visiting.parts();
                    process.on_visit(&mut keyed.at_key(), &mut Rules(rules), record)?;
                }
            }
        }
        Ok(Progress::More)
    }

    fn fire(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        let Self { process, keyed, rules, .. } = self;
        keyed.fire(limit, |cx, timer, at| process.on_timer(cx, &mut Rules(rules), timer, at))
    }
}

impl<P: KeyedBroadcastProcess, S: 'static> Operator for BroadcastProcessor<P, S> {
    fn watermark(&mut self, at: EventTime) -> Result<Progress, OperatorFault> {
        self.keyed.advance(at);
        self.fire(FIRST_SLICE)
    }

    fn slice(&mut self, limit: usize) -> Result<Progress, OperatorFault> {
        // One of the two is under way, and nothing is read meanwhile.
        if self.visiting.is_some() { self.visit(limit) } else { self.fire(limit) }
    }

    fn has_more(&self) -> bool {
        self.visiting.is_some()
    }

    fn clock(&mut self, now: ProcessingTime) {
        self.keyed.clock(now);
    }

    fn alarm(&self) -> Option<ProcessingTime> {
        self.keyed.alarm()
    }

    fn on_alarm(&mut self, limit: usize) -> Result<(), OperatorFault> {
        let Self { process, keyed, rules, .. } = self;
        keyed.fire_by_clock(limit, |cx, timer, at| {
            process.on_processing_timer(cx, &mut Rules(rules), timer, at)
        })
    }

    fn freeze(&mut self, into: &mut Freezing<'_>) -> Result<Progress, OperatorFault> {
        self.keyed.freeze(into);
        self.rules.map.freeze(into);
        Ok(Progress::Done)
    }

    fn resume(&mut self, from: &Resuming<'_>) -> Result<(), OperatorFault> {
        self.keyed.resume(from.watermark());
        Ok(())
    }

    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        show(&mut self.keyed.out, &mut self.keyed.side, each);
    }
}

impl<P, S> Input<P::In, 0> for BroadcastProcessor<P, S>
where
    P: KeyedBroadcastProcess,
    S: KeySelector<P::In>,
{
    fn records(&mut self, run: Records<'_, P::In>) -> Result<(), OperatorFault> {
        let Self { process, selector, keyed, rules, key, .. } = self;
        keyed.each_record(run, &**selector, key, |cx, record| {
            process.on_event(cx, &mut Rules(rules), record)
        })
    }
}

impl<P: KeyedBroadcastProcess, S: 'static> Input<P::Broadcast, 1> for BroadcastProcessor<P, S> {
    /// Each may have all keys visited before the next one is looked at.
    const MOST: usize = 1;

    fn records(&mut self, run: Records<'_, P::Broadcast>) -> Result<(), OperatorFault> {
        for (record, at) in run.iter() {
            self.process.on_broadcast(&mut self.rules, record)?;
            self.visiting = Visiting::new(&self.process.visits(record), record, at);
            self.visit(FIRST_SLICE)?;
        }
        Ok(())
    }
}
