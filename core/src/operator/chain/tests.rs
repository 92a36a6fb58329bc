//! Chains against iterators that do the same.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::operator::fallible::{Try, TryMap};
use crate::operator::filter::{Filter, Inspect};
use crate::operator::flat_map::{FilterMap, FlatMap, Out};
use crate::operator::map::Map;
use crate::raw::scratch::Scratch;
use crate::record::Str;

/// Keeps what leaves a chain.
struct Kept<T>(Vec<(T, EventTime)>);

impl<T: Record + Clone> Emit<T> for Kept<T> {
    fn record(&mut self, record: &Rec<T>, at: EventTime) {
        self.0.push((record.to_value(), at));
    }

    fn value(&mut self, value: &T, at: EventTime) {
        self.0.push((value.clone(), at));
    }
}

/// Pushes values with the times 0, 1, 2 and so on.
fn run<C: Chain>(chain: &mut C, values: &[C::In]) -> Vec<(C::Out, EventTime)>
where
    C::Out: Clone,
{
    let (mut kept, mut scratch) = (Kept(Vec::new()), Scratch::default());
    for (at, value) in (0..).zip(values) {
        chain.push(scratch.archive(value), EventTime::from_nanos(at), &mut kept);
    }
    kept.0
}

fn link<C: Chain, L: Link<C::Out>>(chain: C, link: L) -> Linked<C, L> {
    Linked::new(chain, link)
}

fn names(chain: &impl Chain) -> Vec<&'static str> {
    let mut names = Vec::new();
    chain.describe(&mut names);
    names
}

proptest! {
    #[test]
    fn a_fused_chain_gives_what_iterators_give(values in vec((any::<u32>(), "[a-c ]{0,40}"), 0..60)) {
        let values: Vec<(u32, Str)> = values.into_iter().map(|(n, s)| (n, s.into())).collect();
        let chain = link(Direct::<(u32, Str)>::default(), Filter::new(|r: &Rec<(u32, Str)>| r.0 % 3 != 0));
        let chain = link(chain, Map::new(|r: &Rec<(u32, Str)>| (r.0.to_native() / 2, Str::from(r.1.trim()))));
        let chain = link(chain, FlatMap::new(|r: &Rec<(u32, Str)>, out: &mut Out<'_, Str>| {
            r.1.split(' ').for_each(|word| out.emit(&word.into()));
        }));
        let mut chain = link(chain, FilterMap::new(|r: &Rec<Str>| (!r.is_empty()).then(|| r.len() as u64)));
        let expected: Vec<(u64, EventTime)> = (0..)
            .map(EventTime::from_nanos)
            .zip(&values)
            .filter(|(_, (number, _))| number % 3 != 0)
            .map(|(at, (number, text))| (at, (number / 2, text.trim())))
            .flat_map(|(at, (_, text))| text.split(' ').map(move |word| (word.len() as u64, at)))
            .filter(|(length, _)| *length > 0)
            .collect();
        prop_assert_eq!(run(&mut chain, &values), expected);
    }
}

#[test]
fn operators_are_described_in_the_order_in_which_records_pass_them() {
    let chain = link(Direct::<u64>::default(), Filter::new(|_: &Rec<u64>| true));
    let chain = link(chain, Map::new(|r: &Rec<u64>| r.to_native()));
    let chain = link(chain, Inspect::new(|_: &Rec<u64>, _: EventTime| {}));
    let chain =
        link(chain, Try::new(TryMap::new(|r: &Rec<u64>| Ok::<u64, OperatorFault>(r.to_native()))));
    let chain = link(chain, FlatMap::new(|_: &Rec<u64>, _: &mut Out<'_, u64>| {}));
    let chain = link(chain, FilterMap::new(|_: &Rec<u64>| None::<u64>));
    let expected = ["filter", "map", "inspect", "try_map", "flat_map", "filter_map"];
    assert_eq!(names(&chain), expected);
    assert!(names(&Direct::<u64>::default()).is_empty());
}

#[test]
fn after_an_error_nothing_leaves_and_it_is_reported_once() {
    let refuse = |r: &Rec<u64>| -> Result<u64, OperatorFault> {
        if r.to_native() == 2 { Err("two".into()) } else { Ok(r.to_native() * 10) }
    };
    let chain = link(Direct::<u64>::default(), Try::new(TryMap::new(refuse)));
    let mut chain = link(chain, Map::new(|r: &Rec<u64>| r.to_native() + 1));
    assert!(chain.fault().is_none());
    let left: Vec<u64> = run(&mut chain, &[0, 1, 2, 3, 2, 4]).into_iter().map(|(n, _)| n).collect();
    assert_eq!(left, [1, 11]);
    assert_eq!(chain.fault().unwrap().to_string(), "two");
    assert!(chain.fault().is_none());
}

#[test]
fn the_error_of_the_first_of_two_operators_comes_first() {
    let fail = |name: &'static str, at: u64| {
        Try::new(TryMap::new(move |r: &Rec<u64>| -> Result<u64, OperatorFault> {
            if r.to_native() == at { Err(name.into()) } else { Ok(r.to_native()) }
        }))
    };
    let mut chain = link(link(Direct::<u64>::default(), fail("first", 2)), fail("second", 1));
    run(&mut chain, &[0, 1, 2, 3]);
    assert_eq!(chain.fault().unwrap().to_string(), "first");
}

#[test]
fn inspect_sees_every_record_and_its_time() {
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let log = std::rc::Rc::clone(&seen);
    let look = move |r: &Rec<u64>, at: EventTime| log.borrow_mut().push((r.to_native(), at));
    let mut chain = link(Direct::<u64>::default(), Inspect::new(look));
    assert_eq!(run(&mut chain, &[5, 6]), *seen.borrow());
}
