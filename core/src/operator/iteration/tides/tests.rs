//! Heads that hear of each other by waves alone: what they send, and when.

use super::*;

fn at(nanos: i64) -> EventTime {
    EventTime::from_nanos(nanos)
}

/// Heads that hear of each other by their waves alone, with nothing in between.
struct Ring(Vec<Tides>);

impl Ring {
    fn new(heads: usize) -> Self {
        Self((0..heads).map(|_| Tides::new()).collect())
    }

    /// One round, if a head wants it: `waiting` is what waits at the first. Gives what they send into the loop, and whether event time may leave.
    fn round(&mut self, waiting: Option<EventTime>) -> Option<(Vec<Control>, bool)> {
        let called = self.0.iter().filter(|head| head.wants(0)).map(|head| head.sent + 1).max()?;
        let (mut met, mut waiting) = (None::<Wave>, waiting);
        for head in &mut self.0 {
            assert!(head.wants(called), "the same round");
            let wave = head.send(waiting.take());
            met = Some(met.map_or(wave, |met| met.meet(wave)));
        }
        let met = met.expect("there is a head");
        let sent = self.0.iter_mut().filter_map(|head| head.back(met)).collect();
        Some((sent, met.signs.has(Signs::PASS)))
    }

    /// Rounds until none is wanted: all that was sent, with a `None` where event time may leave.
    fn settle(&mut self) -> Vec<Option<Control>> {
        let mut all = Vec::new();
        while let Some((sent, passes)) = self.round(None) {
            all.extend(passes.then_some(None));
            all.extend(sent.into_iter().map(Some));
            assert!(all.len() < 100, "it comes to rest");
        }
        all
    }
}

fn watermark(nanos: i64) -> Option<Control> {
    Some(Control::Watermark(at(nanos)))
}

#[test]
fn event_time_goes_in_as_far_as_all_inputs_are_and_leaves_two_rounds_later() {
    let mut ring = Ring::new(2);
    ring.0[0].advance(at(10));
    assert_eq!(ring.settle(), [], "the other may have something older");
    ring.0[1].advance(at(7));
    assert_eq!(ring.settle(), [watermark(7), watermark(7), None]);
    assert_eq!(ring.settle(), [], "nothing is new");
}

#[test]
fn what_is_under_way_holds_event_time_back() {
    let mut ring = Ring::new(2);
    ring.0[1].note(at(4));
    ring.0.iter_mut().for_each(|head| head.advance(at(9)));
    let (sent, _) = ring.round(Some(at(6))).unwrap();
    assert_eq!(sent, [Control::Watermark(at(3)); 2], "it was sent before the wave");
    ring.0[0].note(at(6));
    assert_eq!(ring.round(None), Some((vec![], false)));
    // What waited was sent meanwhile; it is not older.
    assert_eq!(ring.round(None), Some((vec![], false)));
    let (sent, passes) = ring.round(None).unwrap();
    assert!(passes);
    assert_eq!(sent, [Control::Watermark(at(9)); 2]);
    assert_eq!(ring.settle(), [None]);
}

#[test]
fn what_event_time_brought_about_does_not_hold_it_back_in_the_loop_but_at_its_gate() {
    let mut ring = Ring::new(1);
    ring.0[0].advance(at(9));
    assert_eq!(ring.round(None), Some((vec![Control::Watermark(at(9))], false)));
    // A window has fired, and its result goes round for two rounds.
    assert_eq!(ring.round(None), Some((vec![], false)));
    ring.0[0].note(at(8));
    assert_eq!(ring.round(None), Some((vec![], false)));
    ring.0[0].note(at(8));
    assert_eq!(ring.round(None), Some((vec![], false)));
    assert_eq!(ring.settle(), [None]);
}

#[test]
fn idle_inputs_hold_nothing_back_and_when_all_are_idle_the_loop_is() {
    let mut ring = Ring::new(2);
    ring.0[0].advance(at(5));
    ring.0[0].set_idle(true);
    ring.0[1].advance(at(8));
    assert_eq!(ring.settle(), [watermark(8), watermark(8), None]);
    ring.0[0].advance(at(12));
    ring.0[1].set_idle(true);
    let idle = Some(Control::Idle);
    assert_eq!(ring.settle(), [watermark(12), watermark(12), None, idle, idle]);
    ring.0[1].set_idle(false);
    assert_eq!(ring.0[1].note(at(13)), Some(Control::Active));
    assert_eq!(ring.0[1].note(at(13)), None);
}

#[test]
fn the_end_comes_when_event_time_has_gone_to_its_end_and_left() {
    let mut ring = Ring::new(2);
    ring.0[0].end(Over::Ended);
    ring.0[1].advance(at(3));
    assert_eq!(ring.settle(), [watermark(3), watermark(3), None]);
    assert!(!ring.0[0].is_over());
    ring.0[1].end(Over::Ended);
    let latest = Some(Control::Watermark(LATEST));
    // As behind a restore, whose checkpoint knew of the end.
    ring.0[1].advance(EventTime::MAX);
    assert_eq!(ring.settle(), [latest, latest, None]);
    assert!(ring.0.iter().all(Tides::is_over));
}

#[test]
fn where_an_input_was_halted_event_time_stays_and_what_is_under_way_is_waited_for() {
    let mut ring = Ring::new(2);
    ring.0.iter_mut().for_each(|head| head.advance(at(3)));
    assert_eq!(ring.settle(), [watermark(3), watermark(3), None]);
    ring.0[0].note(at(5));
    ring.0[0].end(Over::Ended);
    ring.0[1].end(Over::Halted);
    let (sent, _) = ring.round(None).unwrap();
    assert_eq!(sent, []);
    assert!(!ring.0[0].is_over(), "something is under way");
    assert_eq!(ring.settle(), []);
    assert!(ring.0.iter().all(Tides::is_over));
}

#[test]
fn what_an_operator_holds_is_asked_for_after_a_while() {
    let mut ring = Ring::new(1);
    let head = &mut ring.0[0];
    head.advance(at(9));
    let held = |wave: Wave| Wave { least: wave.least.min(at(2)), ..wave };
    let wave = held(head.send(None));
    assert_eq!(head.back(wave), Some(Control::Watermark(at(2))));
    for _ in 0..3 {
        let wave = held(head.send(None));
        assert_eq!(head.back(wave), None);
    }
    assert!(!head.wants(0) && head.wants_later());
    head.hurry();
    assert!(head.wants(0) && !head.wants_later());
    assert_eq!(ring.settle(), [watermark(9), None]);
}
