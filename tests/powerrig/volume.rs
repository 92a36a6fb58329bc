//! A disk in memory that forgets what was not flushed.
//!
//! # Invariants
//!
//! 1. A read gives what was written last, flushed or not.
//! 2. What a flush has returned for is in every disk that is left by a cut after it.
//! 3. A sector, 512 bytes, is written or not; of a longer write any sectors may be.

use std::collections::BTreeMap;
use std::sync::Arc;

use thalweg_tests::dice::Dice;

const BLOCK_BYTES: usize = 4096;
const SECTOR_BYTES: usize = 512;

/// What a disk has; zeros where nothing was written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blocks(BTreeMap<u64, Arc<[u8; BLOCK_BYTES]>>);

/// Where bytes from `offset` on lie: block by block its number, where in it, and how many.
fn pieces(offset: u64, count: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = usize::try_from(at % BLOCK_BYTES as u64).expect("less than a block");
        let bytes = (BLOCK_BYTES - within).min(count - done);
        done += bytes;
        (bytes > 0).then_some((at / BLOCK_BYTES as u64, within, bytes))
    })
}

impl Blocks {
    fn write(&mut self, offset: u64, mut bytes: &[u8]) {
        for (block, within, count) in pieces(offset, bytes.len()) {
            let block = self.0.entry(block).or_insert_with(|| Arc::new([0; BLOCK_BYTES]));
            let (front, rest) = bytes.split_at(count);
            Arc::make_mut(block)[within..within + count].copy_from_slice(front);
            bytes = rest;
        }
    }

    fn read(&self, offset: u64, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count);
        for (block, within, count) in pieces(offset, count) {
            match self.0.get(&block) {
                Some(block) => bytes.extend_from_slice(&block[within..within + count]),
                None => bytes.resize(bytes.len() + count, 0),
            }
        }
        bytes
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Volume {
    current: Blocks,
    durable: Blocks,
    /// Written since the last flush, in their order.
    pending: Vec<(u64, Vec<u8>)>,
    /// After so many writes and flushes more the power goes.
    cut_after: Option<(u64, Dice)>,
    /// What was left when it went.
    left: Option<Blocks>,
    lost: Lost,
}

/// What became at a cut of what was not flushed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lost {
    pub(crate) writes: u64,
    /// Of those, which are wholly there.
    pub(crate) whole: u64,
    /// And in part.
    pub(crate) torn: u64,
}

impl Lost {
    pub(crate) fn add(&mut self, other: Self) {
        self.writes += other.writes;
        self.whole += other.whole;
        self.torn += other.torn;
    }
}

impl Volume {
    pub(crate) fn with(blocks: Blocks) -> Self {
        Self { current: blocks.clone(), durable: blocks, ..Self::default() }
    }

    pub(crate) fn read(&self, offset: u64, count: usize) -> Vec<u8> {
        self.current.read(offset, count)
    }

    /// Writes; true if the power has gone behind it.
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) -> bool {
        self.current.write(offset, bytes);
        self.pending.push((offset, bytes.to_vec()));
        self.tick()
    }

    /// Makes durable what was written; true if the power has gone behind it.
    pub(crate) fn flush(&mut self) -> bool {
        for (offset, bytes) in self.pending.drain(..) {
            self.durable.write(offset, &bytes);
        }
        self.tick()
    }

    /// The power is to go behind so many writes and flushes; 1: the next.
    pub(crate) fn cut_after(&mut self, operations: u64, dice: Dice) {
        self.cut_after = Some((operations, dice));
    }

    fn tick(&mut self) -> bool {
        let Some((left, dice)) = &mut self.cut_after else { return false };
        *left -= 1;
        if *left > 0 {
            return false;
        }
        let mut dice = Dice::new(dice.next());
        self.cut(&mut dice);
        self.cut_after = None;
        true
    }

    /// The power goes, if it has not gone before; gives what is left. Whoever uses this volume still does not notice; what becomes of it is lost.
    pub(crate) fn cut(&mut self, dice: &mut Dice) -> Blocks {
        if self.left.is_none() {
            let (left, lost) = self.survivors(dice);
            (self.left, self.lost) = (Some(left), lost);
        }
        self.left.clone().expect("invariant: just made")
    }

    /// What the cut has cost.
    pub(crate) fn lost(&self) -> Lost {
        self.lost
    }

    /// True if the power has gone.
    pub(crate) fn is_cut(&self) -> bool {
        self.left.is_some()
    }

    /// Nothing of what is pending; or the first writes, and of the next one some sectors; or some whole writes; or some sectors of all.
    fn survivors(&self, dice: &mut Dice) -> (Blocks, Lost) {
        let (mut blocks, mut lost) = (self.durable.clone(), Lost::default());
        let how = dice.below(4);
        let (first, share) = (dice.below(self.pending.len() as u64 + 1), dice.between(1, 7));
        for (number, (offset, bytes)) in (0..).zip(&self.pending) {
            let eighths = match how {
                1 if number < first => 8,
                1 if number == first => share,
                2 if dice.below(8) < share => 8,
                3 => share,
                _ => 0,
            };
            let (mut sectors, mut kept) = (0, 0);
            for (at, sector) in (*offset..).step_by(SECTOR_BYTES).zip(bytes.chunks(SECTOR_BYTES)) {
                sectors += 1;
                if dice.below(8) < eighths {
                    blocks.write(at, sector);
                    kept += 1;
                }
            }
            lost.writes += 1;
            lost.whole += u64::from(kept == sectors);
            lost.torn += u64::from(0 < kept && kept < sectors);
        }
        (blocks, lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_flushed_is_left_and_what_was_not_may_be_torn_between_sectors() {
        let mut seen = [false; 3];
        for seed in 0..100 {
            let mut volume = Volume::default();
            volume.write(4000, &[1; 1000]);
            volume.flush();
            volume.write(4096, &[2; 4096]);
            assert_eq!(volume.read(3999, 3), [0, 1, 1]);
            assert_eq!(volume.read(8191, 2), [2, 0]);
            let left = volume.cut(&mut Dice::new(seed));
            assert_eq!(left.read(4000, 96), [1; 96], "flushed, and not written again");
            let found = left.read(4096, 4096);
            for (number, sector) in found.chunks(SECTOR_BYTES).enumerate() {
                let before = Volume::with(left.clone()).read(4096 + 512 * number as u64, 512);
                assert_eq!(before, sector);
                let is_new = sector.iter().all(|byte| *byte == 2);
                let is_old = !sector.contains(&2);
                assert!(is_new || is_old, "sector {number}");
            }
            let new = found.chunks(SECTOR_BYTES).filter(|sector| sector[0] == 2).count();
            seen[usize::from(new > 0) + usize::from(new == 8)] = true;
        }
        assert_eq!(seen, [true; 3], "nothing, some, all of it");
    }

    #[test]
    fn a_cut_comes_behind_the_operation_that_was_named_and_only_once() {
        let mut volume = Volume::default();
        volume.cut_after(3, Dice::new(1));
        assert!(!volume.write(0, &[1; 512]) && !volume.flush());
        assert!(volume.flush() && volume.is_cut());
        volume.write(0, &[2; 512]);
        assert!(!volume.flush());
        assert_eq!(volume.cut(&mut Dice::new(2)).read(0, 512), [1; 512]);
    }
}
