//! Words counted in windows of a minute, with early results, late records within the allowance, and a stream of those beyond it.
//!
//! ```text
//! early    00:00 to 00:01 thalweg 2
//! on time  00:00 to 00:01 thalweg 3
//! on time  00:00 to 00:01 meander 1
//! late     00:00 to 00:01 meander 2
//! on time  00:01 to 00:02 thalweg 1
//! on time  00:05 to 00:06 delta 1
//! too late for every window: thalweg at 00:00:50
//! ```
#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use thalweg::prelude::*;
use thalweg::window::Timing;

#[record]
struct Line {
    #[event_time]
    at: EventTime,
    text: Str,
}

#[record]
struct Count {
    timing: Timing,
    start: EventTime,
    end: EventTime,
    word: Str,
    n: u64,
}

/// `00:05` of a time on the first day of all.
fn clock(at: EventTime) -> String {
    format!("{:02}:{:02}", at.as_secs() / 3_600 % 24, at.as_secs() / 60 % 60)
}

fn main() -> Result<()> {
    let line = |secs, text: &str| Line { at: EventTime::from_secs(secs), text: text.into() };
    let lines = [
        line(5, "thalweg meander"),
        line(20, "thalweg"),
        line(30, "thalweg"),
        // The watermark follows two seconds behind: the first minute is complete.
        line(62, "thalweg"),
        // Late, and counted all the same: its minute is shown again.
        line(58, "meander"),
        line(330, "delta"),
        // Later than allowed.
        line(50, "thalweg"),
    ];
    // A source makes its watermark after every 64 lines and when it runs dry; here each line is followed by 63 empty ones.
    let lines = lines.map(|line| [vec![line.clone()], vec![Line { text: "".into(), ..line }; 63]]);
    Engine::builder().workers(1).build().run("word count", move |t| {
        let words = t
            .source("lines", Items::of(lines.as_flattened().concat()))
            .watermarks(BoundedOutOfOrderness::of(2.secs()))
            .flat_map(|line, out| {
                for word in line.text().split_ascii_whitespace() {
                    out.emit(&(Str::from(word), line.at()));
                }
            });
        let Windowed { on_time, late } = words
            .key_by(|word| word.0.as_str())
            .window("count", Tumbling::of(1.minutes()))
            .allowed_lateness(2.minutes())
            .trigger(AtWatermark.early_every_records(2))
            .process_aggregate(
                |of| of.count(),
                |cx: &mut WindowContext<'_, Str, Count>, n| {
                    let (window, timing) = (cx.window(), cx.pane().timing);
                    let (start, end, word) = (window.start, window.end, cx.key());
                    cx.emit(&Count { timing, start, end, word, n });
                },
            );
        on_time.for_each("counts", |count, _| {
            let count = count.to_value();
            let timing = match count.timing {
                Timing::Early => "early",
                Timing::OnTime => "on time",
                Timing::Late => "late",
            };
            let (start, end) = (clock(count.start), clock(count.end));
            println!("{timing:<8} {start} to {end} {} {}", count.word, count.n);
        });
        late.for_each("late", |word, at| {
            let (minutes, seconds) = (clock(at), at.as_secs() % 60);
            println!("too late for every window: {} at {minutes}:{seconds:02}", word.0);
        });
        Ok(())
    })?;
    Ok(())
}
