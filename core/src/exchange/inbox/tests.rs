//! Inboxes that are read in pieces of any size, and stopped anywhere.

use std::sync::mpsc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::exchange::lane::Lane;
use crate::raw::page::page_ring;

#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Record(Vec<u16>, EventTime, KeyHash),
    Control(usize, Control),
}

/// Keeps what arrives, and stops reading when its list says so.
struct Keep<'a> {
    seen: &'a mut Vec<Seen>,
    stops: &'a mut dyn FnMut() -> bool,
}

impl Arrivals<Vec<u16>> for Keep<'_> {
    fn records(&mut self, run: Records<'_, Vec<u16>>) -> bool {
        assert!(!run.is_empty());
        assert_eq!(run.iter().count(), run.len());
        for index in 0..run.len() {
            let value = run.record(index).to_value();
            self.seen.push(Seen::Record(value, run.event_time(index), run.hash(index)));
        }
        !(self.stops)()
    }

    fn control(&mut self, lane: usize, control: Control) -> bool {
        self.seen.push(Seen::Control(lane, control));
        !(self.stops)()
    }
}

fn seen() -> impl Strategy<Value = Seen> {
    let length = prop_oneof![8 => 0..20usize, 1 => 150..400usize];
    prop_oneof![
        6 => (length, any::<i64>(), any::<u64>()).prop_map(|(length, at, hash)| {
            Seen::Record(vec![9; length], EventTime::from_nanos(at), KeyHash(hash))
        }),
        2 => any::<i64>().prop_map(|at| Seen::Control(1, Control::Watermark(EventTime::from_nanos(at)))),
        1 => Just(Seen::Control(1, Control::Idle)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_are_read_on_where_they_were_left(
        sent in vec(seen(), 1..100),
        limits in vec(1..9usize, 1..20),
        stops in vec(any::<bool>(), 1..20),
    ) {
        let lane = || {
            let (tx, rx) = page_ring::<Vec<u16>>(200, 256);
            let (large, large_rx) = mpsc::channel();
            (Lane::new(tx, large, None, 256), LaneRx { pages: rx, large: large_rx, sender: None })
        };
        let ((_silent, silent), (mut lane, busy)) = (lane(), lane());
        lane.stamp(77);
        for element in &sent {
            match element {
                Seen::Record(value, at, hash) => lane.push_value(value, *at, *hash),
                Seen::Control(_, control) => lane.push_control(*control),
            }
        }
        lane.flush();
        let mut inbox = Inbox::new(vec![silent, busy]);
        assert_eq!(inbox.len(), 2);
        assert!(!inbox.is_ready(0));
        let mut received = Vec::new();
        let (mut limits, mut stops) = (limits.iter().cycle(), stops.iter().cycle());
        let mut stops = || *stops.next().unwrap();
        while inbox.is_ready(1) {
            let limit = *limits.next().unwrap();
            let before = received.len();
            let mut keep = Keep { seen: &mut received, stops: &mut stops };
            let read = inbox.read(1, limit, &mut keep);
            assert_eq!(received.len() - before, read);
            assert!((1..=limit).contains(&read));
        }
        assert_eq!(inbox.read(1, 5, &mut Keep { seen: &mut received, stops: &mut stops }), 0);
        assert_eq!((inbox.origin_ns(0), inbox.origin_ns(1)), (0, 0));
        prop_assert_eq!(received, sent);
    }
}

#[test]
fn a_page_half_read_keeps_its_place_in_the_ring() {
    let (tx, rx) = page_ring::<Vec<u16>>(1, 256);
    let (large, large_rx) = mpsc::channel();
    let mut lane = Lane::new(tx, large, None, 256);
    lane.stamp(5);
    (0..3).for_each(|n| lane.push_value(&vec![n], EventTime::MIN, KeyHash(0)));
    lane.flush();
    let mut inbox = Inbox::new(vec![LaneRx { pages: rx, large: large_rx, sender: None }]);
    assert_eq!(inbox.origin_ns(0), 5);
    let mut seen = Vec::new();
    let mut never = || false;
    assert_eq!(inbox.read(0, 2, &mut Keep { seen: &mut seen, stops: &mut never }), 2);
    lane.push_value(&vec![3], EventTime::MIN, KeyHash(0));
    assert!(lane.is_blocked() && !lane.drain(), "the page is read still");
    assert_eq!(inbox.read(0, 2, &mut Keep { seen: &mut seen, stops: &mut never }), 1);
    assert!(lane.drain());
}
