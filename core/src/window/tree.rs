//! Slices and what is merged from them: a tree of panes, so that a window of `n` slices is put together from O(log n) panes.
//!
//! Level 0 holds the slices; pane `j` of level `l` holds slices `j << l` to `((j + 1) << l) - 1` merged, key by key. Panes above level 0 are
//! made when a window is first put together from them, of closed slices only, and serve all windows that follow: each slice is merged about
//! twice on the way up, whatever the number of windows it is in. A window is the usual decomposition of a range into aligned blocks.
//!
//! # Invariants
//!
//! 1. A pane above level 0 that is there is complete: it holds what its slices hold, late records included.
//! 2. Panes are merged in the order of time, so an aggregation that is only associative gives what it should.
//!
//! All of it is in the store: the slices as they are, and the levels above can be made again from them.
//!
//! # Source
//!
//! Li et al., "No pane, no gain", SIGMOD Record 34(1), 2005; Tangwongsan et al., "General incremental sliding-window aggregation",
//! PVLDB 8(7), 2015 (FlatFAT; here by key and in panes, and built on demand).

use crate::checkpoint::Freezing;
use crate::record::{KeyHash, Record};
use crate::state::{Cursor, Entry, Prefetch, Slice, SlicePanes};

/// A pane: its level, and its number there.
type Node = (u32, i64);

/// How far putting a window together has come.
#[derive(Debug, Default)]
struct Plan {
    /// Panes that the window is put together from, in the order of time.
    nodes: Vec<Node>,
    /// Panes to be made first, children before parents.
    builds: Vec<Node>,
    /// How many of `builds` are done, whether the first child of the next is, and how far its other one.
    built: usize,
    is_second: bool,
    /// Of which node keys are being shown.
    node: usize,
    cursor: Cursor,
}

/// Keys that are looked up at a time, so that their cache misses overlap.
const GROUP: usize = 16;

/// The next keys of a pane.
struct Group<'a, A: Record> {
    entries: [Option<Entry<'a, A>>; GROUP],
    len: usize,
}

impl<'a, A: Record> Group<'a, A> {
    /// Up to `most` keys, and the cursor moves behind them; `None` if there is none.
    fn of(pane: &Slice<'a, A>, cursor: &mut Cursor, most: usize) -> Option<Self> {
        let mut group = Self { entries: [None; GROUP], len: 0 };
        while group.len < GROUP.min(most) {
            let Some(entry) = pane.next(cursor) else { break };
            group.entries[group.len] = Some(entry);
            group.len += 1;
        }
        (group.len > 0).then_some(group)
    }

    fn iter(&self) -> impl Iterator<Item = Entry<'a, A>> {
        self.entries[..self.len].iter().flatten().copied()
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct PaneTree<A: Record> {
    levels: Vec<SlicePanes<A>>,
    plan: Plan,
}

/// Levels above the slices that windows of at most `slices` slices can use.
///
/// Few slices are merged one by one: with up to four, panes of two would save one merge a firing and cost one.
pub(crate) fn levels_above(slices: i64) -> u32 {
    if slices <= 4 { 0 } else { slices.ilog2() }
}

impl<A: Record> PaneTree<A> {
    /// A tree over `levels`, the slices first.
    pub(crate) fn new(levels: Vec<SlicePanes<A>>) -> Self {
        assert!(!levels.is_empty(), "invariant: there are slices");
        Self { levels, plan: Plan::default() }
    }

    /// Shows every level. No window is being put together.
    pub(crate) fn freeze(&mut self, into: &mut Freezing<'_>) {
        self.levels.iter_mut().for_each(|level| into.state(level));
    }

    /// The slices.
    #[inline]
    pub(crate) fn slices(&self) -> &SlicePanes<A> {
        &self.levels[0]
    }

    /// The slices, to be updated; only those that have not been closed.
    #[inline]
    pub(crate) fn slices_mut(&mut self) -> &mut SlicePanes<A> {
        &mut self.levels[0]
    }

    /// Changes the accumulator of `key` in a slice that may be closed, and in the panes made from it.
    pub(crate) fn update_late(
        &mut self,
        slice: i64,
        (hash, key): (KeyHash, &[u8]),
        create: impl Fn() -> A,
        change: impl Fn(&mut A),
    ) {
        for (level, panes) in self.levels.iter_mut().enumerate() {
            if level == 0 || panes.contains(slice >> level) {
                panes.update(slice >> level, hash, key, &create, &change);
            }
        }
    }

    /// The first slice from `slice` on that has records.
    pub(crate) fn first_from(&self, slice: i64) -> Option<i64> {
        self.levels[0].first_from(slice)
    }

