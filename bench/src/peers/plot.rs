//! Plots of saved results: throughput of all contestants, and latency by percentile.
//!
//! Of each run that was saved more than once the last one is drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use plotters::prelude::*;
use serde_json::Value;

use crate::load::histogram::{Percentiles, readable_ns};
use crate::load::report::Report;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A line or a row of bars: its name, and what it has at each place.
type Series = BTreeMap<String, Vec<(f64, f64)>>;

const SIZE: (u32, u32) = (1_000, 480);
const COLOURS: [RGBColor; 7] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(90, 90, 90),
];

/// Draws all that was saved in a folder, and gives the files.
///
/// # Errors
///
/// If a file cannot be read or written.
pub fn all(results: &Path) -> Result<Vec<PathBuf>> {
    let mut drawn = Vec::new();
    let peers = read(&results.join("peers.jsonl"))?;
    for feed in ["made", "prepared"] {
        let of_feed: Vec<&Report> =
            peers.iter().filter(|report| text(report, "feed") == feed).collect();
        if !of_feed.is_empty() {
            let path = results.join(format!("throughput_{feed}.svg"));
            throughput(&path, feed, &of_feed)?;
            drawn.push(path);
        }
    }
    let latency = read(&results.join("latency.jsonl"))?;
    let mut rates: Vec<u64> = latency.iter().filter_map(rate_of).collect();
    rates.sort_unstable();
    rates.dedup();
    for rate in rates {
        let of_rate = latency.iter().filter(|report| rate_of(report) == Some(rate)).collect();
        drawn.extend(latencies(results, rate, of_rate)?);
    }
    Ok(drawn)
}

/// The plots of a rate: of all that ran without checkpoints, and of the jobs that ran with them, each beside itself without.
fn latencies(results: &Path, rate: u64, reports: Vec<&Report>) -> Result<Vec<PathBuf>> {
    let (with, without): (Vec<&Report>, Vec<&Report>) =
        reports.into_iter().partition(|report| has_checkpoints(report));
    let jobs: BTreeSet<&str> = with.iter().map(|report| text(report, "job")).collect();
    let is_one = |report: &&&Report| jobs.contains(text(report, "job"));
    let beside: Vec<&Report> = without.iter().filter(is_one).chain(&with).copied().collect();
    let mut drawn = Vec::new();
    for (kind, reports) in [("latency", without), ("latency_checkpoints", beside)] {
        if !reports.is_empty() {
            let path = results.join(format!("{kind}_{rate}.svg"));
            percentiles(&path, rate, &reports)?;
            drawn.push(path);
        }
    }
    Ok(drawn)
}

fn rate_of(report: &Report) -> Option<u64> {
    report.parameters.get("rate")?.as_u64()
}

fn has_checkpoints(report: &Report) -> bool {
    !matches!(text(report, "checkpoints"), "" | "off")
}

fn read(path: &Path) -> Result<Vec<Report>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    fs::read_to_string(path)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn text<'a>(report: &'a Report, name: &str) -> &'a str {
    report.parameters.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// `q7` is the eighth query, whatever its letters say.
fn number_of(query: &str) -> u32 {
    query.trim_start_matches('q').parse().unwrap_or(u32::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "places and figures of a plot")]
