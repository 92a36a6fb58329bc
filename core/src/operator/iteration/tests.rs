//! A head and its feedback, element by element, and a gate.

use std::rc::Rc;

use super::*;
use crate::exchange::inbox::Inbox;
use crate::exchange::lane::{Lane, LaneRx};
use crate::operator::asking::InFlight;
use crate::operator::rig::{Seen, at, lane, output, receive, run, send, watermark};
use crate::operator::task::{OnePort, OperatorTask, PolledTask, Task as _};
use crate::raw::page::{Control, Signs};
use crate::record::Str;
use crate::state::TimedRecords;
use thalweg_storage::{Store, TableConfig, TableName};

/// A head and its feedback, without a body.
struct Rig {
    input: Lane<Str>,
    head: PolledTask<Head<Str>, OnePort<Str>>,
    body: LaneRx<Str>,
    back: Lane<Str>,
    feedback: OperatorTask<Feedback<Str>, OnePort<Str>>,
}

fn rig(capacity: usize) -> Rig {
    let ((input, input_rx), (back, back_rx)) = (lane(50), lane(50));
    let (body_tx, body) = lane(50);
    let backlog = Backlog::shared(256);
    let head = Head::new(Rc::clone(&backlog), capacity, output(vec![body_tx]));
    let head = OperatorTask::new("head".into(), head, OnePort(Inbox::new(vec![input_rx])));
    let mut store = Store::default();
    let table = store.table(TableName::new("feedback", "under way"), TableConfig::default());
    let kept = InFlight::new(TimedRecords::new(table.unwrap()), (0, 1));
    let feedback = OperatorTask::new(
        "feedback".into(),
        Feedback::new(backlog, kept),
        OnePort(Inbox::new(vec![back_rx]).inside()),
    );
    Rig { input, head: PolledTask::new(head, 0), body, back, feedback }
}

fn word(text: &str, nanos: i64) -> Seen<Str> {
    Seen::Record(text.into(), at(nanos))
}

impl Rig {
    /// What comes out of the head when what it has sent so far came to `back`.
    fn turn(&mut self, back: &[Seen<Str>]) -> Vec<Seen<Str>> {
        send(&mut self.back, back);
        run(&mut self.feedback, 10);
        run(&mut self.head, 10);
        receive(&mut self.body)
    }

    /// Everything that is sent comes back, but for records, until nothing is sent; `sent` is what was sent last.
    fn settle(&mut self, mut sent: Vec<Seen<Str>>) -> Vec<Seen<Str>> {
        let mut all = Vec::new();
        while !sent.is_empty() {
            let back: Vec<_> =
                sent.iter().filter(|seen| matches!(seen, Seen::Control(_))).cloned().collect();
            all.extend(sent);
            sent = self.turn(&back);
        }
        all
    }
}

fn without_waves(seen: Vec<Seen<Str>>) -> Vec<Seen<Str>> {
    seen.into_iter().filter(|seen| !matches!(seen, Seen::Control(Control::Wave(_)))).collect()
}

#[test]
fn what_comes_back_goes_round_again_also_what_fits_no_page() {
    let mut rig = rig(10);
    let long = "x".repeat(700);
    send(&mut rig.input, &[word("a", 5), word("b", 6)]);
    assert_eq!(rig.turn(&[]), [word("a", 5), word("b", 6)]);
    assert_eq!(rig.turn(&[word(&long, 5), word("c", 6)]), [word(&long, 5), word("c", 6)]);
    send(&mut rig.input, &[Seen::Control(Control::End)]);
    let sent = rig.turn(&[]);
    let end = [Control::Watermark(tides::LATEST), Control::End].map(Seen::Control);
    assert_eq!(without_waves(rig.settle(sent)), [&[watermark(4)], &end[..]].concat());
    assert!(rig.head.is_finished() && rig.feedback.is_finished());
    assert_eq!(rig.feedback.counters().late, 0);
}

#[test]
fn event_time_waits_for_what_is_under_way() {
    let mut rig = rig(10);
    send(&mut rig.input, &[word("a", 5), watermark(7)]);
    let sent = rig.turn(&[]);
    assert_eq!(without_waves(sent.clone()), [word("a", 5)]);
    // The wave is overtaken by nothing: "a" comes back before it.
    let sent = rig.turn(&[&[word("b", 5)], &sent[1..]].concat());
    assert_eq!(without_waves(sent.clone()), [word("b", 5), watermark(4)]);
    let waves: Vec<_> = sent.into_iter().skip(2).collect();
    let sent = rig.turn(&waves);
    assert_eq!(without_waves(rig.settle(sent)), [watermark(7)]);
}

#[test]
fn what_comes_back_before_the_barrier_is_kept_until_it_is_back() {
    let mut rig = rig(1);
    send(&mut rig.input, &[word("a", 1), Seen::Control(Control::Barrier(3)), word("b", 2)]);
    let barrier = Seen::Control(Control::Barrier(3));
    assert_eq!(rig.turn(&[]), [word("a", 1), barrier.clone(), word("b", 2)]);
    assert_eq!(rig.turn(&[word("c", 1), word("d", 1)]), []);
    // While it is on its way what comes from outside is let in all the same.
    send(&mut rig.input, &[word("e", 3)]);
    assert_eq!(rig.turn(&[]), [word("e", 3)]);
    assert_eq!(rig.turn(&[barrier]), [word("c", 1), word("d", 1)]);
}

#[test]
fn with_a_full_backlog_nothing_is_let_in() {
    let mut rig = rig(2);
    send(&mut rig.input, &[word("a", 1)]);
    rig.turn(&[]);
    send(&mut rig.back, &[word("b", 1), word("c", 1)]);
    run(&mut rig.feedback, 10);
    send(&mut rig.input, &[word("d", 1)]);
    let mut choices = Vec::new();
    rig.head.choices(&mut choices);
    assert_eq!(choices, [crate::operator::task::Choice::Poll(0)]);
    assert_eq!(rig.turn(&[]), [word("b", 1), word("c", 1), word("d", 1)]);
}

#[test]
fn a_gate_lets_event_time_out_when_a_wave_says_so() {
    let ((mut tx, rx), (out, mut seen)) = (lane::<u64>(10), lane::<u64>(10));
    let ports = OnePort(Inbox::new(vec![rx]).inside());
    let mut task = OperatorTask::new("gate".into(), Gate::new(output(vec![out])), ports);
    let wave = |signs| {
        let (least, far) = (at(0), at(0));
        Seen::Control(Control::Wave(crate::raw::page::Wave { least, far, signs }))
    };
    send(&mut tx, &[Seen::Record(1, at(3)), watermark(2), wave(Signs::QUIET)]);
    run(&mut task, 10);
    assert_eq!(receive(&mut seen), [Seen::Record(1, at(3))]);
    send(&mut tx, &[wave(Signs::PASS), wave(Signs::PASS), watermark(5)]);
    run(&mut task, 10);
    assert_eq!(receive(&mut seen), [watermark(2)]);
    send(&mut tx, &[Seen::Control(Control::End)]);
    run(&mut task, 10);
    assert_eq!(receive(&mut seen), [Seen::Control(Control::End)]);
}
