//! The field types that come with the engine. Each is a record too.

use rkyv::Archive;
use rkyv::option::ArchivedOption;
use rkyv::string::ArchivedString;
use rkyv::vec::ArchivedVec;

use super::field::{Field, largest};
use super::schema::{FieldType, Primitive};
use super::{Record, Str};
use crate::time::{ArchivedEventTime, EventTime};

/// A record without an event time.
macro_rules! timeless {
    ($name:literal) => {
        const NAME: &'static str = $name;
        const HAS_EVENT_TIME: bool = false;

        #[inline]
        fn event_time(_: &Self::Archived) -> Option<EventTime> {
            None
        }
    };
}

macro_rules! primitive {
    ($($native:ty, $name:literal, $kind:ident, $archived:ident => $read:expr;)*) => {$(
        impl Field for $native {
            const ALIGN: usize = align_of::<<$native as Archive>::Archived>();
            type View<'a> = $native;

            fn field_type() -> FieldType {
                FieldType::Primitive(Primitive::$kind)
            }

            #[inline]
            fn view($archived: &Self::Archived) -> $native {
                $read
            }

            fn implemented_by_the_record_attribute() {}
        }

        impl Record for $native {
            timeless!($name);
        }
    )*};
}

primitive! {
    bool, "bool", Bool, archived => *archived;
    u8, "u8", U8, archived => *archived;
    i8, "i8", I8, archived => *archived;
    u16, "u16", U16, archived => archived.to_native();
    i16, "i16", I16, archived => archived.to_native();
    u32, "u32", U32, archived => archived.to_native();
    i32, "i32", I32, archived => archived.to_native();
    u64, "u64", U64, archived => archived.to_native();
    i64, "i64", I64, archived => archived.to_native();
    f32, "f32", F32, archived => archived.to_native();
    f64, "f64", F64, archived => archived.to_native();
    char, "char", Char, archived => archived.to_native();
}

macro_rules! string {
    ($($native:ty)*) => {$(
        impl Field for $native {
            const ALIGN: usize = align_of::<ArchivedString>();
            type View<'a> = &'a str;

            fn field_type() -> FieldType {
                FieldType::Str
            }

            #[inline]
            fn view(archived: &ArchivedString) -> &str {
                archived.as_str()
            }

            fn implemented_by_the_record_attribute() {}
        }

        impl Record for $native {
            timeless!("Str");
        }
    )*};
}

string! { Str String }

impl Field for EventTime {
    const ALIGN: usize = align_of::<ArchivedEventTime>();
    type View<'a> = EventTime;

    fn field_type() -> FieldType {
        FieldType::EventTime
    }

    #[inline]
    fn view(archived: &ArchivedEventTime) -> EventTime {
        archived.get()
    }

    fn implemented_by_the_record_attribute() {}
}

/// A stream of bare times: each record is its own event time.
impl Record for EventTime {
    const NAME: &'static str = "EventTime";
    const HAS_EVENT_TIME: bool = true;

    #[inline]
    fn event_time(archived: &ArchivedEventTime) -> Option<EventTime> {
        Some(archived.get())
    }
}

impl<T: Field> Field for Option<T> {
    const ALIGN: usize = T::ALIGN;
    type View<'a> = Option<T::View<'a>>;

    fn field_type() -> FieldType {
        FieldType::Option(Box::new(T::field_type()))
    }

    #[inline]
    fn view(archived: &ArchivedOption<T::Archived>) -> Option<T::View<'_>> {
        match archived {
            ArchivedOption::Some(value) => Some(T::view(value)),
            ArchivedOption::None => None,
        }
    }

    fn implemented_by_the_record_attribute() {}
}

impl<T: Field> Record for Option<T> {
    timeless!("Option");
}

impl<T: Field> Field for Vec<T> {
    const ALIGN: usize = largest(&[T::ALIGN, align_of::<Self::Archived>()]);
    type View<'a> = &'a [T::Archived];

    fn field_type() -> FieldType {
        FieldType::List(Box::new(T::field_type()))
    }

    #[inline]
    fn view(archived: &ArchivedVec<T::Archived>) -> &[T::Archived] {
        archived.as_slice()
    }

    fn implemented_by_the_record_attribute() {}
}

impl<T: Field> Record for Vec<T> {
    timeless!("List");
}

impl<T: Field, const N: usize> Field for [T; N] {
    const ALIGN: usize = T::ALIGN;
    type View<'a> = &'a [T::Archived; N];

    fn field_type() -> FieldType {
        FieldType::Array(Box::new(T::field_type()), N)
    }

    #[inline]
    fn view(archived: &[T::Archived; N]) -> &[T::Archived; N] {
        archived
    }

    fn implemented_by_the_record_attribute() {}
}

impl<T: Field, const N: usize> Record for [T; N] {
    timeless!("Array");
}

macro_rules! tuple {
    ($($part:ident $at:tt),*) => {
        impl<$($part: Field),*> Field for ($($part,)*) {
            const ALIGN: usize = largest(&[$($part::ALIGN),*]);
            type View<'a> = ($($part::View<'a>,)*);

            fn field_type() -> FieldType {
                FieldType::Tuple(vec![$($part::field_type()),*])
            }

            #[inline]
            fn view(archived: &Self::Archived) -> Self::View<'_> {
                ($($part::view(&archived.$at),)*)
            }

            fn implemented_by_the_record_attribute() {}
        }

        impl<$($part: Field),*> Record for ($($part,)*) {
            timeless!("Tuple");
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
