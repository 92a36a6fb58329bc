//! [`ArchivesAs`]: values whose archive is that of a record, and that own nothing.
//!
//! A record owns its texts, so making one copies them, and each longer than 24 bytes into memory of its own. Where a value is made only to be emitted, that is most of the
//! work. A twin of the record, whose texts are references, is archived to the same bytes without it:
//!
//! ```
//! use thalweg::prelude::*;
//!
//! #[record]
//! struct Visit {
//!     at: EventTime,
//!     page: Str,
//! }
//!
//! #[record_ref(Visit)]
//! struct VisitRef<'a> {
//!     at: EventTime,
//!     page: &'a str,
//! }
//!
//! fn pages(visits: Stream<Visit>) -> Stream<Visit, impl thalweg::operator::Chain<Out = Visit>> {
//!     visits.flat_map(|visit, out| {
//!         let page = visit.page().trim_end_matches('/');
//!         out.emit_as(&VisitRef { at: visit.at(), page });
//!     })
//! }
//! ```
//!
//! The twin has the record's fields, by their names and in their order; a field that is a record itself is that record's twin, or the record. One that lacks a field does
//! not compile:
//!
//! ```compile_fail
//! # use thalweg::prelude::*;
//! # #[record]
//! # struct Visit { at: EventTime, page: Str }
//! #[record_ref(Visit)]
//! struct VisitRef<'a> {
//!     page: &'a str,
//! }
//! ```

use std::sync::atomic::{AtomicBool, Ordering};

use rkyv::rancor::{Fallible, Source};
use rkyv::string::{ArchivedString, StringResolver};
use rkyv::with::{ArchiveWith, SerializeWith};
use rkyv::{Archive, Place, Serialize, SerializeUnsized};

use super::schema::FieldType;
use super::{Record, Serializer};

/// A value that is archived as a `T`; made by [`record_ref`](macro@crate::record_ref). Every record is one itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not archived as a `{T}`",
    label = "neither a `{T}` nor a twin of it",
    note = "write a struct with the same fields, texts as `&str`, under `#[record_ref({T})]`"
)]
pub trait ArchivesAs<T: Record>: Archive<Archived = T::Archived> + Serialize<Serializer> {
    /// Refuses a type whose fields or variants stand in another order; the attribute writes it.
    ///
    /// # Panics
    ///
    /// If they do.
    #[doc(hidden)]
    fn check();
}

impl<T: Record> ArchivesAs<T> for T {
    #[inline]
    fn check() {}
}

/// For what `record_ref` writes: compares the names of fields, or variants, with those of the record, once for each type.
#[doc(hidden)]
#[inline]
pub fn check_order<T: Record>(is_checked: &AtomicBool, names: &[&str]) {
    // It says only that this was done; doing it twice is no harm.
    if !is_checked.load(Ordering::Relaxed) {
        compare::<T>(names);
        is_checked.store(true, Ordering::Relaxed);
    }
}

#[cold]
fn compare<T: Record>(names: &[&str]) {
    let expected: Vec<String> = match T::field_type() {
        FieldType::Enum { variants, .. } => variants.into_iter().map(|one| one.name).collect(),
        _ => T::schema().fields.iter().map(|field| field.name.clone()).collect(),
    };
    assert!(
        names == expected,
        "a twin of {} has its fields in the same order: {}, not {}",
        T::NAME,
        expected.join(", "),
        names.join(", ")
    );
}

/// Archives a `&str` as a text; for what `record_ref` writes.
#[doc(hidden)]
#[derive(Debug)]
pub struct Text;

impl ArchiveWith<&str> for Text {
    type Archived = ArchivedString;
    type Resolver = StringResolver;

    #[inline]
    fn resolve_with(field: &&str, resolver: StringResolver, out: Place<ArchivedString>) {
        ArchivedString::resolve_from_str(field, resolver, out);
    }
}

impl<S: Fallible<Error: Source> + ?Sized> SerializeWith<&str, S> for Text
where
    str: SerializeUnsized<S>,
{
    #[inline]
    fn serialize_with(field: &&str, serializer: &mut S) -> Result<StringResolver, S::Error> {
        ArchivedString::serialize_from_str(field, serializer)
    }
}

#[cfg(test)]
mod tests {
    use crate::raw::scratch::Scratch;
    use crate::record::Str;
    use crate::time::EventTime;

    #[thalweg::record]
    struct Bid {
        price: u64,
        channel: Str,
        words: Vec<Str>,
        url: Str,
        is_first: bool,
    }

    #[thalweg::record]
    enum Event {
        Opened { at: EventTime, title: Str },
        Bid(Bid, Str),
    }

    #[thalweg::record_ref(Bid)]
    struct BidRef<'a> {
        price: u64,
        channel: &'a str,
        words: EmptyList,
        url: &'a str,
        is_first: bool,
    }

    /// A list of no words, to have a field that is neither a number nor a text.
    #[derive(Clone, Copy, Debug)]
    struct EmptyList;

    impl rkyv::Archive for EmptyList {
        type Archived = rkyv::vec::ArchivedVec<rkyv::string::ArchivedString>;
        type Resolver = rkyv::vec::VecResolver;

        fn resolve(&self, resolver: Self::Resolver, out: rkyv::Place<Self::Archived>) {
            rkyv::vec::ArchivedVec::resolve_from_len(0, resolver, out);
        }
    }

    impl rkyv::Serialize<crate::record::Serializer> for EmptyList {
        fn serialize(
            &self,
            serializer: &mut crate::record::Serializer,
        ) -> Result<Self::Resolver, crate::record::ArchiveFailure> {
            rkyv::vec::ArchivedVec::<rkyv::string::ArchivedString>::serialize_from_slice::<Str, _>(
                &[],
                serializer,
            )
        }
    }

    #[thalweg::record_ref(Event)]
    enum EventRef<'a> {
        Opened { at: EventTime, title: &'a str },
        Bid(BidRef<'a>, &'a str),
    }

    #[test]
    fn a_twin_is_archived_to_the_bytes_of_the_record() {
        let (mut one, mut other) = (Scratch::<Event>::default(), Scratch::<Event>::default());
        for length in [0, 3, 8, 9, 24, 25, 300, 3_000] {
            let text = "x".repeat(length);
            let words = Vec::new();
            let (channel, url) = (Str::from("a channel"), Str::from(text.as_str()));
            let bid = Bid { price: 7, channel, words, url: url.clone(), is_first: length > 8 };
            let values = [
                (
                    Event::Bid(bid, url.clone()),
                    EventRef::Bid(
                        BidRef {
                            price: 7,
                            channel: "a channel",
                            words: EmptyList,
                            url: &text,
                            is_first: length > 8,
                        },
                        &text,
                    ),
                ),
                (
                    Event::Opened { at: EventTime::from_secs(1), title: url },
                    EventRef::Opened { at: EventTime::from_secs(1), title: &text },
                ),
            ];
            for (value, twin) in values {
                assert_eq!(one.archive(&value).archive(), other.archive(&twin).archive());
            }
        }
    }

    #[thalweg::record]
    struct Pair {
        left: u8,
        right: u8,
    }

    #[thalweg::record_ref(Pair)]
    struct Swapped {
        right: u8,
        left: u8,
    }

    #[test]
    #[should_panic(
        expected = "a twin of Pair has its fields in the same order: left, right, not right, left"
    )]
    fn fields_in_another_order_are_refused() {
        let _ = Scratch::<Pair>::default().archive(&Swapped { right: 1, left: 2 });
    }
}
