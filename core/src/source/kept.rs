//! What a checkpoint keeps of a source: of each split how far it was read and what was known of its event time; and how that becomes splits again.
//!
//! Splits are recognised by their names. One that was read to its end is not opened again; one that was read in part goes on where it was, whatever worker it comes
//! to, also if the source does not list it any more; one that the checkpoint does not know begins at its start.
//!
//! # Not here
//!
//! Where what was read is gone, as from a socket, there is no position: such a split begins anew, and the job goes on with what comes then.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use thalweg_storage::checkpoint;

use super::{Position, Source};
use crate::checkpoint::Restored;
use crate::error::OperatorFault;
use crate::time::EventTime;

/// What is known of a split's event time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SplitTime {
    /// The latest that is believed, nanoseconds.
    pub(super) greatest: i64,
    /// The split's watermark, nanoseconds.
    pub(super) watermark: i64,
    /// Records since a watermark was made.
    pub(super) since_watermark: u64,
    /// Records in a row that lay too far in the future, and the least of them.
    pub(super) doubted: (u32, i64),
}

/// How far a split was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Progress {
    /// Not opened yet; kept of splits that nobody would list again.
    Waiting,
    /// Read up to a position, if the source has any, as it writes it down.
    Open(Option<String>, SplitTime),
    /// Read to its end.
    Done,
}

/// A split as a checkpoint keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// The split, as it writes itself down.
    split: String,
    progress: Progress,
}

/// Where a split goes on.
#[derive(Debug, Clone)]
pub(crate) struct Resumed {
    pub(super) position: Option<Position>,
    pub(super) time: SplitTime,
}

/// A split that is to be read: its number among all of the source, and where it goes on if it does.
#[derive(Debug)]
pub(crate) struct ToRead<P> {
    pub(super) number: usize,
    pub(super) split: P,
    pub(super) from: Option<Resumed>,
}

/// What comes to one worker.
pub(crate) struct Dealt<P> {
    pub(crate) splits: VecDeque<ToRead<P>>,
    /// Splits that were read to their end, of which this worker reminds the next checkpoint.
    pub(crate) done: Vec<P>,
    /// Splits that are to be read, by all workers together.
    pub(crate) left: usize,
}

/// A split that another source, or another version of this one, has written.
#[derive(Debug, thiserror::Error)]
#[error(
    "{split} is not a split of this source; was another source given this name? give it one of its own"
)]
struct SplitError {
    split: String,
    source: sonic_rs::Error,
}

/// What is kept of one split.
fn kept<S: Source>(
    source: &S,
    name: &str,
    split: &S::Split,
    progress: Progress,
) -> Result<checkpoint::Position, OperatorFault> {
    let kept = Kept { split: sonic_rs::to_string(split)?, progress };
    Ok(checkpoint::Position {
        source: name.to_owned(),
        split: source.split_name(split),
        position: sonic_rs::to_vec(&kept)?,
    })
}

/// Of a split that is read: where its reader is, if it can say so.
pub(super) fn open<S: Source>(
    (source, name): (&S, &str),
    split: &S::Split,
    position: Option<Position>,
    time: SplitTime,
) -> Result<checkpoint::Position, OperatorFault> {
    kept(source, name, split, Progress::Open(position.map(Position::into_text), time))
}

/// Of a split that waits for its turn, which had begun before, or would not be found again.
pub(super) fn waiting<S: Source>(
    (source, name): (&S, &str),
    to_read: &ToRead<S::Split>,
) -> Result<checkpoint::Position, OperatorFault> {
    let progress = match &to_read.from {
        None => Progress::Waiting,
        Some(Resumed { position, time }) => {
            Progress::Open(position.clone().map(Position::into_text), *time)
        }
    };
    kept(source, name, &to_read.split, progress)
}

/// Of a split that was read to its end.
pub(super) fn done<S: Source>(
    (source, name): (&S, &str),
    split: &S::Split,
) -> Result<checkpoint::Position, OperatorFault> {
    kept(source, name, split, Progress::Done)
}

