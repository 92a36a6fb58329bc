//! A line on the terminal that says how far the job has come.

use std::io::{IsTerminal as _, Write as _};
use std::thread::sleep;
use std::time::Duration;

use thalweg::control::JobHandle;
use thalweg::metrics::Snapshot;
use thalweg::time::EventTime;

const INTERVAL: Duration = Duration::from_millis(500);
/// Shorter than the interval, so that the end of the job is not waited for.
const LOOK: Duration = Duration::from_millis(5);

/// Shows progress on standard error until the job has ended; does nothing if that is no terminal.
///
/// The lag is event time: from the newest departure read to the watermark of the hourly window, so the out-of-orderness that was
/// asked for is part of it, and what is more is on its way through the job. (The flights are years past, so a lag behind the
/// clock would say nothing.)
pub(crate) fn show_until_ended(job: &JobHandle, out_of_orderness: Duration) {
    let mut terminal = std::io::stderr();
    if !terminal.is_terminal() {
        return;
    }
    let (mut due, mut shown) = (INTERVAL, 0);
    while !job.is_ended() {
        sleep(LOOK);
        if job.elapsed() < due {
            continue;
        }
        due += INTERVAL;
        let snapshot = job.snapshot();
        let read = records(&snapshot);
        let rate = (read - shown) as f64 / INTERVAL.as_secs_f64();
        shown = read;
        // A terminal that has gone away is no reason to end the job.
        let _ =
            write!(terminal, "\r\x1b[K{rate:.0} records/s, {}", times(&snapshot, out_of_orderness));
        let _ = terminal.flush();
    }
    let _ = write!(terminal, "\r\x1b[K");
}

/// Departures read so far.
fn records(snapshot: &Snapshot) -> u64 {
    snapshot.operator("departures").map_or(0, |source| source.records_in)
}

fn times(snapshot: &Snapshot, out_of_orderness: Duration) -> String {
    let watermark = |name| snapshot.operator(name).and_then(|operator| operator.watermark);
    let Some(at) = watermark("hourly") else { return "no watermark yet".into() };
    match watermark("departures") {
        _ if at == EventTime::MAX => "all hours are closed".into(),
        Some(read) if read < EventTime::MAX => {
            let newest = read.saturating_add(out_of_orderness);
            let lag_h = newest.since(at).as_secs_f64() / 3600.0;
            format!("watermark {at}, {lag_h:.1} h of event time behind the newest departure")
        }
        _ => format!("watermark {at}, all departures are read"),
    }
}