    /// Whether a slice of `node` has records.
    fn has_records(&self, (level, number): Node) -> bool {
        let first = number << level;
        self.first_from(first).is_some_and(|slice| slice - first < 1 << level)
    }

    /// The aligned blocks of slices `first` to `last`, in order.
    fn blocks(&self, first: i64, last: i64) -> impl Iterator<Item = Node> + use<A> {
        let top = u32::try_from(self.levels.len() - 1).expect("invariant: at most 63 levels");
        let (mut from, end) = (first, last.saturating_add(1));
        std::iter::from_fn(move || {
            let left = u64::try_from(end.checked_sub(from)?).ok().filter(|left| *left > 0)?;
            let level = from.trailing_zeros().min(left.ilog2()).min(top);
            let node = (level, from >> level);
            from += 1 << level;
            Some(node)
        })
    }

    /// Begins to put the window of slices `first` to `last` together; all of them are closed.
    pub(crate) fn begin(&mut self, first: i64, last: i64) {
        let mut plan = std::mem::take(&mut self.plan);
        plan.nodes.clear();
        plan.builds.clear();
        for node in self.blocks(first, last) {
            if self.has_records(node) {
                self.plan_build(node, &mut plan.builds);
                plan.nodes.push(node);
            }
        }
        (plan.built, plan.is_second, plan.node, plan.cursor) = (0, false, 0, Cursor::default());
        self.plan = plan;
    }

    /// Adds what has to be made for `node` to be there.
    fn plan_build(&self, node: Node, builds: &mut Vec<Node>) {
        let (level, number) = node;
        if level == 0 || self.levels[level as usize].contains(number) || !self.has_records(node) {
            return;
        }
        self.plan_build((level - 1, 2 * number), builds);
        self.plan_build((level - 1, 2 * number + 1), builds);
        builds.push(node);
    }

    /// Makes what the window needs, about `limit` merges of it; true if it is all there.
    pub(crate) fn build(
        &mut self,
        limit: &mut usize,
        create: impl Fn() -> A,
        merge: impl Fn(&mut A, A),
    ) -> bool {
        while let Some(&(level, number)) = self.plan.builds.get(self.plan.built) {
            let (below, above) = self.levels.split_at_mut(level as usize);
            let (children, parents) = (&below[level as usize - 1], &mut above[0]);
            let child = 2 * number + i64::from(self.plan.is_second);
            if let Some(child) = children.pane(child) {
                // The first update makes the pane; what is asked for before it comes to nothing.
                while let Some(group) = Group::of(&child, &mut self.plan.cursor, *limit) {
                    group.iter().for_each(|(hash, ..)| parents.bucket((number, hash)));
                    for (hash, ..) in group.iter() {
                        let _ = parents.entry((number, hash));
                    }
                    for (hash, key, value) in group.iter() {
                        let add = |into: &mut A| merge(into, value.to_value());
                        parents.update(number, hash, key, &create, add);
                    }
                    *limit -= group.len;
                    if *limit == 0 {
                        return false;
                    }
                }
            }
            self.plan.cursor = Cursor::default();
            self.plan.built += usize::from(self.plan.is_second);
            self.plan.is_second = !self.plan.is_second;
        }
        true
    }

    /// Shows each key of the window with its accumulators merged, about `limit` keys; true if it was the last.
    ///
    /// Keys come in the order in which they first came into the oldest pane that has them.
    pub(crate) fn show(
        &mut self,
        limit: &mut usize,
        merge: impl Fn(&mut A, A),
        mut each: impl FnMut(KeyHash, &[u8], A),
    ) -> bool {
        let Self { levels, plan } = self;
        let panes = plan.nodes.iter().map(|(level, number)| levels[*level as usize].pane(*number));
        let panes: Vec<Slice<'_, A>> =
            panes.map(|pane| pane.expect("invariant: what is planned is built")).collect();
        while let Some(pane) = panes.get(plan.node) {
            let (older, newer) = (&panes[..plan.node], &panes[plan.node + 1..]);
            while let Some(group) = Group::of(pane, &mut plan.cursor, *limit) {
                for pane in older.iter().chain(newer) {
                    group.iter().for_each(|(hash, ..)| pane.prefetch_bucket(hash));
                }
                for pane in older.iter().chain(newer) {
                    group.iter().for_each(|(hash, ..)| pane.prefetch_entry(hash));
                }
                for (hash, key, value) in group.iter() {
                    // The longest panes are in the middle, so most keys are found by the first look.
                    if older.iter().rev().any(|pane| pane.get(hash, key).is_some()) {
                        continue;
                    }
                    let mut value = value.to_value();
                    for other in newer.iter().filter_map(|pane| pane.get(hash, key)) {
                        merge(&mut value, other.to_value());
                    }
                    each(hash, key, value);
                }
                *limit = limit.saturating_sub(group.len * (1 + panes.len() / 8));
                if *limit == 0 {
                    return false;
                }
            }
            plan.cursor = Cursor::default();
            plan.node += 1;
        }
        true
    }

