//! A source whose splits follow a script of bursts and silences, and that keeps an eye on who is polled when.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thalweg::error::OperatorFault;
use thalweg::io::Files;
use thalweg::prelude::*;
use thalweg::source::{Emitter, OpenContext, Polled, Source, SplitReader};

use crate::records::Event;

/// What a split does next.
#[derive(Debug, Clone)]
pub enum Act {
    /// Gives records, as many as are wanted at a time.
    Speak(Vec<Event>),
    /// Finds nothing, for so many polls.
    Silent(u32),
}

/// Splits with scripts.
#[derive(Debug, Clone)]
pub struct Scripted {
    scripts: Arc<Vec<Vec<Act>>>,
    /// The splits that this source has.
    splits: Range<usize>,
    watch: Arc<Watch>,
}

/// What was seen of the splits.
#[derive(Debug)]
struct Watch {
    bound: Duration,
    drift: Option<Duration>,
    /// How far each split has said it is; the end of time if it has ended.
    watermarks: Mutex<Vec<EventTime>>,
    violations: AtomicU64,
    read: Mutex<Vec<u64>>,
}

impl Scripted {
    /// Splits that say after every 64 records more, and when they run dry, that they are `bound` behind their latest record; with `drift`, none of them may be
    /// polled when it is farther ahead of the slowest than that. (Splits must not become idle then.)
    pub fn new(scripts: Vec<Vec<Act>>, bound: Duration, drift: Option<Duration>) -> Self {
        let watermarks = Mutex::new(vec![EventTime::MIN; scripts.len()]);
        let (violations, read) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        let watch = Watch { bound, drift, watermarks, violations, read };
        Self { splits: 0..scripts.len(), scripts: Arc::new(scripts), watch: Arc::new(watch) }
    }

    /// Two sources with one half of the splits each, which are watched together.
    pub fn halves(&self) -> [Self; 2] {
        let middle = self.splits.end / 2;
        [0..middle, middle..self.splits.end].map(|splits| Self { splits, ..self.clone() })
    }

    /// All records of all scripts.
    pub fn events(&self) -> Vec<Event> {
        let acts = self.scripts.iter().flatten();
        let records = acts.filter_map(|act| match act {
            Act::Speak(records) => Some(records.clone()),
            Act::Silent(_) => None,
        });
        records.flatten().collect()
    }

    /// The identities of the records that were read, in the order in which they were; begins anew.
    pub fn take_read(&self) -> Vec<u64> {
        let mut watermarks = self.watch.watermarks.lock().unwrap_or_else(PoisonError::into_inner);
        watermarks.fill(EventTime::MIN);
        std::mem::take(&mut self.watch.read.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Polls of splits that were too far ahead, so far. Of one thread, the simulator's, and not of a replay: there each worker runs ahead of the others.
    pub fn violations(&self) -> u64 {
        self.watch.violations.load(Ordering::Relaxed)
    }
}

/// Reads one script.
#[derive(Debug)]
pub struct ScriptReader {
    split: usize,
    script: std::vec::IntoIter<Act>,
    records: std::vec::IntoIter<Event>,
    silent: u32,
    /// Records since it last said where it is.
    unsaid: u64,
    greatest: EventTime,
    watch: Arc<Watch>,
}

impl Source for Scripted {
    type Out = Event;
    type Split = usize;
    type Reader = ScriptReader;

    fn splits(&self, _: &dyn Files) -> Result<Vec<usize>, OperatorFault> {
        Ok(self.splits.clone().collect())
    }

    fn open(&self, split: &usize, _: &OpenContext) -> Result<ScriptReader, OperatorFault> {
        Ok(ScriptReader {
            split: *split,
            script: self.scripts[*split].clone().into_iter(),
            records: Vec::new().into_iter(),
            silent: 0,
            unsaid: 0,
            greatest: EventTime::MIN,
            watch: Arc::clone(&self.watch),
        })
    }

    fn split_name(&self, split: &usize) -> String {
        format!("script {split}")
    }
}

impl ScriptReader {
    fn check(&self) {
        let Some(drift) = self.watch.drift else { return };
        let watermarks = self.watch.watermarks.lock().unwrap_or_else(PoisonError::into_inner);
        let least = watermarks.iter().copied().min().unwrap_or(EventTime::MAX);
        if watermarks[self.split] > least + drift {
            self.watch.violations.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn say(&self, at: EventTime) {
        let mut watermarks = self.watch.watermarks.lock().unwrap_or_else(PoisonError::into_inner);
        watermarks[self.split] = watermarks[self.split].max(at);
    }

    fn say_where(&mut self) {
        self.unsaid = 0;
        self.say(self.greatest - self.watch.bound);
    }

    fn emit(&mut self, record: &Event, out: &mut Emitter<'_, Event>) {
        out.emit(record);
        self.watch.read.lock().unwrap_or_else(PoisonError::into_inner).push(record.id);
        self.greatest = self.greatest.max(record.at);
        self.unsaid += 1;
        if self.unsaid == 64 {
            self.say_where();
        }
    }
}

impl SplitReader<Event> for ScriptReader {
    fn poll(&mut self, out: &mut Emitter<'_, Event>) -> Result<Polled, OperatorFault> {
        self.check();
        loop {
            if self.silent > 0 {
                self.silent -= 1;
                self.say_where();
                return Ok(Polled::Dry);
            }
            while out.wanted() > 0 {
                match self.records.next() {
                    Some(record) => self.emit(&record, out),
                    None => break,
                }
            }
            if out.wanted() == 0 {
                return Ok(Polled::More);
            }
            match self.script.next() {
                Some(Act::Speak(records)) => self.records = records.into_iter(),
                Some(Act::Silent(polls)) => self.silent = polls,
                None => {
                    self.say(EventTime::MAX);
                    return Ok(Polled::End);
                }
            }
        }
    }
}
