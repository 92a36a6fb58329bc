//! Jobs whose types have changed since their state was written.

use std::path::Path;
use std::time::Duration;

use thalweg::control::EngineBuilder;
use thalweg::prelude::*;
use thalweg::record::Upgrade;
use thalweg_tests::records::Number;
use thalweg_tests::run::checkpointed as engine;

const MS: Duration = Duration::from_millis(1);

/// One number for each millisecond, and keys.
const NUMBERS: u64 = 3_000;
const KEYS: u64 = 5;

/// What comes out: of a value, of windows, and of a process function.
#[derive(Clone, Default)]
struct Found {
    values: Collected<(u64, u64)>,
    windows: Collected<(EventTime, u64, u64)>,
    processed: Collected<(u64, u64, u64, u64)>,
}

type Taken = (Vec<(u64, u64)>, Vec<(EventTime, u64, u64)>, Vec<(u64, u64, u64, u64)>);

impl Found {
    fn take(&self) -> Taken {
        let mut taken = (self.values.take(), self.windows.take(), self.processed.take());
        taken.0.sort_unstable();
        taken.1.sort_unstable();
        taken.2.sort_unstable();
        taken
    }
}

/// One and the same job, with its totals as they are in one version.
macro_rules! version {
    ($version:ident, $totals:item, $default:expr) => {
        mod $version {
            use super::*;
            use thalweg::process::{Cx, KeyedProcess, NoSide, Timers};
            use thalweg::state::{List, Map, State, Value};

            $totals

            impl Default for Totals {
                fn default() -> Self {
                    $default
                }
            }

            #[derive(Debug, State)]
            struct Kept {
                last: Value<Totals>,
                all: List<Totals>,
                parts: Map<u64, Totals>,
                #[state(ttl = "1h")]
                recent: Value<Totals>,
            }

            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Timers)]
            enum Timer {
                End,
            }

            #[derive(Debug)]
            struct Keeper;

            impl KeyedProcess for Keeper {
                type Key = u64;
                type In = Number;
                type Out = (u64, u64, u64, u64);
                type State = Kept;
                type Timer = Timer;
                type Side = NoSide;

                fn on_event(
                    &mut self,
                    cx: &mut Cx<'_, Self>,
                    number: &Rec<Number>,
                ) -> Result<(), OperatorFault> {
                    cx.state.last.update(|totals| totals.count += 1);
                    cx.state.recent.update(|totals| totals.count += 1);
                    if number.n() % 50 == cx.key() {
                        cx.state.all.push(Totals { count: 1, ..Totals::default() });
                    }
                    let part = number.n() / KEYS % 3;
                    cx.state.parts.update_or(part, Totals::default, |totals| totals.count += 1);
                    cx.event_timers.set(Timer::End, EventTime::from_secs(100));
                    Ok(())
                }

                fn on_timer(
                    &mut self,
                    cx: &mut Cx<'_, Self>,
                    _: Timer,
                    _: EventTime,
                ) -> Result<(), OperatorFault> {
                    let counted = |totals: &ArchivedTotals| u64::from(totals.count());
                    let last = cx.state.last.get().map_or(0, counted);
                    let recent = cx.state.recent.get().map_or(0, counted);
                    let mut all = 0;
                    cx.state.all.for_each(|totals| all += u64::from(totals.count()));
                    let part = |part: u64| cx.state.parts.get(part).map_or(0, counted);
                    let parts = (0..3).map(part);
                    let parts = parts.fold(0, |sum, part| sum * 10_000 + part);
                    cx.out.emit(&(cx.key(), last * 10_000 + recent, all, parts));
                    Ok(())
                }
            }

            pub(super) fn job(
                found: &Found,
                rate: Option<u64>,
            ) -> impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static {
                let found = found.clone();
                move |t: &mut Topology| {
                    let mut numbers = Generator::of(0..NUMBERS, Number::of).splits(2);
                    if let Some(rate) = rate {
                        numbers = numbers.records_per_s(rate);
                    }
                    let numbers =
                        t.source("numbers", numbers).watermarks(BoundedOutOfOrderness::of(20 * MS));
                    let key = |number: &Rec<Number>| number.n() % KEYS;
                    numbers
                        .clone()
                        .key_by_value(key)
                        .filter_map_with_state("values", |totals: &mut Totals, number| {
                            totals.count += 1;
                            Some((number.n() % KEYS, u64::from(totals.count)))
                        })
                        .sink("values found", found.values.sink());
                    let Windowed { on_time, late } = numbers
                        .clone()
                        .key_by_value(key)
                        .window("windows", Tumbling::of(400 * MS))
                        .aggregate(|totals: &mut Totals, _| totals.count += 1);
                    late.drop_counted();
                    on_time
                        .map(|w| (w.start(), w.key(), u64::from(w.value().count())))
                        .sink("windows found", found.windows.sink());
                    numbers
                        .key_by_value(key)
                        .process("keeper", || Keeper)
                        .sink("processed", found.processed.sink());
                    Ok(())
                }
            }
        }
    };
}

version!(
    first,
    #[record]
    pub(super) struct Totals {
        name: Str,
        count: u32,
        gone: Vec<u16>,
    },
    Totals { name: "a name that lies out of line".into(), count: 0, gone: vec![1, 2, 3] }
);

version!(
    second,
    #[record]
    pub(super) struct Totals {
        #[field(default = vec!["none".into()])]
        added: Vec<Str>,
        pub(super) count: u64,
        #[field(renamed_from = "name")]
        label: Option<Str>,
    },
    Totals { added: Vec::new(), count: 0, label: None }
);

