//! [`Key`] and [`KeyRef`] for the types that keys are made of, native and archived.

use rkyv::rend::{char_le, i16_le, i32_le, i64_le, u16_le, u32_le, u64_le};
use rkyv::string::ArchivedString;
use rkyv::tuple::{ArchivedTuple2, ArchivedTuple3, ArchivedTuple4};

use super::Str;
use super::key::{Key, KeyHash, KeyRef, KeyScratch, split_length};
use crate::time::{ArchivedEventTime, EventTime};

impl<T: KeyRef + ?Sized> KeyRef for &T {
    type Key = T::Key;

    #[inline]
    fn hash(&self) -> KeyHash {
        T::hash(self)
    }

    #[inline]
    fn bytes<'a>(&'a self, scratch: &'a mut KeyScratch) -> &'a [u8] {
        T::bytes(self, scratch)
    }

    #[inline]
    fn append_to(&self, out: &mut KeyScratch) {
        T::append_to(self, out);
    }
}

/// A key of a fixed number of bytes: how its native form becomes the integer that is hashed and
/// the integer that is written.
macro_rules! fixed_width {
    ($($native:ty as $written:ty, $($archived:ty)?, $value:ident => $hashed:expr, $write:expr, $read:expr;)*) => {$(
        impl Key for $native {
            const WIDTH: Option<usize> = Some(size_of::<$written>());

            fn from_key_bytes(bytes: &[u8]) -> Self {
                let bytes = bytes.try_into().expect("invariant: the key bytes of this type have its width");
                let read: fn($written) -> $native = $read;
                read(<$written>::from_le_bytes(bytes))
            }
        }

        impl KeyRef for $native {
            type Key = $native;

            #[inline]
            fn hash(&self) -> KeyHash {
                let $value = *self;
                KeyHash::of_int($hashed)
            }

            #[inline]
            fn bytes<'a>(&'a self, scratch: &'a mut KeyScratch) -> &'a [u8] {
                scratch.clear();
                self.append_to(scratch);
                scratch.as_bytes()
            }

            #[inline]
            fn append_to(&self, out: &mut KeyScratch) {
                let $value = *self;
                out.push(&<$written>::to_le_bytes($write));
            }
        }

        $(impl KeyRef for $archived {
            type Key = $native;

            #[inline]
            fn hash(&self) -> KeyHash {
                KeyRef::hash(&<$native>::from(*self))
            }

            #[inline]
            fn bytes<'a>(&'a self, scratch: &'a mut KeyScratch) -> &'a [u8] {
                scratch.clear();
                self.append_to(scratch);
                scratch.as_bytes()
            }

            #[inline]
            fn append_to(&self, out: &mut KeyScratch) {
                KeyRef::append_to(&<$native>::from(*self), out);
            }
        })?
    )*};
}

fixed_width! {
    u8 as u8, , value => value.into(), value, |read| read;
    i8 as i8, , value => i64::from(value).cast_unsigned(), value, |read| read;
    u16 as u16, u16_le, value => value.into(), value, |read| read;
    i16 as i16, i16_le, value => i64::from(value).cast_unsigned(), value, |read| read;
    u32 as u32, u32_le, value => value.into(), value, |read| read;
    i32 as i32, i32_le, value => i64::from(value).cast_unsigned(), value, |read| read;
    u64 as u64, u64_le, value => value, value, |read| read;
    i64 as i64, i64_le, value => value.cast_unsigned(), value, |read| read;
    bool as u8, , value => value.into(), value.into(), |read| read != 0;
    char as u32, char_le, value => u32::from(value).into(), value.into(),
        |read| char::from_u32(read).expect("invariant: these are the key bytes of a char");
    EventTime as i64, ArchivedEventTime, value => value.as_nanos().cast_unsigned(), value.as_nanos(),
        EventTime::from_nanos;
}

macro_rules! string_key {
    ($($native:ty)*) => {$(
        impl Key for $native {
            const WIDTH: Option<usize> = None;

            fn from_key_bytes(bytes: &[u8]) -> Self {
                std::str::from_utf8(bytes).expect("invariant: these are the key bytes of a string").into()
            }
        }
    )*};
}

string_key! { Str String }

macro_rules! string_key_ref {
    ($($string:ty, $key:ty;)*) => {$(
        impl KeyRef for $string {
            type Key = $key;

            #[inline]
            fn hash(&self) -> KeyHash {
                KeyHash::of_bytes(self.as_bytes())
            }

            #[inline]
            fn bytes<'a>(&'a self, _: &'a mut KeyScratch) -> &'a [u8] {
                self.as_bytes()
            }

            #[inline]
            fn append_to(&self, out: &mut KeyScratch) {
                out.push(self.as_bytes());
            }
        }
    )*};
}

string_key_ref! {
    str, Str;
    Str, Str;
    ArchivedString, Str;
    String, String;
}

/// Appends a part of a tuple that is not its last, so that it is known where it ends.
#[inline]
fn append_delimited<K: KeyRef>(part: &K, out: &mut KeyScratch) {
    if K::Key::WIDTH.is_some() {
        part.append_to(out);
    } else {
        let mut own = KeyScratch::new();
        let bytes = part.bytes(&mut own);
        out.push_length(bytes.len());
        out.push(bytes);
    }
}

