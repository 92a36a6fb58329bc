//! What happened to the frozen chunks of one name since they were last frozen: new ones, dropped ones, and entries in them that died.
//!
//! It is a log of changes that is taken whole at each freeze. Sequence numbers are given once in a store's life, so the order in which changes are applied does not matter.

use crate::log::{Address, CHUNK_BYTES, size_class};
use crate::raw::Region;
use crate::segment::SegmentRef;
use std::sync::Arc;

/// Changes of one name.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// New chunks.
    pub(crate) chunks: Vec<Captured>,
    /// Sequence numbers of chunks that are gone.
    pub(crate) drops: Vec<u64>,
    /// Entries of frozen chunks that are gone, or have been copied elsewhere.
    pub(crate) deaths: Deaths,
    /// Files of an older checkpoint in which chunks are.
    pub(crate) segments: Vec<SegmentRef>,
}

/// A chunk as it was when it was frozen.
#[derive(Debug)]
pub(crate) struct Captured {
    /// Its sequence number.
    pub(crate) sequence: u64,
    /// Which pane it belongs to; 0 where there are none.
    pub(crate) pane: i64,
    /// Its number in its log, which addresses in it are relative to.
    pub(crate) number: u32,
    pub(crate) content: Content,
}

/// Where the bytes of a chunk are.
#[derive(Debug)]
pub(crate) enum Content {
    /// A copy of a small one.
    Copied(Box<[u8]>),
    /// The memory itself, the front of which is used.
    Shared(Arc<Region>, usize),
    /// On disk already.
    Filed(Filed),
}

/// A chunk that is on disk, as a directory has it.
#[derive(Clone, Debug)]
pub(crate) struct Filed {
    pub(crate) place: Place,
    /// What is to be added to the chunk numbers of addresses in it.
    pub(crate) shift: u32,
    /// The key groups whose entries count, first and last; all of them if there is none.
    pub(crate) groups: Option<(u32, u32)>,
    /// Units of dead entries.
    pub(crate) dead: Vec<u32>,
    /// Which roster lists its entries, if one does.
    pub(crate) listing: Option<FiledListing>,
}

/// What a roster is to a chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FiledListing {
    /// The roster.
    pub(crate) roster: Place,
    /// Which of its chunks this is.
    pub(crate) member: u32,
    /// How many of the chunk's entries it lists.
    pub(crate) entries: u32,
    /// Bytes of the chunk's entries that are dead, listed or not.
    pub(crate) dead_bytes: u64,
}

/// Some bytes of a segment that lie in one extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: crate::format::SegmentId,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// Dead entries, each by the sequence number of its chunk, its place in it and its size class.
///
/// Kept in blocks, so that noting one never copies the others.
#[derive(Debug, Default)]
pub(crate) struct Deaths {
    blocks: Vec<Vec<u64>>,
}

/// Entries of a block: 32 KiB.
const BLOCK: usize = 4096;

/// Bits of the place: a chunk has 2^17 units of 16 bytes.
const UNIT_BITS: u32 = 17;

/// Bits of the size class; 39 are left for the number, which is 2^60 bytes of chunks of 2 MiB.
const CLASS_BITS: u32 = 8;

impl Deaths {
    /// Notes that the entry at `address`, in a chunk that was frozen as `sequence`, is gone.
    #[inline]
    pub(crate) fn note(&mut self, sequence: u64, address: Address, class: u8) {
        let of_what = u64::from(class) << UNIT_BITS | u64::from(address.unit());
        let death = sequence << (UNIT_BITS + CLASS_BITS) | of_what;
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(death),
            _ => self.begin(death),
        }
    }

    #[cold]
    fn begin(&mut self, death: u64) {
        let mut block = Vec::with_capacity(if self.blocks.is_empty() { 16 } else { BLOCK });
        block.push(death);
        self.blocks.push(block);
    }

    /// Each as sequence number, unit and bytes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u32, usize)> {
        self.blocks.iter().flatten().map(|death| {
            let unit = u32::try_from(death & ((1 << UNIT_BITS) - 1));
            let class = u8::try_from(death >> UNIT_BITS & ((1 << CLASS_BITS) - 1));
            (
                death >> (UNIT_BITS + CLASS_BITS),
                unit.expect("invariant: 17 bits"),
                size_class::bytes(class.expect("invariant: 8 bits")),
            )
        })
    }
}

impl Journal {
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.drops.is_empty() && self.deaths.blocks.is_empty()
    }

    /// Adds what happened later.
    pub(crate) fn append(&mut self, mut later: Self) {
        if self.is_empty() && self.segments.is_empty() {
            *self = later;
            return;
        }
        self.chunks.append(&mut later.chunks);
        self.drops.append(&mut later.drops);
        self.deaths.blocks.append(&mut later.deaths.blocks);
        self.segments.append(&mut later.segments);
    }

    /// Whole chunks whose memory is shared.
    pub(crate) fn shared_chunks(&self) -> usize {
        let is_whole = |captured: &&Captured| match &captured.content {
            Content::Shared(region, _) => region.len() == CHUNK_BYTES,
            Content::Copied(_) | Content::Filed(_) => false,
        };
        self.chunks.iter().filter(is_whole).count()
    }

    /// Bytes of the chunks that are not on disk.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = |captured: &Captured| match &captured.content {
            Content::Copied(bytes) => bytes.len() as u64,
            Content::Shared(_, used) => *used as u64,
            Content::Filed(_) => 0,
        };
        self.chunks.iter().map(bytes).sum()
    }
}
