//! Results out of a dataflow: kept as lines, to be compared, or dropped where they arrive, to be measured.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};

use thalweg_bench::nexmark::line::Line;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;

#[derive(Default)]
struct Kept {
    rows: Vec<String>,
    /// The latest line of each key.
    table: HashMap<u64, String>,
}

/// Takes the result of a query on all workers.
#[derive(Clone)]
pub struct Outlet(Option<Arc<Mutex<Kept>>>);

fn text(write: impl FnOnce(&mut Line)) -> String {
    Line::of(write).concat_lines()
}

trait Concat {
    fn concat_lines(&self) -> String;
}

impl Concat for Vec<thalweg::record::Str> {
    fn concat_lines(&self) -> String {
        self.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n")
    }
}

impl Outlet {
    /// Keeps the result, or drops it.
    pub fn of(keep: bool) -> Self {
        Self(keep.then(Arc::default))
    }

    /// All lines, sorted by bytes.
    pub fn sorted(&self) -> String {
        let Some(kept) = &self.0 else { return String::new() };
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines: Vec<&str> =
            kept.rows.iter().chain(kept.table.values()).map(|l| &**l).collect();
        lines.sort_unstable();
        lines.iter().flat_map(|line| [line, "\n"]).collect()
    }

    fn each<D: 'static>(
        &self,
        stream: StreamVec<'_, u64, D>,
        keep: impl Fn(&mut Kept, &D) + 'static,
    ) {
        let kept = self.0.clone();
        stream.sink(Pipeline, "result", move |(input, _)| {
            input.for_each(|_, rows| match &kept {
                None => {
                    black_box(&*rows);
                    rows.clear();
                }
                Some(kept) => {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    rows.drain(..).for_each(|row| keep(&mut kept, &row));
                }
            });
        });
    }

    /// Rows that are final.
    pub fn rows<D: 'static>(&self, stream: StreamVec<'_, u64, D>, write: fn(&D, &mut Line)) {
        self.each(stream, move |kept, row| kept.rows.push(text(|line| write(row, line))));
    }

    /// Rows of which each replaces the one of its key.
    pub fn table<D: 'static>(
        &self,
        stream: StreamVec<'_, u64, D>,
        key: fn(&D) -> u64,
        write: fn(&D, &mut Line),
    ) {
        self.each(stream, move |kept, row| {
            kept.table.insert(key(row), text(|line| write(row, line)));
        });
    }
}
