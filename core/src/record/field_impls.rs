//! The field types that come with the engine. Each is a record too.

use rkyv::Archive;
use rkyv::option::ArchivedOption;
use rkyv::string::ArchivedString;
use rkyv::vec::ArchivedVec;

use super::field::{Field, largest};
use super::schema::{FieldType, Primitive};
use super::value::{OtherType, Value};
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
    ($($native:ty, $name:literal, $kind:ident, $archived:ident => $read:expr, $value:ident => $from:expr;)*) => {$(
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

            fn from_value($value: Value) -> Result<Self, OtherType> {
                $from
            }

            fn implemented_by_the_record_attribute() {}
        }

        impl Record for $native {
            timeless!($name);
        }
    )*};
}

primitive! {
    bool, "bool", Bool, archived => *archived, value => match value { Value::Bool(value) => Ok(value), _ => Err(OtherType) };
    u8, "u8", U8, archived => *archived, value => value.int();
    i8, "i8", I8, archived => *archived, value => value.int();
    u16, "u16", U16, archived => archived.to_native(), value => value.int();
    i16, "i16", I16, archived => archived.to_native(), value => value.int();
    u32, "u32", U32, archived => archived.to_native(), value => value.int();
    i32, "i32", I32, archived => archived.to_native(), value => value.int();
    u64, "u64", U64, archived => archived.to_native(), value => value.int();
    i64, "i64", I64, archived => archived.to_native(), value => value.int();
    f32, "f32", F32, archived => archived.to_native(), value => value.f32();
    f64, "f64", F64, archived => archived.to_native(), value => value.f64();
    char, "char", Char, archived => archived.to_native(), value => match value { Value::Char(value) => Ok(value), _ => Err(OtherType) };
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

            fn from_value(value: Value) -> Result<Self, OtherType> {
                match value {
                    Value::Str(text) => Ok(text.into()),
                    _ => Err(OtherType),
                }
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

    fn from_value(value: Value) -> Result<Self, OtherType> {
        match value {
            Value::EventTime(time) => Ok(time),
            _ => Err(OtherType),
        }
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

    /// Of a value that could not be absent, too.
    fn from_value(value: Value) -> Result<Self, OtherType> {
        match value {
            Value::Option(value) => value.map(|value| T::from_value(*value)).transpose(),
            value => T::from_value(value).map(Some),
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

    fn from_value(value: Value) -> Result<Self, OtherType> {
        value.list()?.into_iter().map(T::from_value).collect()
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

    fn from_value(value: Value) -> Result<Self, OtherType> {
        Vec::<T>::from_value(value)?.try_into().map_err(|_| OtherType)
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

            fn from_value(value: Value) -> Result<Self, OtherType> {
                let mut parts = value.tuple([$($at),*].len())?;
                Ok(($($part::from_value(parts.next().ok_or(OtherType)?)?,)*))
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