    /// Shows the accumulators of one key in slices `first` to `last`, in the order of time, from the fewest panes that are there.
    pub(crate) fn show_key(
        &self,
        (first, last): (i64, i64),
        (hash, key): (KeyHash, &[u8]),
        each: &mut impl FnMut(A),
    ) {
        for node in self.blocks(first, last) {
            self.show_key_of(node, (hash, key), each);
        }
    }

    fn show_key_of(&self, node: Node, (hash, key): (KeyHash, &[u8]), each: &mut impl FnMut(A)) {
        let (level, number) = node;
        let pane = self.levels[level as usize].pane(number);
        if level == 0 || pane.is_some() {
            if let Some(value) = pane.and_then(|pane| pane.get(hash, key)) {
                each(value.to_value());
            }
        } else if self.has_records(node) {
            self.show_key_of((level - 1, 2 * number), (hash, key), each);
            self.show_key_of((level - 1, 2 * number + 1), (hash, key), each);
        }
    }

    /// Forgets the slices below `slice`, and the panes that begin with one of them.
    pub(crate) fn drop_below(&mut self, slice: i64) {
        for (level, panes) in self.levels.iter_mut().enumerate() {
            let in_last = (1_i64 << level) - 1;
            panes.drop_below(slice.saturating_add(in_last) >> level);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use thalweg_storage::{Store, TableConfig, TableName};

    use super::*;

    fn tree(levels: usize) -> PaneTree<Vec<i64>> {
        let mut store = Store::default();
        let level = |level: usize| {
            let name = TableName::new("tree", format!("level {level}"));
            SlicePanes::new(store.panes(name, TableConfig::default()).unwrap())
        };
        PaneTree::new((0..levels).map(level).collect())
    }

    fn window(tree: &mut PaneTree<Vec<i64>>, first: i64, last: i64) -> BTreeMap<u8, Vec<i64>> {
        tree.begin(first, last);
        let merge = |into: &mut Vec<i64>, later: Vec<i64>| into.extend(later);
        while !tree.build(&mut 2, Vec::new, merge) {}
        let mut found = BTreeMap::new();
        while !tree.show(&mut 3, merge, |_, key, value| {
            assert!(found.insert(key[0], value).is_none(), "each key is shown once");
        }) {}
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

        #[test]
        fn a_window_is_its_slices_in_the_order_of_time_also_after_late_records(
            records in vec((-40..40i64, 0..5u8), 0..200),
            late in vec((-40..40i64, 0..5u8), 0..30),
            windows in vec((-45..45i64, 0..60i64), 1..12),
            levels in 1..6usize,
        ) {
            let mut tree = tree(levels);
            let mut model: BTreeMap<(i64, u8), Vec<i64>> = BTreeMap::new();
            let mut windows = windows;
            windows.sort_unstable();
            let mut late = late.into_iter();
            let hash = |key: u8| KeyHash(u64::from(key) * 0x9e37_79b9);
            for (number, (slice, key)) in (0..).zip(records) {
                let add = |list: &mut Vec<i64>| list.push(number);
                tree.slices_mut().update(slice, hash(key), &[key], Vec::new, add);
                model.entry((slice, key)).or_default().push(number);
            }
            for (first, slices) in windows {
                tree.drop_below(first);
                let last = first + slices;
                let mut expected: BTreeMap<u8, Vec<i64>> = BTreeMap::new();
                for (&(_, key), numbers) in model.range((first, 0)..(last + 1, 0)) {
                    expected.entry(key).or_default().extend(numbers);
                }
                for key in 0..5 {
                    let mut found = Vec::new();
                    tree.show_key((first, last), (hash(key), &[key]), &mut |value| found.extend(value));
                    prop_assert_eq!(Some(found), expected.get(&key).cloned().or(Some(vec![])));
                }
                prop_assert_eq!(window(&mut tree, first, last), expected);
                // A late record may make the order within a pane another one; here it is one of a key of its own.
                if let Some((slice, key)) = late.next().filter(|(slice, _)| *slice >= first) {
                    let key = key + 100;
                    tree.update_late(
                        slice, (hash(key), &[key]), Vec::new, |list| list.push(-1),
                    );
                    model.entry((slice, key)).or_default().push(-1);
                }
            }
        }
    }
}
