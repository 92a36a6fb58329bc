//! Keys by their schema: what [`KeyRef::bytes`](crate::record::KeyRef::bytes) has written, without the type.

use crate::record::{
    FieldType, Primitive, Value, primitive_bytes, primitive_value, split_length, unsigned,
};
use crate::time::EventTime;

/// The key that `bytes` are of a key of type `ty`; `None` if they are something else.
pub(super) fn decode(ty: &FieldType, bytes: &[u8]) -> Option<Value> {
    let mut rest = bytes;
    let value = take(ty, &mut rest, true)?;
    rest.is_empty().then_some(value)
}

/// The same as hexadecimal digits, whatever they are.
pub(super) fn digits(bytes: &[u8]) -> Value {
    Value::Str(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn take(ty: &FieldType, rest: &mut &[u8], is_last: bool) -> Option<Value> {
    match ty {
        FieldType::Primitive(primitive) => number(*primitive, rest),
        FieldType::EventTime => {
            let nanos = unsigned(split(rest, 8)?).cast_signed();
            Some(Value::EventTime(EventTime::from_nanos(nanos)))
        }
        FieldType::Str => {
            let length = match is_last {
                true => rest.len(),
                false => {
                    let (length, behind) = split_length(rest)?;
                    *rest = behind;
                    length
                }
            };
            Some(Value::Str(str::from_utf8(split(rest, length)?).ok()?.to_owned()))
        }
        FieldType::Tuple(parts) => {
            let last = parts.len().checked_sub(1)?;
            let parts = parts.iter().enumerate();
            let parts = parts.map(|(index, part)| take(part, rest, is_last && index == last));
            parts.collect::<Option<_>>().map(Value::Tuple)
        }
        _ => None,
    }
}

fn split<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

/// Numbers lie in keys as they do in archives; those with a fraction are no keys.
fn number(primitive: Primitive, rest: &mut &[u8]) -> Option<Value> {
    if matches!(primitive, Primitive::F32 | Primitive::F64) {
        return None;
    }
    primitive_value(primitive, split(rest, primitive_bytes(primitive))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{KeyRef, KeyScratch, Str};

    fn check<K: crate::record::Key + KeyRef>(key: &K) {
        let mut scratch = KeyScratch::new();
        let bytes = key.bytes(&mut scratch).to_vec();
        let value = decode(&K::field_type(), &bytes).unwrap();
        assert_eq!(K::from_value(value).as_ref(), Ok(key));
        assert_eq!(decode(&K::field_type(), &[&bytes[..], &[0xff]].concat()), None);
    }

    #[test]
    fn keys_are_read_as_they_were_written() {
        check(&200_u8);
        check(&-3_i8);
        check(&60_000_u16);
        check(&-3_i32);
        check(&u64::MAX);
        check(&i64::MIN);
        check(&true);
        check(&'ß');
        check(&EventTime::from_nanos(-5));
        check(&Str::from("a key that is longer than what lies inline"));
        check(&(Str::from("EWR"), -7_i16, Str::from("")));
        check(&(1_u8, Str::from("x".repeat(200)), 3_u64, true));
        assert_eq!(digits(&[0, 255]), Value::Str("00ff".into()));
    }
}
