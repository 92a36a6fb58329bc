//! Filter and map over slotted pages of archives, written by hand: the lower bound of a fused chain.
//!
//! The input is what any slotted page can lend: its bytes, and the end of each record. A record is a
//! self-contained rkyv archive with its root at its end, so the loop needs no start, no copy and no
//! deserialisation. The engine's generic chain over the same bytes should take at most 1.25 times as long.
//!
//! The fields are decoded here from the documented layout (`#[repr(C)]` roots, strings of up to 8 bytes
//! inline, longer ones by length and relative offset), because rkyv's own unvalidated access is `unsafe`.
//! What remains of safety is a bounds check a field. The test compares it with rkyv's validated access.

use std::mem::offset_of;
use std::ops::RangeInclusive;
use std::time::Duration;

use rkyv::rancor;
use rkyv::util::AlignedVec;

use super::bids::hash_of_key;
use crate::load::clock::Clock;

/// The record of this reference: an integer to filter by and a string to carry along.
#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize)]
pub struct Order {
    /// What the filter compares.
    pub amount: i64,
    /// What the map hands on.
    pub customer: String,
}

/// What the map makes of an order that passed the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubled<'a> {
    /// Twice the amount.
    pub amount: i64,
    /// The customer's bytes, still in the page.
    pub customer: &'a [u8],
}

/// Keeps the orders of at least `least`, doubles their amount, and hands each to `emit`.
///
/// * `bytes`: the front of a page, archives of [`Order`] with their strings before the root.
/// * `ends`: the end of each record in `bytes`, from the page's slots.
///
/// # Panics
///
/// If an end or a string lies outside `bytes`.
#[inline]
pub fn filter_map<'a>(
    bytes: &'a [u8],
    ends: impl IntoIterator<Item = u32>,
    least: i64,
    mut emit: impl FnMut(Doubled<'a>),
) {
    for end in ends {
        let root = end as usize - size_of::<ArchivedOrder>();
        let amount = i64::from_le_bytes(word_at(bytes, root + offset_of!(ArchivedOrder, amount)));
        if amount >= least {
            let customer = string_at(bytes, root + offset_of!(ArchivedOrder, customer));
            emit(Doubled { amount: amount * 2, customer });
        }
    }
}

#[inline(always)]
fn word_at(bytes: &[u8], at: usize) -> [u8; 8] {
    *bytes[at..].first_chunk().expect("invariant: a field lies within its record")
}

/// The bytes of the archived string whose representation is at `at`.
#[inline(always)]
fn string_at(bytes: &[u8], at: usize) -> &[u8] {
    let word = word_at(bytes, at);
    // `10xxxxxx` never begins UTF-8, so it marks a string that lies elsewhere.
    if word[0] & 0xc0 != 0x80 {
        return &bytes[at..at + inline_len(u64::from_le_bytes(word))];
    }
    let [l0, l1, l2, l3, o0, o1, o2, o3] = word;
    let tagged_len = u32::from_le_bytes([l0, l1, l2, l3]);
    let len = (tagged_len & 0x3f) | ((tagged_len & !0xff) >> 2);
    let offset = i32::from_le_bytes([o0, o1, o2, o3]);
    let start = at.wrapping_add_signed(offset as isize);
    &bytes[start..start + len as usize]
}

/// Bytes before the first `0xff`, which pads inline strings and never occurs in UTF-8; 8 if there is none.
///
/// Finding a zero byte in a word: Warren, "Hacker's Delight", 6-1. Its false positives lie above the first
/// true one, and only the lowest is used.
#[inline(always)]
fn inline_len(word: u64) -> usize {
    let flipped = !word;
    let zero_bytes = flipped.wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080;
    (zero_bytes.trailing_zeros() / 8) as usize
}

/// The front of a page, and its records' ends.
#[derive(Debug, Default)]
pub struct OrderPage {
    /// Archives, each with its root at its end.
    pub bytes: AlignedVec,
    /// One for each record.
    pub ends: Vec<u32>,
}

/// Bytes of a page that are left for archives and slots.
const PAGE_BYTES: usize = 8192;
const SLOT_BYTES: usize = 24;

/// Packs orders into pages as the engine does: while an archive and its slot of 24 bytes fit into 8 KiB.
#[must_use]
pub fn pages_of(orders: &[Order]) -> Vec<OrderPage> {
    let mut pages = vec![OrderPage::default()];
    for order in orders {
        let archive =
            rkyv::to_bytes::<rancor::Error>(order).expect("invariant: memory is the only limit");
        let open = pages.last_mut().expect("invariant: there is always an open page");
        let used = open.bytes.len() + (open.ends.len() + 1) * SLOT_BYTES;
        let page = if used + archive.len() <= PAGE_BYTES {
            open
        } else {
            pages.push(OrderPage::default());
            pages.last_mut().expect("invariant: one was just pushed")
        };
        page.bytes.extend_from_slice(&archive);
        // The next archive's integers must be aligned for whoever reads them by reference. An archive is
        // a multiple of its root's alignment, which is 8, so there is nothing to pad.
        debug_assert_eq!(page.bytes.len() % align_of::<ArchivedOrder>(), 0);
        page.ends.push(u32::try_from(page.bytes.len()).expect("invariant: a page has 8 KiB"));
    }
    pages
}

