//! Where a query's result goes: into memory or into files as lines, to be compared, nowhere, to be measured, or to a clock.

use thalweg::api::Stream;
use thalweg::operator::Chain;
use thalweg::prelude::*;
use thalweg::record::{KeyRef, KeyScratch, Record};

use super::line::{Line, Row};
use super::written::Written;
use crate::latency::arrivals::Arrivals;

/// Takes the result of one query; made before the job, read after it.
#[derive(Debug, Clone)]
pub enum Outlet {
    /// Keeps the lines of the result.
    Kept(Kept),
    /// Writes the lines of the result into files.
    Written(Written),
    /// Takes the records and drops them.
    Dropped,
    /// Notes when they arrive.
    Timed(Arrivals),
}

/// Lines of a result: those that stay, and those that were replaced or deleted no more.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    rows: Collected<Str>,
    upserts: UpsertCollected<Vec<u8>, Vec<Str>>,
}

impl Kept {
    /// The whole result, sorted by bytes; equal lines are as many as they came.
    pub fn sorted(&self) -> String {
        let mut lines = self.rows.take();
        lines.extend(self.upserts.take().into_values().flatten());
        sorted(lines)
    }
}

/// Lines as one text, in the order of their bytes.
pub(super) fn sorted<L: AsRef<str> + Ord>(mut lines: Vec<L>) -> String {
    lines.sort_unstable();
    let mut text = String::new();
    for line in lines {
        text.push_str(line.as_ref());
        text.push('\n');
    }
    text
}

/// The lines of rows.
fn lines<T: Record + Row, C: Chain<Out = T>>(
    stream: Stream<T, C>,
) -> Stream<Str, impl Chain<Out = Str>> {
    stream.flat_map(|row, out| row.to_value().lines().iter().for_each(|line| out.emit(line)))
}

/// The bytes of a key, and the lines that it has now.
type Replacing = (Vec<u8>, Option<Vec<Str>>);

/// Rows as changes of what their keys have.
fn replacing<T, C, K, F>(
    stream: Stream<T, C>,
    key: F,
    write: fn(&T, &mut Line),
) -> Stream<Replacing, impl Chain<Out = Replacing>>
where
    T: Record,
    C: Chain<Out = T>,
    K: KeyRef,
    F: Fn(&Rec<T>) -> K + 'static,
{
    let mut scratch = KeyScratch::new();
    stream.map(move |row| {
        let lines = Line::of(|line| write(&row.to_value(), line));
        (key(row).bytes(&mut scratch).to_vec(), Some(lines))
    })
}

/// The lines of changes.
fn changes<K, T, C>(
    stream: Stream<(K, Option<T>), C>,
) -> Stream<Replacing, impl Chain<Out = Replacing>>
where
    K: Record + KeyRef,
    T: Record + Row,
    C: Chain<Out = (K, Option<T>)>,
{
    let mut scratch = KeyScratch::new();
    stream.map(move |change| {
        let (key, row) = change.to_value();
        (key.bytes(&mut scratch).to_vec(), row.map(|row| row.lines()))
    })
}

impl Outlet {
    /// A result of rows that are final when they come.
    pub fn rows<T, C>(&self, stream: Stream<T, C>)
    where
        T: Record + Row,
        C: Chain<Out = T>,
    {
        match self {
            Self::Kept(kept) => lines(stream).sink("result", kept.rows.sink()),
            Self::Written(written) => lines(stream).sink("result", written.rows()),
            Self::Dropped => stream.sink("result", Blackhole),
            Self::Timed(arrivals) => arrivals.sink(stream),
        }
    }

    /// A result in which each row replaces the one of its key.
    pub fn table<T, C, K, F>(&self, stream: Stream<T, C>, key: F)
    where
        T: Record + Row,
        C: Chain<Out = T>,
        K: KeyRef,
        F: Fn(&Rec<T>) -> K + 'static,
    {
        self.table_of(stream, key, T::write);
    }

    /// As [`Self::table`], with rows that are written by `write`.
    pub fn table_of<T, C, K, F>(&self, stream: Stream<T, C>, key: F, write: fn(&T, &mut Line))
    where
        T: Record,
        C: Chain<Out = T>,
        K: KeyRef,
        F: Fn(&Rec<T>) -> K + 'static,
    {
        match self {
            Self::Kept(kept) => {
                replacing(stream, key, write).sink("result", Upserts(kept.upserts.sink()));
            }
            Self::Written(written) => {
                replacing(stream, key, write).sink("result", written.changes());
            }
            Self::Dropped => stream.sink("result", Blackhole),
            Self::Timed(arrivals) => arrivals.sink(stream),
        }
    }

    /// A result of changes: a row of a key replaces the one before, `None` deletes it.
    pub fn upserts<K, T, C>(&self, stream: Stream<(K, Option<T>), C>)
    where
        K: Record + KeyRef,
        T: Record + Row,
        C: Chain<Out = (K, Option<T>)>,
    {
        match self {
            Self::Kept(kept) => {
                changes(stream).sink("result", Upserts(kept.upserts.sink()));
            }
            Self::Written(written) => changes(stream).sink("result", written.changes()),
            Self::Dropped => stream.sink("result", Blackhole),
            Self::Timed(arrivals) => arrivals.sink(stream),
        }
    }
}