fn throughput(path: &Path, feed: &str, reports: &[&Report]) -> Result<()> {
    let mut queries: Vec<&str> = reports.iter().map(|report| text(report, "query")).collect();
    queries.sort_by_key(|query| number_of(query));
    queries.dedup();
    let mut engines: Series = BTreeMap::new();
    for report in reports {
        let place = queries.iter().position(|query| *query == text(report, "query")).unwrap_or(0);
        let rate = report.metrics.get("events_per_s").and_then(Value::as_f64).unwrap_or(1.0);
        let name = format!("{} {}", text(report, "engine"), text(report, "version"));
        let bars = engines.entry(name).or_default();
        let place = place as f64;
        // The same one again: the last one counts.
        bars.retain(|(other, _)| (other - place).abs() > 0.5);
        bars.push((place, rate));
    }
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("Nexmark, events a second (log), events {feed}"), ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(70)
        .build_cartesian_2d(-0.5..queries.len() as f64 - 0.5, (1e4..1e8).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(queries.len() * 2 + 1)
        .x_label_formatter(&|place: &f64| {
            let whole = (place - place.round()).abs() < 1e-6 && *place >= 0.0;
            let query = |(at, _): &(usize, &&str)| (*at as f64 - place).abs() < 0.5;
            let query = queries.iter().enumerate().find(query).filter(|_| whole);
            query.map_or(String::new(), |(_, query)| (*query).to_owned())
        })
        .y_label_formatter(&|rate: &f64| format!("{:.2} M", rate / 1e6))
        .draw()?;
    let width = 0.8 / engines.len().max(1) as f64;
    for (at, (name, bars)) in engines.into_iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let left = -0.4 + width * at as f64;
        let bar = |&(place, rate): &(f64, f64)| {
            let corners = [(place + left, 1e4), (place + left + width * 0.92, rate)];
            Rectangle::new(corners, colour.filled())
        };
        chart
            .draw_series(bars.iter().map(bar))?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    legend(&mut chart)?;
    root.present()?;
    Ok(())
}

/// The places of the percentiles: each further nine is one step.
fn points(latency: &Percentiles) -> Vec<(f64, f64)> {
    let Percentiles { p50_ns, p90_ns, p99_ns, p99_9_ns, p99_99_ns, max_ns, .. } = *latency;
    #[expect(clippy::cast_precision_loss, reason = "a plot")]
    let point = |(place, ns): (f64, u64)| (place, ns.max(1) as f64);
    [(0.3, p50_ns), (1.0, p90_ns), (2.0, p99_ns), (3.0, p99_9_ns), (4.0, p99_99_ns), (5.0, max_ns)]
        .map(point)
        .to_vec()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places and figures of a plot"
)]
fn percentiles(path: &Path, rate: u64, reports: &[&Report]) -> Result<()> {
    let mut lines: Series = BTreeMap::new();
    for report in reports {
        if let Some(latency) = &report.latency {
            lines.insert(text(report, "what").to_owned(), points(latency));
        }
    }
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("Latency at {rate} events a second (log)"), ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..5.2, (1e1..1e9).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(6)
        .x_label_formatter(&|place: &f64| match place.round() as u32 {
            1 => "90 %".into(),
            2 => "99 %".into(),
            3 => "99.9 %".into(),
            4 => "99.99 %".into(),
            5 => "max".into(),
            _ => String::new(),
        })
        .y_label_formatter(&|ns: &f64| readable_ns(*ns as u64))
        .draw()?;
    for (at, (name, points)) in lines.into_iter().enumerate() {
        // Lines beyond the last colour are drawn thin.
        let colour = COLOURS[at % COLOURS.len()];
        let style = colour.stroke_width(if at < COLOURS.len() { 3 } else { 1 });
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], style));
    }
    legend(&mut chart)?;
    root.present()?;
    Ok(())
}

fn legend<'a, X, Y>(chart: &mut ChartContext<'a, SVGBackend<'a>, Cartesian2d<X, Y>>) -> Result<()>
where
    X: plotters::coord::ranged1d::Ranged<ValueType = f64>,
    Y: plotters::coord::ranged1d::Ranged<ValueType = f64>,
{
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK)
        .draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::histogram::LatencyHistogram;
    use crate::load::machine::Machine;

    #[test]
    fn what_was_saved_is_drawn_one_plot_for_each_rate_and_way() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::read();
        let mut histogram = LatencyHistogram::new();
        histogram.record_ns(900);
        let latency = Report::new("latency", &machine).parameter("rate", 500_000);
        latency
            .parameter("what", "no engine")
            .latency(&histogram)
            .append_to(folder.path())
            .unwrap();
        let rate =
            Report::new("peers", &machine).parameter("query", "q5").parameter("feed", "made");
        rate.parameter("engine", "thalweg")
            .metric("events_per_s", 4e6)
            .append_to(folder.path())
            .unwrap();
        let drawn = all(folder.path()).unwrap();
        let names: Vec<_> = drawn.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["throughput_made.svg", "latency_500000.svg"]);
        let text = fs::read_to_string(&drawn[1]).unwrap();
        assert!(text.contains("no engine") && text.contains("99.9 %"), "{text}");
    }

    #[test]
    fn jobs_with_checkpoints_have_a_plot_of_their_own_beside_themselves_without() {
        let folder = tempfile::tempdir().unwrap();
        let mut histogram = LatencyHistogram::new();
        histogram.record_ns(900);
        for (job, checkpoints) in [("q1", "off"), ("q5", "off"), ("q5", "1s"), ("none", "")] {
            let report = Report::new("latency", &Machine::read()).parameter("rate", 500_000);
            let report = report.parameter("what", format!("{job}/{checkpoints}"));
            let report = report.parameter("job", job).parameter("checkpoints", checkpoints);
            report.latency(&histogram).append_to(folder.path()).unwrap();
        }
        let drawn = all(folder.path()).unwrap();
        let names: Vec<_> = drawn.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["latency_500000.svg", "latency_checkpoints_500000.svg"]);
        let lines = |path: &Path| {
            let text = fs::read_to_string(path).unwrap();
            ["q1/off", "q5/off", "q5/1s", "none/"].map(|line| text.contains(line))
        };
        assert_eq!(lines(&drawn[0]), [true, true, false, true]);
        assert_eq!(lines(&drawn[1]), [false, true, true, false]);
    }

    #[test]
    fn nothing_saved_is_nothing_drawn() {
        assert!(all(tempfile::tempdir().unwrap().path()).unwrap().is_empty());
    }
}
