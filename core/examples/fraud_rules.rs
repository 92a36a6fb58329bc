//! Payments that break a rule; the rules come as a stream of their own, and every worker has all of them.
//!
//! A payment waits until event time has come to it on both streams: then every rule before it is known, and so the result does not depend on which of the
//! streams was ahead. What a card has spent within the minute is a list that forgets by itself.
//!
//! ```text
//! 1970-01-01T00:00:20Z card 4711 spent 120 within a minute, more than 100
//! 1970-01-01T00:01:50Z card 4711 spent 70 within a minute, more than 50
//! 1970-01-01T00:02:00Z card 1234 spent 90 within a minute, more than 50
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use thalweg::prelude::*;
use thalweg::process::{BroadcastCx, BroadcastMap, KeyedBroadcastProcess, NoSide, Rules, Timers};
use thalweg::state::{List, State};

/// From now on no card may spend more within a minute.
#[record]
struct Rule {
    #[event_time]
    from: EventTime,
    limit: u64,
}

#[record]
struct Payment {
    #[event_time]
    at: EventTime,
    card: u64,
    amount: u64,
}

#[record]
struct Alert {
    card: u64,
    spent: u64,
    limit: u64,
}

#[derive(State)]
struct Card {
    waiting: List<Payment>,
    #[state(ttl = "1m")]
    spent: List<u64>,
}

#[derive(Timers)]
enum Timer {
    Judge,
}

struct Fraud;

impl KeyedBroadcastProcess for Fraud {
    type Key = u64;
    type In = Payment;
    type Broadcast = Rule;
    type RuleKey = EventTime;
    type Rule = u64;
    type Out = Alert;
    type State = Card;
    type Timer = Timer;
    type Side = NoSide;

    fn on_broadcast(
        &mut self,
        rules: &mut BroadcastMap<EventTime, u64>,
        rule: &Rec<Rule>,
    ) -> Result<(), OperatorFault> {
        rules.insert(rule.from(), rule.limit());
        Ok(())
    }

    fn on_event(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        _: &mut Rules<'_, EventTime, u64>,
        payment: &Rec<Payment>,
    ) -> Result<(), OperatorFault> {
        cx.state.waiting.push_record(payment);
        let first =
            cx.event_timers.get(Timer::Judge).map_or(payment.at(), |at| at.min(payment.at()));
        cx.event_timers.set(Timer::Judge, first);
        Ok(())
    }

    fn on_timer(
        &mut self,
        cx: &mut BroadcastCx<'_, Self>,
        rules: &mut Rules<'_, EventTime, u64>,
        Timer::Judge: Timer,
        at: EventTime,
    ) -> Result<(), OperatorFault> {
        let in_force = rules.iter().filter(|(from, _)| *from < at).max_by_key(|(from, _)| *from);
        let limit = in_force.map_or(u64::MAX, |(_, limit)| limit);
        let waiting = cx.state.waiting.to_vec();
        cx.state.waiting.clear();
        for payment in waiting {
            if payment.at > at {
                let next = cx.event_timers.get(Timer::Judge).unwrap_or(EventTime::MAX);
                cx.event_timers.set(Timer::Judge, next.min(payment.at));
                cx.state.waiting.push(payment);
                continue;
            }
            cx.state.spent.push(payment.amount);
            let mut spent = 0;
            cx.state.spent.for_each(|amount| spent += amount.to_native());
            if spent > limit {
                cx.out.emit(&Alert { card: payment.card, spent, limit });
            }
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let at = EventTime::from_secs;
    let rules = [(0, 100), (90, 50)].map(|(s, limit)| Rule { from: at(s), limit });
    let payments = [
        (10, 4711, 70),
        (20, 4711, 50),
        (25, 1234, 80),
        (95, 4711, 40),
        (110, 4711, 30),
        (120, 1234, 90),
    ]
    .map(|(s, card, amount)| Payment { at: at(s), card, amount });
    Engine::builder().workers(2).build().run("fraud", move |t| {
        let rules = t.source("rules", Items::of(rules.clone())).watermarks(Monotonic);
        t.source("payments", Items::of(payments.clone()))
            .watermarks(Monotonic)
            .key_by_value(|p| p.card())
            .connect_broadcast(rules)
            .process("fraud", || Fraud)
            .for_each("print", |alert, at| {
                let (card, spent, limit) = (alert.card(), alert.spent(), alert.limit());
                println!("{at} card {card} spent {spent} within a minute, more than {limit}");
            });
        Ok(())
    })?;
    Ok(())
}
