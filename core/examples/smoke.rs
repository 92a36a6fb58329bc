//! smoke
use thalweg::prelude::*;
#[record]
pub struct Reading { #[event_time] pub at: EventTime, pub sensor: Str, pub value: i64 }
#[record]
#[derive(Default)]
pub struct Sum { pub n: u64, pub total: i64 }
fn main() -> Result<()> {
    let out = Collected::new();
    let o2 = out.clone();
    for workers in 1..=3 { for driver in [Driver::Plain, Driver::Glommio] {
    let o = o2.clone();
    let report = Engine::builder().workers(workers).driver(driver).build().run("smoke", move |t| {
        let readings = t.source("readings", Items::per_split(3, |s| (0..100_000i64).map(move |i| Reading { at: EventTime::from_millis(i*10), sensor: format!("s{}", (i*7+s as i64)%100).into(), value: i })))
            .watermarks(BoundedOutOfOrderness::of(1.secs()));
        let w = readings.filter(|r| r.value() % 2 == 0).key_by(|r| &r.sensor).window("w", Tumbling::of(1.secs())).aggregate(|s: &mut Sum, r| { s.n += 1; s.total += r.value(); });
        w.late.drop_counted();
        w.on_time.map(|w| (w.start(), Str::from(w.key()), w.value().n(), w.value().total())).sink("out", o.sink());
        Ok(())
    })?;
    let mut all = out.take(); all.sort();
    println!("{report}\n{} {:?} {}", all.len(), all[0], all.iter().map(|x| x.2).sum::<u64>());
    }}
    Ok(())
}
