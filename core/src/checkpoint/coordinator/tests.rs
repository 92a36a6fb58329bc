//! The coordinator by hand, and under events in any order.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const PACE: Pace = Pace { interval_ns: 100, timeout_ns: 50, retain: 2 };

struct Rig {
    coordinator: Coordinator,
    now_ns: u64,
}

impl Rig {
    fn new(workers: usize) -> Self {
        Self { coordinator: Coordinator::new(PACE, workers, [], 1, 0), now_ns: 0 }
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.coordinator.on(event, self.now_ns, &mut |action| actions.push(action));
        actions
    }

    fn at(&mut self, now_ns: u64, event: Event) -> Vec<Action> {
        self.now_ns = now_ns;
        self.on(event)
    }
}

fn acknowledged(worker: usize, epoch: u64) -> Event {
    Event::Acknowledged { worker, epoch }
}

#[test]
fn an_epoch_is_raised_gathered_published_and_committed() {
    let mut rig = Rig::new(2);
    assert_eq!(rig.at(99, Event::Tick), []);
    assert_eq!(rig.coordinator.next_ns(), 100);
    assert_eq!(rig.at(100, Event::Tick), [Action::Raise(1)]);
    assert_eq!(rig.coordinator.next_ns(), 150);
    assert_eq!(rig.at(110, acknowledged(1, 1)), []);
    assert_eq!(rig.on(acknowledged(1, 1)), [], "once is enough, and not twice");
    assert_eq!(rig.on(acknowledged(0, 1)), [Action::Publish(1)]);
    assert_eq!(rig.on(Event::Published { epoch: 1 }), [Action::Commit(1)]);
    assert_eq!(rig.on(Event::Published { epoch: 1 }), []);
    assert_eq!(rig.coordinator.next_ns(), 200, "the interval is from beginning to beginning");
}

#[test]
fn what_takes_too_long_is_given_up_and_means_nothing_when_it_comes_after_all() {
    let mut rig = Rig::new(1);
    assert_eq!(rig.at(100, Event::Tick), [Action::Raise(1)]);
    assert_eq!(rig.at(150, Event::Tick), [Action::Abort(1, Abort::TimeOut)]);
    assert_eq!(rig.on(acknowledged(0, 1)), []);
    assert_eq!(rig.at(200, Event::Tick), [Action::Raise(2)]);
    assert_eq!(rig.on(acknowledged(0, 1)), []);
    assert_eq!(rig.on(Event::Failed { epoch: 1 }), []);
    assert_eq!(rig.on(Event::Failed { epoch: 2 }), [Action::Abort(2, Abort::Fault)]);
}

#[test]
fn as_many_complete_ones_are_kept_as_were_asked_for() {
    let mut rig = Rig::new(1);
    let mut retired = Vec::new();
    for epoch in 1..=5 {
        assert_eq!(rig.on(Event::Wish), [Action::Raise(epoch)]);
        assert_eq!(rig.on(acknowledged(0, epoch)), [Action::Publish(epoch)]);
        let actions = rig.on(Event::Published { epoch });
        assert_eq!(actions[0], Action::Commit(epoch));
        if let Some(Action::Retire(epochs)) = actions.get(1) {
            retired.extend(epochs.iter().copied());
        }
    }
    assert_eq!(retired, [1, 2, 3]);
}

#[test]
fn a_job_ends_with_a_checkpoint_that_was_raised_when_all_workers_were_through() {
    let mut rig = Rig::new(2);
    assert_eq!(rig.on(Event::Wish), [Action::Raise(1)]);
    assert_eq!(rig.on(Event::Through { worker: 0 }), []);
    assert_eq!(rig.on(acknowledged(0, 1)), []);
    assert_eq!(rig.on(Event::Through { worker: 1 }), []);
    assert_eq!(rig.on(acknowledged(1, 1)), [Action::Publish(1)]);
    let actions = rig.on(Event::Published { epoch: 1 });
    assert_eq!(actions, [Action::Commit(1), Action::Raise(2)], "the first was raised before");
    assert_eq!(rig.on(Event::Failed { epoch: 2 }), [Action::Abort(2, Abort::Fault)]);
    assert_eq!(rig.at(100, Event::Tick), [Action::Raise(3)], "until one succeeds");
    for worker in 0..2 {
        rig.on(acknowledged(worker, 3));
    }
    let actions = rig.on(Event::Published { epoch: 3 });
    assert_eq!(actions, [Action::Commit(3), Action::End]);
    assert_eq!(rig.at(10_000, Event::Tick), []);
}