/// Splits off a part written by [`append_delimited`] and returns it and the rest.
fn split_delimited<K: Key>(bytes: &[u8]) -> (K, &[u8]) {
    let (length, rest) = match K::WIDTH {
        Some(width) => (width, bytes),
        None => split_length(bytes)
            .expect("invariant: a part of a tuple's key bytes is preceded by its length"),
    };
    let (part, rest) = rest.split_at(length);
    (K::from_key_bytes(part), rest)
}

/// The sum of the widths, if all parts have one.
const fn width(parts: &[Option<usize>]) -> Option<usize> {
    let (mut sum, mut at) = (0, 0);
    while at < parts.len() {
        match parts[at] {
            Some(width) => sum += width,
            None => return None,
        }
        at += 1;
    }
    Some(sum)
}

macro_rules! tuple_key {
    ($archived:ident: $($part:ident $at:tt),*; $last:ident $last_at:tt) => {
        impl<$($part: Key,)* $last: Key> Key for ($($part,)* $last,) {
            const WIDTH: Option<usize> = width(&[$($part::WIDTH,)* $last::WIDTH]);

            fn from_key_bytes(bytes: &[u8]) -> Self {
                // Evaluated from left to right, each part taking from the rest.
                let mut rest = bytes;
                ($({
                    let (part, after) = split_delimited::<$part>(rest);
                    rest = after;
                    part
                },)* $last::from_key_bytes(rest),)
            }
        }

        tuple_key!(@key_ref ($($part,)* $last,); $($part $at),*; $last $last_at);
        tuple_key!(@key_ref $archived<$($part,)* $last>; $($part $at),*; $last $last_at);
    };
    (@key_ref $tuple:ty; $($part:ident $at:tt),*; $last:ident $last_at:tt) => {
        impl<$($part: KeyRef,)* $last: KeyRef> KeyRef for $tuple {
            type Key = ($($part::Key,)* $last::Key,);

            #[inline]
            fn hash(&self) -> KeyHash {
                let mut scratch = KeyScratch::new();
                self.append_to(&mut scratch);
                KeyHash::of_bytes(scratch.as_bytes())
            }

            #[inline]
            fn bytes<'a>(&'a self, scratch: &'a mut KeyScratch) -> &'a [u8] {
                scratch.clear();
                self.append_to(scratch);
                scratch.as_bytes()
            }

            #[inline]
            fn append_to(&self, out: &mut KeyScratch) {
                $(append_delimited(&self.$at, out);)*
                self.$last_at.append_to(out);
            }
        }
    };
}

