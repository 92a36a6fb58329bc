//! Visits: a user's clicks with no more than ten minutes between two of them.
//!
//! ```text
//! ada   00:00 to 00:14, pages: 3, longest stay: 8 minutes
//! ada   00:30 to 00:30, pages: 1, longest stay: 0 minutes
//! grace 00:02 to 00:25, pages: 4, longest stay: 10 minutes
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use thalweg::prelude::*;

#[record]
struct Click {
    #[event_time]
    at: EventTime,
    user: Str,
}

#[record]
struct Visit {
    user: Str,
    first: EventTime,
    last: EventTime,
    pages: u64,
    longest_minutes: i64,
}

fn clock(at: EventTime) -> String {
    format!("{:02}:{:02}", at.as_secs() / 3_600, at.as_secs() / 60 % 60)
}

fn main() -> Result<()> {
    let click = |minute: i64, user: &str| Click {
        at: EventTime::from_secs(minute * 60),
        user: user.into(),
    };
    let clicks = [
        click(0, "ada"),
        click(2, "grace"),
        click(14, "ada"),
        click(12, "grace"),
        // Eight minutes after one visit and six before another: now they are one.
        click(8, "ada"),
        click(25, "grace"),
        click(30, "ada"),
        click(19, "grace"),
    ];
    Engine::builder().workers(2).build().run("sessions", move |t| {
        let Windowed { on_time, late } = t
            .source("clicks", Items::of(clicks.clone()))
            .watermarks(BoundedOutOfOrderness::of(10.minutes()))
            .key_by(|click| click.user())
            .window("visits", Session::gap(10.minutes()))
            // All clicks of a visit, in the order in which they came; an aggregate would be told of each once and keep less.
            .process(|cx: &mut WindowContext<'_, Str, Visit>, clicks| {
                let mut times: Vec<EventTime> = clicks.iter().map(|click| click.at).collect();
                times.sort();
                let stays = times.windows(2).map(|pair| pair[1].nanos_since(pair[0]));
                cx.emit(&Visit {
                    user: cx.key(),
                    first: times[0],
                    last: times[times.len() - 1],
                    pages: times.len() as u64,
                    longest_minutes: stays.max().unwrap_or(0) / 60_000_000_000,
                });
            });
        late.drop_counted();
        on_time.for_each("print", |visit, _| {
            let (first, last) = (clock(visit.first()), clock(visit.last()));
            let (user, pages, longest) = (visit.user(), visit.pages(), visit.longest_minutes());
            println!(
                "{user:<5} {first} to {last}, pages: {pages}, longest stay: {longest} minutes"
            );
        });
        Ok(())
    })?;
    Ok(())
}