/// Orders with amounts even over `0..1000` and customers of so many bytes, the same at every call.
#[must_use]
pub fn orders(count: usize, customer_bytes: RangeInclusive<usize>) -> Vec<Order> {
    let lengths = (customer_bytes.end() - customer_bytes.start() + 1) as u64;
    let order = |i: u64| {
        let random = hash_of_key(hash_of_key(i));
        let len = customer_bytes.start() + usize::try_from((random >> 32) % lengths).unwrap_or(0);
        let letters =
            (0..len as u64).map(|at| char::from(b'a' + (hash_of_key(random ^ at) % 26) as u8));
        Order { amount: (random % 1000).cast_signed(), customer: letters.collect() }
    };
    (0..count as u64).map(order).collect()
}

/// What a run of the loop over some pages cost.
#[derive(Debug, Clone, Copy)]
pub struct ChainCost {
    /// Records that were read.
    pub records: u64,
    /// Records that passed the filter.
    pub kept: u64,
    /// For all records.
    pub elapsed: Duration,
}

impl ChainCost {
    /// Nanoseconds a record that was read.
    #[must_use]
    pub fn record_ns(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people to read")]
        let records = self.records as f64;
        self.elapsed.as_secs_f64() * 1e9 / records
    }
}

/// Runs the loop `rounds` times over the pages, with a sink that adds up what it is handed.
#[must_use]
pub fn measure(pages: &[OrderPage], least: i64, rounds: u64) -> ChainCost {
    let (mut kept, mut sum) = (0_u64, 0_i64);
    let clock = Clock::start();
    for _ in 0..rounds {
        for page in pages {
            filter_map(&page.bytes, page.ends.iter().copied(), least, |order| {
                kept += 1;
                let first = order.customer.first().copied().unwrap_or(0);
                sum = sum.wrapping_add(
                    order.amount + order.customer.len().cast_signed() as i64 + i64::from(first),
                );
            });
        }
    }
    let elapsed = clock.elapsed();
    std::hint::black_box(sum);
    let records = pages.iter().map(|page| page.ends.len() as u64).sum::<u64>() * rounds;
    ChainCost { records, kept, elapsed }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_hand_written_loop_agrees_with_validated_access(
            orders in prop::collection::vec((-500_i64..500, "\\PC{0,40}"), 0..300), least in -500_i64..500,
        ) {
            let orders: Vec<Order> =
                orders.into_iter().map(|(amount, customer)| Order { amount, customer }).collect();
            let pages = pages_of(&orders);
            let expected = orders.iter().filter(|order| order.amount >= least);
            let expected: Vec<Doubled> = expected
                .map(|order| Doubled { amount: order.amount * 2, customer: order.customer.as_bytes() })
                .collect();
            let mut got = vec![];
            let mut validated = vec![];
            for page in &pages {
                filter_map(&page.bytes, page.ends.iter().copied(), least, |order| got.push(order));
                for &end in &page.ends {
                    let record = &page.bytes[..end as usize];
                    let order = rkyv::access::<ArchivedOrder, rancor::Error>(record).unwrap();
                    if order.amount >= least {
                        let amount = order.amount.to_native() * 2;
                        validated.push(Doubled { amount, customer: order.customer.as_bytes() });
                    }
                }
            }
            prop_assert_eq!(&got, &expected);
            prop_assert_eq!(&validated, &expected);
        }
    }

    #[test]
    fn inline_strings_end_at_the_padding_and_may_fill_the_word() {
        let lengths = ["", "a", "abcdefg", "abcdefgh"].map(|text| {
            let mut word = [0xff; 8];
            word[..text.len()].copy_from_slice(text.as_bytes());
            inline_len(u64::from_le_bytes(word))
        });
        assert_eq!(lengths, [0, 1, 7, 8]);
    }

    #[test]
    fn no_page_is_larger_than_8_kib_with_its_slots() {
        let pages = pages_of(&orders(2_000, 4..=20));
        assert!(
            pages.iter().all(|page| page.bytes.len() + page.ends.len() * SLOT_BYTES <= PAGE_BYTES)
        );
        assert_eq!(pages.iter().map(|page| page.ends.len()).sum::<usize>(), 2_000);
    }

    #[test]
    fn a_measurement_counts_what_it_read_and_kept() {
        let orders = orders(500, 4..=8);
        let kept = orders.iter().filter(|order| order.amount >= 100).count() as u64;
        let cost = measure(&pages_of(&orders), 100, 2);
        assert_eq!((cost.records, cost.kept), (1_000, kept * 2));
    }
}
