//! Makes inputs of seeds: the changes that fuzzers make, without asking what was reached by them.

use thalweg_tests::dice::Dice;

/// No input is longer, bytes.
const MOST: usize = 256 << 10;

/// Lengths and numbers at which something may change.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x10000,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 40,
    i64::MAX.cast_unsigned(),
    u64::MAX,
];

/// One input, made of `seeds`.
pub(crate) fn input(dice: &mut Dice, seeds: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
    let mut input = chosen(dice, seeds).clone();
    // Mostly few: what is changed all over is refused at once.
    for _ in 0..dice.log_between(1, 24) {
        change(dice, &mut input, seeds, words);
    }
    input.truncate(MOST);
    input
}

fn chosen<'a, T>(dice: &mut Dice, of: &'a [T]) -> &'a T {
    &of[below(dice, of.len())]
}

fn below(dice: &mut Dice, bound: usize) -> usize {
    usize::try_from(dice.below(bound.max(1) as u64)).expect("below a length")
}

/// A number of bytes, small ones as likely as large ones.
fn few(dice: &mut Dice, most: usize) -> usize {
    let bound = dice.log_between(1, most.max(1) as u64 + 1);
    usize::try_from(bound).expect("below a length").min(most)
}

fn change(dice: &mut Dice, input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&[u8]]) {
    let at = below(dice, input.len());
    let number = |dice: &mut Dice| {
        let near = chosen(dice, &EDGES).wrapping_add_signed(dice.between(0, 4).cast_signed() - 2);
        let bytes = if dice.below(2) == 0 { near } else { dice.next() }.to_le_bytes();
        bytes[..1 << dice.below(4)].to_vec()
    };
    match dice.below(10) {
        0 | 1 => write(input, at, &number(dice)),
        2 if !input.is_empty() => input[at] ^= 1 << dice.below(8),
        3 if !input.is_empty() => {
            let by = dice.between(0, 64).to_le_bytes()[0].wrapping_sub(32);
            input[at] = input[at].wrapping_add(by);
        }
        4 => insert(input, at, &number(dice)),
        5 => {
            let to = at + few(dice, input.len() - at);
            input.drain(at..to);
        }
        6 => {
            // A piece of itself, once more.
            let piece = input[at..at + few(dice, input.len() - at)].to_vec();
            let to = below(dice, input.len());
            if dice.below(2) == 0 { insert(input, to, &piece) } else { write(input, to, &piece) }
        }
        7 => {
            // A piece of another.
            let other = chosen(dice, seeds);
            let from = below(dice, other.len());
            let piece = &other[from..from + few(dice, other.len() - from)];
            if dice.below(2) == 0 { insert(input, at, piece) } else { write(input, at, piece) }
        }
        8 if !words.is_empty() => {
            let word = chosen(dice, words);
            if dice.below(2) == 0 { insert(input, at, word) } else { write(input, at, word) }
        }
        9 if dice.below(4) == 0 => input.truncate(at),
        _ => insert(input, at, &dice.next().to_le_bytes()),
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

fn write(input: &mut [u8], at: usize, bytes: &[u8]) {
    let count = bytes.len().min(input.len() - at);
    input[at..at + count].copy_from_slice(&bytes[..count]);
}