tuple_key!(ArchivedTuple2: A 0; B 1);
tuple_key!(ArchivedTuple3: A 0, B 1; C 2);
tuple_key!(ArchivedTuple4: A 0, B 1, C 2; D 3);

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;
    use rkyv::rancor::Error;
    use rkyv::{Archive, access};

    use super::*;
    use crate::raw::writer::write_archive_large;
    use crate::record::{KEY_GROUPS, KeyGroup};

    /// The hash and the bytes, after checking that the archived form has the same ones.
    fn key<K>(native: &K) -> (u64, Vec<u8>)
    where
        K: Key + KeyRef + Debug + PartialEq,
        K::Archived:
            KeyRef + for<'a> rkyv::bytecheck::CheckBytes<rkyv::api::high::HighValidator<'a, Error>>,
    {
        let bytes = write_archive_large(native);
        let archived = access::<<K as Archive>::Archived, Error>(&bytes).unwrap();
        let (mut one, mut other) = (KeyScratch::new(), KeyScratch::new());
        // What was there before does not matter.
        other.push(&[7; 100]);
        assert_eq!(native.hash(), archived.hash());
        assert_eq!((&native).hash(), native.hash());
        assert_eq!(native.bytes(&mut one), archived.bytes(&mut other));
        let bytes = native.bytes(&mut one).to_vec();
        assert_eq!(&K::from_key_bytes(&bytes), native);
        assert!(K::WIDTH.is_none_or(|width| width == bytes.len()));
        (native.hash().0, bytes)
    }

    /// Hashes are in checkpoints, and other processes compute them.
    #[test]
    fn hashes_and_bytes_do_not_change() {
        let golden = [
            key(&0u8),
            key(&5u32),
            key(&5u64),
            key(&-1i8),
            key(&-1i64),
            key(&true),
            key(&'a'),
            key(&EventTime::from_secs(1)),
            key(&Str::from("")),
            key(&Str::from("EWR")),
            key(&String::from("a key that is longer than sixteen bytes")),
            key(&(Str::from("a"), Str::from("bc"))),
            key(&(Str::from("EWR"), 1545u32)),
            key(&(1u8, Str::from("a"), (2u16, 3u16), 'x')),
        ];
        // The first is SplitMix64's first output for seed 0, the ninth XXH3's of nothing.
        let expected: [(u64, &[u8]); 14] = [
            (0xe220a8397b1dcdaf, b"\x00"),
            (0x63033b0ca389c35a, b"\x05\x00\x00\x00"),
            (0x63033b0ca389c35a, b"\x05\x00\x00\x00\x00\x00\x00\x00"),
            (0xe4d971771b652c20, b"\xff"),
            (0xe4d971771b652c20, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
            (0x910a2dec89025cc1, b"\x01"),
            (0x4f5da978776a9db1, b"a\x00\x00\x00"),
            (0x52c0377768f5b26d, b"\x00\xca\x9a;\x00\x00\x00\x00"),
            (0x2d06800538d394c2, b""),
            (0x285f8561a30f3bc2, b"EWR"),
            (0x5b31b4ade7cbf01e, b"a key that is longer than sixteen bytes"),
            (0xc171b854c76eaa99, b"\x01abc"),
            (0x3579ca81afe21d72, b"\x03EWR\t\x06\x00\x00"),
            (0x5f51ab151888e6b6, b"\x01\x01a\x02\x00\x03\x00x\x00\x00\x00"),
        ];
        assert_eq!(golden.each_ref().map(|(hash, bytes)| (*hash, &bytes[..])), expected);
    }

    #[test]
    fn tuples_with_the_same_concatenation_differ() {
        let keys = [("a", "bc"), ("ab", "c"), ("", "abc"), ("abc", "")].map(|(left, right)| {
            assert_eq!(key(&(Str::from(left), Str::from(right))).0, (left, right).hash().0);
            key(&(Str::from(left), Str::from(right)))
        });
        for (at, one) in keys.iter().enumerate() {
            assert!(keys[..at].iter().all(|other| other.0 != one.0 && other.1 != one.1));
        }
    }

    #[test]
    fn a_long_key_spills_and_the_scratch_serves_short_ones_again() {
        let long = (Str::from("x".repeat(300)), Str::from("y".repeat(300)));
        let short = (Str::from("x"), Str::from("y"));
        let mut scratch = KeyScratch::new();
        assert_eq!(long.bytes(&mut scratch).len(), 602);
        assert_eq!(short.bytes(&mut scratch), b"\x01xy");
        assert_eq!(<(Str, Str)>::from_key_bytes(long.bytes(&mut scratch)), long);
    }

    #[test]
    fn sequential_keys_spread_evenly_over_groups() {
        let mut counts = [0u32; KEY_GROUPS as usize];
        for number in 0..64 * u64::from(KEY_GROUPS) {
            counts[usize::from(number.hash().group().0)] += 1;
        }
        // 64 expected, standard deviation 8: seven of them on either side.
        assert!(counts.iter().all(|count| (8..120).contains(count)));
    }

    #[test]
    fn owners_are_contiguous_ranges_of_groups_that_differ_by_one_at_most() {
        for workers in [1, 2, 3, 7, 16, 1_000, 4_096] {
            let owners: Vec<_> =
                (0..KEY_GROUPS).map(|group| KeyGroup(group).owner(workers)).collect();
            assert!(
                owners.is_sorted() && owners[0] == 0 && owners[owners.len() - 1] == workers - 1
            );
            let counts = owners.chunk_by(|a, b| a == b).map(<[usize]>::len);
            assert!(counts.clone().max().unwrap() - counts.min().unwrap() <= 1);
            let ranges = (0..workers).map(|worker| KeyGroup::of_worker(worker, workers));
            let of_ranges =
                ranges.enumerate().flat_map(|(worker, range)| range.map(move |_| worker));
            assert!(of_ranges.eq(owners.iter().copied()));
            let other = KeyHash::of_int(7).in_group(KeyGroup(9));
            assert_eq!((other.group().0, other.0 << 12), (9, KeyHash::of_int(7).0 << 12));
        }
    }

    proptest! {
        #[test]
        fn both_forms_agree_and_bytes_read_back(
            a: u8, b: i8, c: u16, d: i16, e: u32, f: i32, g: u64, h: i64, i: bool, j: char,
            s in ".{0,80}", t in ".{0,80}",
        ) {
            let (s, t) = (Str::from(s), Str::from(t));
            key(&a); key(&b); key(&c); key(&d); key(&e); key(&f); key(&g); key(&h); key(&i); key(&j);
            key(&EventTime::from_nanos(h));
            key(&s);
            key(&(s.clone(), e));
            key(&(e, s.clone()));
            key(&(i, j, t.clone()));
            key(&(s.clone(), (t.clone(), s.clone()), (a, b), h));
        }

        #[test]
        fn equal_bytes_mean_equal_tuples(
            a in "[a-b\\x00-\\x03]{0,4}", b in "[a-b\\x00-\\x03]{0,4}",
            c in "[a-b\\x00-\\x03]{0,4}", d in "[a-b\\x00-\\x03]{0,4}",
        ) {
            let (mut one, mut other) = (KeyScratch::new(), KeyScratch::new());
            let same = (&*a, &*b).bytes(&mut one) == (&*c, &*d).bytes(&mut other);
            prop_assert_eq!(same, (a, b) == (c, d));
        }
    }
}