version!(
    third,
    #[record(upgrade)]
    pub(super) struct Totals {
        pub(super) at_upgrade: u64,
        pub(super) count: u64,
    },
    Totals { at_upgrade: 0, count: 0 }
);

impl Upgrade for third::Totals {
    type Old = second::Totals;

    fn upgrade(old: second::Totals) -> Self {
        Self { at_upgrade: old.count, count: old.count }
    }
}

version!(
    without_default,
    #[record]
    pub(super) struct Totals {
        count: u32,
        added: u8,
    },
    Totals { count: 0, added: 0 }
);

version!(
    narrowed,
    #[record]
    pub(super) struct Totals {
        name: Str,
        count: u16,
    },
    Totals { name: Str::default(), count: 0 }
);

/// Runs a job for a while, and stops it.
fn begin(engine: EngineBuilder, job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static) {
    let engine = engine.build();
    let job = engine.deploy("job", job).unwrap();
    std::thread::sleep(50 * MS);
    job.stop();
    job.join().unwrap();
}

#[test]
fn state_of_every_kind_goes_on_with_types_that_have_changed() {
    let found = Found::default();
    Engine::builder().build().run("job", second::job(&found, None)).unwrap();
    let expected = found.take();
    assert_eq!(expected.2.len(), 5);
    for workers in [[1, 1, 1], [2, 1, 3]] {
        let folder = tempfile::tempdir().unwrap();
        begin(engine(workers[0], folder.path()), first::job(&found, Some(20_000)));
        begin(engine(workers[1], folder.path()), second::job(&found, Some(20_000)));
        // As it was written by now; and then by an upgrade.
        begin(engine(workers[2], folder.path()), second::job(&found, Some(20_000)));
        engine(workers[0], folder.path()).build().run("job", third::job(&found, None)).unwrap();
        assert!(found.take() == expected, "{workers:?} workers");
    }
}

fn refused(
    folder: &Path,
    job: impl Fn(&mut Topology) -> Result<()> + Send + Sync + 'static,
) -> Vec<String> {
    let error = engine(2, folder).build().run("job", job).unwrap_err().to_string();
    error.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn what_old_values_do_not_survive_is_refused_before_the_start_with_the_fields_name() {
    let folder = tempfile::tempdir().unwrap();
    let found = Found::default();
    begin(engine(1, folder.path()), first::job(&found, Some(20_000)));
    found.take();
    let lines = refused(folder.path(), without_default::job(&found, None));
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert_eq!(
        lines[0],
        "state \"value\" of operator \"values\" cannot be read from the checkpoint: field `added`, a `u8`, is new and has no default; go back to what it was, say how it is upgraded, or use another name and retire(\"values\", \"value\")"
    );
    let lines = refused(folder.path(), narrowed::job(&found, None));
    assert_eq!(
        lines[0],
        "state \"value\" of operator \"values\" cannot be read from the checkpoint: field `count` was `u32` and is `u16` now; go back to what it was, say how it is upgraded, or use another name and retire(\"values\", \"value\")"
    );
    assert!(lines.iter().any(|line| line.starts_with("state \"all\" of operator \"keeper\"")));
    assert_eq!(found.take(), Taken::default(), "nothing was begun");
    engine(1, folder.path()).build().run("job", first::job(&found, None)).unwrap();
}

/// A value for each key; the key's type, and how long it lives, are the caller's.
macro_rules! keyed {
    ($job:ident, $key:ty, $(#[$ttl:meta])*) => {
        mod $job {
            use super::*;
            use thalweg::process::{Cx, KeyedProcess, NoSide, NoTimers};
            use thalweg::state::{State, Value};

            #[derive(Debug, State)]
            struct Seen {
                $(#[$ttl])*
                seen: Value<u64>,
            }

            #[derive(Debug)]
            struct Counts;

            impl KeyedProcess for Counts {
                type Key = $key;
                type In = u64;
                type Out = u64;
                type State = Seen;
                type Timer = NoTimers;
                type Side = NoSide;

                fn on_event(&mut self, cx: &mut Cx<'_, Self>, _: &Rec<u64>) -> Result<(), OperatorFault> {
                    cx.state.seen.update(|seen| *seen += 1);
                    Ok(())
                }
            }

            pub(super) fn job(t: &mut Topology) -> Result<()> {
                t.source("numbers", Generator::of(0..100, |n| n))
                    .without_event_time()
                    .key_by_value(|n| <$key>::try_from(n.to_native() % KEYS).unwrap_or_default())
                    .process("counts", || Counts)
                    .sink("nowhere", Blackhole);
                Ok(())
            }
        }
    };
}

keyed!(by_u64, u64,);
keyed!(by_u32, u32,);
keyed!(expiring, u64, #[state(ttl = "1h", expires = "processing")]);

#[test]
fn keys_of_another_type_and_values_that_begin_to_expire_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    engine(1, folder.path()).build().run("job", by_u64::job).unwrap();
    let rest = "; go back to what it was, say how it is upgraded, or use another name and retire(\"counts\", \"seen\")";
    let start = "state \"seen\" of operator \"counts\" cannot be read from the checkpoint: ";
    assert_eq!(
        refused(folder.path(), by_u32::job),
        [format!("{start}its keys were `u64` and are `u32` now{rest}")]
    );
    assert_eq!(
        refused(folder.path(), expiring::job),
        [format!("{start}it was values that stay and is values that expire now{rest}")]
    );
    engine(1, folder.path()).build().run("job", by_u64::job).unwrap();
}
