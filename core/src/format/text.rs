//! Plain lines of text: each line is a record, with its place.
//!
//! What is decoded is [`TextLine`], or any other record that takes some of its fields by their names, or a string, which takes the text.
//! What is encoded is a string, or a record with a field `text`; a line break in it would make two lines of one, so it is an error.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use serde::de::value::{BorrowedStrDeserializer, Error as ValueError};
use serde::de::{DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::decode::{BadLine, DecodeError, Decoded, Decoder, Pace, Position, Progress};
use super::encode::{EncodeError, Encoder};
use super::line::{Line, LineSplitter};
use super::split::Extent;
use crate::record::Str;

/// A line of text, and where it stood.
#[thalweg::record]
pub struct TextLine {
    /// The file, or the connection.
    pub file: Str,
    /// The line's number in it, from 1; not known in splits that do not begin at the file's start.
    pub line: Option<u64>,
    /// Where the line starts, in bytes from the start of the (inflated) file.
    pub offset: u64,
    /// The line, without its line break.
    pub text: String,
}

/// Decodes one split of a text file; empty lines are records like others, and what is not UTF-8 is a bad line.
#[derive(Debug)]
pub struct TextDecoder<T> {
    file: Box<str>,
    lines: LineSplitter,
    marker: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> TextDecoder<T> {
    /// A decoder for `extent` of `file`; feed it the bytes from [`Extent::read_from`] on.
    pub fn open(file: &str, extent: &Extent, max_line_bytes: usize) -> Self {
        let lines = LineSplitter::new(extent, max_line_bytes, None);
        Self { file: file.into(), lines, marker: PhantomData }
    }
}

impl<T: DeserializeOwned> Decoder<T> for TextDecoder<T> {
    fn decode<E>(&mut self, bytes: &[u8], emit: &mut E) -> Result<Progress, DecodeError>
    where
        E: FnMut(Decoded<T>) -> ControlFlow<()>,
    {
        let Self { file, lines, .. } = self;
        let mut rest = bytes;
        while let Some(line) = lines.next_line(&mut rest) {
            if emit(on_line(file, line)).is_break() {
                return Ok(Progress { consumed: bytes.len() - rest.len(), pace: Pace::Paused });
            }
        }
        let pace = if lines.is_done() { Pace::SplitEnd } else { Pace::NeedInput };
        Ok(Progress { consumed: bytes.len() - rest.len(), pace })
    }

    fn finish(&mut self) -> Result<Option<Decoded<T>>, DecodeError> {
        let Self { file, lines, .. } = self;
        Ok(lines.finish().map(|line| on_line(file, line)))
    }

    fn position(&self) -> Position {
        self.lines.position()
    }
}

fn on_line<T: DeserializeOwned>(file: &str, line: Result<Line<'_>, BadLine>) -> Decoded<T> {
    let line = line?;
    let text = std::str::from_utf8(line.bytes).map_err(|error| BadLine {
        column: Some(error.valid_up_to() as u64 + 1),
        ..BadLine::new(&line, "not UTF-8")
    })?;
    T::deserialize(Fields { file, position: line.position, text, next: 0 })
        .map_err(|error| BadLine::new(&line, error.to_string()))
}

/// A line, as serde sees it: a string, or a map of its fields.
struct Fields<'de> {
    file: &'de str,
    position: Position,
    text: &'de str,
    next: usize,
}

const NAMES: [&str; 4] = ["file", "line", "offset", "text"];

impl<'de> serde::Deserializer<'de> for Fields<'de> {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_map(self)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_borrowed_str(self.text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        visitor.visit_borrowed_str(self.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = ValueError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ValueError> {
        let name = NAMES.get(self.next);
        name.map(|name| seed.deserialize(BorrowedStrDeserializer::new(name))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ValueError> {
        self.next += 1;
        match self.next {
            1 => seed.deserialize(BorrowedStrDeserializer::new(self.file)),
            2 => seed.deserialize(MaybeNumber(self.position.line)),
            3 => seed.deserialize(self.position.byte.into_deserializer()),
            _ => seed.deserialize(BorrowedStrDeserializer::new(self.text)),
        }
    }
}

/// An optional number, which serde's own value deserializers do not have.
struct MaybeNumber(Option<u64>);

impl<'de> serde::Deserializer<'de> for MaybeNumber {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Some(number) => visitor.visit_u64(number),
            None => visitor.visit_none(),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self.0 {
            Some(number) => visitor.visit_some(number.into_deserializer()),
            None => visitor.visit_none(),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// Encodes records as lines of text.
#[derive(Debug)]
pub struct TextEncoder<T> {
    json: Vec<u8>,
    marker: PhantomData<fn(&T)>,
}

/// What a record may be to become a line.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Whole(String),
    Field { text: String },
}

impl<T: Serialize> TextEncoder<T> {
    /// An encoder.
    pub fn new() -> Self {
        Self { json: Vec::new(), marker: PhantomData }
    }
}

impl<T: Serialize> Default for TextEncoder<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Serialize> Encoder<T> for TextEncoder<T> {
    /// By way of JSON, which finds the text wherever the record's `Serialize` puts it; a line costs two copies more than it must.
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.json.clear();
        sonic_rs::to_writer(&mut self.json, record).map_err(EncodeError::Json)?;
        let text = match sonic_rs::from_slice(&self.json) {
            Ok(Text::Whole(text) | Text::Field { text }) => text,
            Err(_) => return Err(EncodeError::NoText),
        };
        if memchr::memchr(b'\n', text.as_bytes()).is_some() {
            return Err(EncodeError::LineBreak);
        }
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
        Ok(())
    }

    fn start_file(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode<T: DeserializeOwned>(text: &[u8]) -> Vec<Decoded<T>> {
        let mut decoder = TextDecoder::<T>::open("a.log", &Extent::whole(), 20);
        let mut lines = Vec::new();
        for chunk in text.chunks(3) {
            decoder
                .decode(chunk, &mut |line| {
                    lines.push(line);
                    ControlFlow::Continue(())
                })
                .unwrap();
        }
        lines.extend(decoder.finish().unwrap());
        lines
    }

    #[test]
    fn a_line_has_its_place() {
        let lines: Vec<TextLine> =
            decode(b"one\r\n\ntwo").into_iter().map(Result::unwrap).collect();
        let line = |line, offset, text: &str| TextLine {
            file: "a.log".into(),
            line: Some(line),
            offset,
            text: text.into(),
        };
        assert_eq!(lines, [line(1, 0, "one"), line(2, 5, ""), line(3, 6, "two")]);
    }

    #[test]
    fn a_string_takes_the_text_alone() {
        let lines: Vec<Str> = decode(b"one\ntwo\n").into_iter().map(Result::unwrap).collect();
        assert_eq!(lines, [Str::from("one"), Str::from("two")]);
    }

    #[test]
    fn what_is_not_utf8_or_too_long_is_a_bad_line() {
        let lines: Vec<Decoded<String>> = decode(b"ok\nba\xFFd\nmuch longer than twenty bytes\n");
        let bad: Vec<String> =
            lines.into_iter().filter_map(Result::err).map(|bad| bad.to_string()).collect();
        assert_eq!(
            bad,
            [
                "line 2, column 3: not UTF-8",
                "line 3: line is longer than 20 bytes, the limit `max_line_bytes`"
            ]
        );
    }

    #[test]
    fn strings_and_records_with_a_text_are_written_as_lines() {
        let mut out = Vec::new();
        TextEncoder::new().encode(&Str::from("a \"b\""), &mut out).unwrap();
        let line = TextLine { file: "f".into(), line: None, offset: 3, text: "c".into() };
        TextEncoder::new().encode(&line, &mut out).unwrap();
        assert_eq!(out, b"a \"b\"\nc\n");
        let error = TextEncoder::new().encode(&17_u64, &mut out).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the record is neither a string nor has it a field \"text\", so it is no line of text; map it to a string, or use NDJSON"
        );
        let error = TextEncoder::new().encode(&Str::from("a\nb"), &mut out).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the text has a line break in it, so it is no line of text; leave the break out, or use NDJSON"
        );
        assert_eq!(out, b"a \"b\"\nc\n");
    }
}
