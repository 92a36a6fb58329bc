//! `min`, `max`, and the value that comes with either: `min_by`, `max_by`.

use std::cmp::Ordering;
use std::marker::PhantomData;

use super::Aggregator;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::time::EventTime;

/// True if `new` is to take the place of `old`: it is on the `wanted` side of it, or is comparable where the old one is not.
#[inline]
fn replaces<V: PartialOrd>(new: &V, old: &V, wanted: Ordering) -> bool {
    match new.partial_cmp(old) {
        Some(found) => found == wanted,
        None => is_comparable(new) && !is_comparable(old),
    }
}

/// False for a NaN, and for what contains one.
#[inline]
fn is_comparable<V: PartialOrd>(value: &V) -> bool {
    value.partial_cmp(value).is_some()
}

/// Why a result is there.
const SOME: &str = "invariant: a result is asked for after the first record";

macro_rules! extreme {
    ($name:ident, $maker:literal, $by:ident, $by_maker:literal, $wanted:ident) => {
        #[doc = concat!("Made by [`super::Of::", $maker, "`].")]
        pub struct $name<F, V> {
            read: F,
            marker: PhantomData<fn() -> V>,
        }

        crate::operator::opaque_debug!($name<F, V>);

        impl<F, V> $name<F, V> {
            pub(super) fn new(read: F) -> Self {
                Self { read, marker: PhantomData }
            }
        }

        impl<T, V, F> Aggregator<T> for $name<F, V>
        where
            T: Record,
            V: Record + PartialOrd + Clone,
            F: Fn(&Rec<T>) -> V + 'static,
        {
            type Accumulator = Option<V>;
            type Result = V;

            fn create(&self) -> Option<V> {
                None
            }

            #[inline]
            fn add(&self, best: &mut Option<V>, record: &Rec<T>, _: EventTime) {
                let new = (self.read)(record);
                if best.as_ref().is_none_or(|old| replaces(&new, old, Ordering::$wanted)) {
                    *best = Some(new);
                }
            }

            fn merge(&self, best: &mut Option<V>, later: Option<V>) {
                let Some(new) = later else { return };
                if best.as_ref().is_none_or(|old| replaces(&new, old, Ordering::$wanted)) {
                    *best = Some(new);
                }
            }

            #[inline]
            fn result(&self, best: &Option<V>) -> V {
                best.clone().expect(SOME)
            }
        }

        #[doc = concat!("Made by [`super::Of::", $by_maker, "`].")]
        pub struct $by<G, F, K, V> {
            rank: G,
            read: F,
            marker: PhantomData<fn() -> (K, V)>,
        }

        crate::operator::opaque_debug!($by<G, F, K, V>);

        impl<G, F, K, V> $by<G, F, K, V> {
            pub(super) fn new(rank: G, read: F) -> Self {
                Self { rank, read, marker: PhantomData }
            }
        }

        impl<T, K, V, G, F> Aggregator<T> for $by<G, F, K, V>
        where
            T: Record,
            K: Record + PartialOrd,
            V: Record + Clone,
            G: Fn(&Rec<T>) -> K + 'static,
            F: Fn(&Rec<T>) -> V + 'static,
        {
            type Accumulator = Option<(K, V)>;
            type Result = V;

            fn create(&self) -> Option<(K, V)> {
                None
            }

            #[inline]
            fn add(&self, best: &mut Option<(K, V)>, record: &Rec<T>, _: EventTime) {
                let new = (self.rank)(record);
                if best.as_ref().is_none_or(|(old, _)| replaces(&new, old, Ordering::$wanted)) {
                    *best = Some((new, (self.read)(record)));
                }
            }

            fn merge(&self, best: &mut Option<(K, V)>, later: Option<(K, V)>) {
                let Some(new) = later else { return };
                if best.as_ref().is_none_or(|(old, _)| replaces(&new.0, old, Ordering::$wanted)) {
                    *best = Some(new);
                }
            }

            #[inline]
            fn result(&self, best: &Option<(K, V)>) -> V {
                best.as_ref().expect(SOME).1.clone()
            }
        }
    };
}

extreme!(Min, "min", MinBy, "min_by", Less);
extreme!(Max, "max", MaxBy, "max_by", Greater);
