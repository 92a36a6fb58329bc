//! Payments that follow an order within an hour: an interval join, and an outer join of the day that shows what was never paid.
//!
//! ```text
//! order 1 paid after 20 minutes
//! order 3 paid after 59 minutes
//! order 2 was not paid on its day
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use thalweg::prelude::*;

#[record]
struct Order {
    #[event_time]
    at: EventTime,
    id: u64,
}

#[record]
struct Payment {
    #[event_time]
    at: EventTime,
    order: u64,
}

fn minutes(minutes: i64) -> EventTime {
    EventTime::from_secs(minutes * 60)
}

fn main() -> Result<()> {
    let orders = [(0, 1), (30, 2), (90, 3)].map(|(at, id)| Order { at: minutes(at), id });
    let payments = [(20, 1), (149, 3), (151, 3)];
    let payments = payments.map(|(at, order)| Payment { at: minutes(at), order });
    Engine::builder().workers(2).build().run("payments", move |t| {
        let orders = t
            .source("orders", Items::of(orders.clone()))
            .watermarks(BoundedOutOfOrderness::of(1.minutes()))
            .boxed();
        let payments = t
            .source("payments", Items::of(payments.clone()))
            .watermarks(BoundedOutOfOrderness::of(1.minutes()))
            .boxed();
        let paid = orders
            .clone()
            .key_by(|order| &order.id)
            .interval_join(
                "paid within an hour",
                payments.clone().key_by(|payment| &payment.order),
                Interval::after(0.secs(), 1.hours()),
            )
            .apply(|order, payment| (order.id(), payment.at().since(order.at()).as_secs() / 60));
        paid.late_left.drop_counted();
        paid.late_right.drop_counted();
        paid.on_time.for_each("paid", |paid, _| {
            println!("order {} paid after {} minutes", paid.0, paid.1);
        });
        let days = orders
            .key_by(|order| &order.id)
            .join("days", payments.key_by(|payment| &payment.order), Tumbling::of(1.days()))
            .left_outer(|order, payment| (order.id(), payment.is_some()));
        days.late_left.drop_counted();
        days.late_right.drop_counted();
        days.on_time.filter(|day| !day.1).for_each("unpaid", |day, _| {
            println!("order {} was not paid on its day", day.0);
        });
        Ok(())
    })?;
    Ok(())
}