/// What the world may do next.
#[derive(Debug, Clone, Copy)]
enum Move {
    Pass(u64),
    Wish,
    Acknowledge(usize, u64),
    Fail(u64),
    Publish(bool),
    Through(usize),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => (0..80u64).prop_map(Move::Pass),
        1 => Just(Move::Wish),
        6 => (0..3usize, 0..3u64).prop_map(|(worker, back)| Move::Acknowledge(worker, back)),
        1 => (0..2u64).prop_map(Move::Fail),
        4 => any::<bool>().prop_map(Move::Publish),
        1 => (0..3usize).prop_map(Move::Through),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_in_whatever_order_the_invariants_hold(moves in vec(moves(), 0..300), retain in 1..4usize) {
        let pace = Pace { retain, ..PACE };
        let mut coordinator = Coordinator::new(pace, 3, [], 1, 0);
        let (mut now_ns, mut raised, mut publishing) = (0, 0, None);
        let mut acknowledged: BTreeSet<(usize, u64)> = BTreeSet::new();
        let mut through = BTreeSet::new();
        let (mut published, mut kept, mut ended) = (Vec::new(), Vec::new(), false);
        let mut over_since = None;
        for step in moves {
            let event = match step {
                Move::Pass(ns) => { now_ns += ns; Event::Tick }
                Move::Wish => Event::Wish,
                Move::Acknowledge(worker, back) if raised > back => {
                    let epoch = raised - back;
                    acknowledged.insert((worker, epoch));
                    Event::Acknowledged { worker, epoch }
                }
                Move::Fail(back) if raised > back => Event::Failed { epoch: raised - back },
                Move::Publish(is_good) => match publishing.take() {
                    Some(epoch) if is_good => { published.push(epoch); Event::Published { epoch } }
                    Some(epoch) => Event::NotPublished { epoch },
                    None => Event::Tick,
                },
                Move::Through(worker) => {
                    through.insert(worker);
                    if through.len() == 3 { over_since.get_or_insert(raised); }
                    Event::Through { worker }
                }
                Move::Acknowledge(..) | Move::Fail(_) => Event::Tick,
            };
            let mut actions = Vec::new();
            coordinator.on(event, now_ns, &mut |action| actions.push(action));
            for action in actions {
                prop_assert!(!ended, "nothing follows the end: {:?}", action);
                match action {
                    Action::Raise(epoch) => {
                        prop_assert!(epoch > raised && publishing.is_none());
                        raised = epoch;
                    }
                    Action::Publish(epoch) => {
                        prop_assert_eq!(epoch, raised);
                        prop_assert!((0..3).all(|worker| acknowledged.contains(&(worker, epoch))));
                        prop_assert!(!published.contains(&epoch) && publishing.replace(epoch).is_none());
                    }
                    Action::Commit(epoch) => {
                        prop_assert!(published.contains(&epoch) && !kept.contains(&epoch));
                        kept.push(epoch);
                    }
                    Action::Abort(epoch, _) => prop_assert!(!published.contains(&epoch)),
                    Action::Retire(epochs) => {
                        prop_assert_eq!(&kept[..epochs.len()], &epochs[..], "the oldest go");
                        kept.drain(..epochs.len());
                    }
                    Action::End => {
                        ended = true;
                        prop_assert!(over_since.is_some_and(|before| published.iter().any(|epoch| *epoch > before)));
                    }
                }
            }
            prop_assert!(kept.len() <= retain);
            prop_assert_eq!(ended, coordinator.has_ended());
        }
    }
}