/// Deals the splits of a source that lists `all` to worker `worker` of `workers`. `unlisted`: the number of the first split that is known from the checkpoint alone.
pub(crate) fn deal<S: Source>(
    (source, name): (&S, &str),
    all: &[S::Split],
    restored: Option<&Restored>,
    (worker, workers): (usize, usize),
    unlisted: usize,
) -> Result<Dealt<S::Split>, OperatorFault> {
    let mut known = BTreeMap::new();
    for position in restored.into_iter().flat_map(|restored| restored.positions(name)) {
        known.insert(&*position.split, sonic_rs::from_slice::<Kept>(&position.position)?);
    }
    let (mut left, mut done) = (Vec::new(), Vec::new());
    for (number, split) in all.iter().enumerate() {
        match known.remove(&*source.split_name(split)) {
            None => left.push(ToRead { number, split: split.clone(), from: None }),
            Some(kept) => go_on(kept, number, &mut left, &mut done)?,
        }
    }
    for (index, kept) in known.into_values().enumerate() {
        go_on(kept, unlisted + index, &mut left, &mut done)?;
    }
    let count = left.len();
    Ok(Dealt {
        splits: left.into_iter().skip(worker).step_by(workers).collect(),
        done: done.into_iter().skip(worker).step_by(workers).collect(),
        left: count,
    })
}

fn go_on<P: serde::de::DeserializeOwned>(
    kept: Kept,
    number: usize,
    left: &mut Vec<ToRead<P>>,
    done: &mut Vec<P>,
) -> Result<(), OperatorFault> {
    let Kept { split, progress } = kept;
    let split = sonic_rs::from_str(&split).map_err(|source| SplitError { split, source })?;
    match progress {
        Progress::Done => done.push(split),
        Progress::Waiting => left.push(ToRead { number, split, from: None }),
        Progress::Open(position, time) => {
            let from = Some(Resumed { position: position.map(Position::from_text), time });
            left.push(ToRead { number, split, from });
        }
    }
    Ok(())
}

impl SplitTime {
    pub(super) fn greatest(self) -> EventTime {
        EventTime::from_nanos(self.greatest)
    }

    pub(super) fn watermark(self) -> EventTime {
        EventTime::from_nanos(self.watermark)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use thalweg_storage::checkpoint::{Manifest, Part};

    use super::*;
    use crate::source::Items;

    type Numbers = Items<u64, fn(usize) -> std::ops::Range<u64>>;

    fn source(splits: usize) -> Numbers {
        Items::per_split(splits, |_| 0..9)
    }

    fn restored(positions: Vec<checkpoint::Position>) -> Restored {
        let parts = vec![Part { positions, ..Part::default() }];
        Restored::new(Manifest { parts, ..Manifest::default() }, BTreeSet::new())
    }

    fn dealt(source: &Numbers, restored: Option<&Restored>, place: (usize, usize)) -> Dealt<usize> {
        let all = source.splits(&crate::rt::SystemFiles).unwrap();
        deal((source, "numbers"), &all, restored, place, 1_000).unwrap()
    }

    #[test]
    fn splits_go_on_where_they_were_on_whatever_worker() {
        let source = source(4);
        let time = SplitTime { greatest: 7, watermark: 5, since_watermark: 3, doubted: (1, 9) };
        let name = (&source, "numbers");
        let restored = restored(vec![
            done(name, &1).unwrap(),
            open(name, &2, Some(Position::of(&6_u64)), time).unwrap(),
            // Nobody lists it any more.
            open(name, &9, Some(Position::of(&4_u64)), time).unwrap(),
            kept(&source, "others", &0, Progress::Done).unwrap(),
        ]);
        let mut read = Vec::new();
        for worker in 0..2 {
            let Dealt { splits, done, left } = dealt(&source, Some(&restored), (worker, 2));
            assert_eq!(left, 4);
            assert_eq!(done, if worker == 0 { vec![1] } else { vec![] });
            for ToRead { number, split, from } in splits {
                let from =
                    from.map(|from| (from.position.unwrap().read::<u64>().unwrap(), from.time));
                read.push((number, split, from));
            }
        }
        read.sort_by_key(|(number, ..)| *number);
        let expected =
            [(0, 0, None), (2, 2, Some((6, time))), (3, 3, None), (1_000, 9, Some((4, time)))];
        assert_eq!(read, expected);
    }

    #[test]
    fn without_a_checkpoint_every_split_begins_at_its_start() {
        let numbers: Vec<usize> =
            dealt(&source(5), None, (1, 2)).splits.iter().map(|to_read| to_read.number).collect();
        assert_eq!(numbers, [1, 3]);
    }
}
