//! Dead letters: what could not be worked on, why, and where it came from.

use std::borrow::Cow;
use std::error::Error;

use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Failure;
use rkyv::util::AlignedVec;

use crate::error::error_chain;
use crate::raw::view::Rec;
use crate::record::{Deserializer, Record, Str};
use crate::time::EventTime;

/// What checks bytes that may be anything.
type Validator<'a> = rkyv::api::high::HighValidator<'a, Failure>;

/// A record, or a line that was to become one, for which something went wrong.
#[thalweg::record]
#[derive(Default)]
pub struct DeadLetter {
    /// The operator, or the source.
    pub operator: Str,
    /// The error and its causes, in one line.
    pub error: String,
    /// The record's event time; not known of lines.
    pub at: Option<EventTime>,
    /// The type of the record; of a line, what it should have become.
    pub record: Str,
    /// The record's archive, see [`ArchivedDeadLetter::decode`]; the line as it was, up to 4 KiB of it.
    pub raw: Vec<u8>,
    /// The file in which the line is.
    pub file: Option<Str>,
    /// The line's number in the file, from 1; not known in splits that do not begin at the file's start.
    pub line: Option<u64>,
    /// Where the line starts, in bytes from the start of the (inflated) file.
    pub offset: Option<u64>,
    /// The byte in the line at which the trouble was seen, from 1.
    pub column: Option<u64>,
    /// The field that could not be read.
    pub field: Option<Str>,
}

impl DeadLetter {
    pub(super) fn of_record<T: Record>(
        operator: &Str,
        fault: &(dyn Error + Send + Sync + 'static),
        record: &Rec<T>,
        at: EventTime,
    ) -> Self {
        Self {
            operator: operator.clone(),
            error: error_chain(fault),
            at: Some(at).filter(|at| *at > EventTime::MIN),
            record: T::NAME.into(),
            raw: record.archive().to_vec(),
            file: None,
            line: None,
            offset: None,
            column: None,
            field: None,
        }
    }
}

impl ArchivedDeadLetter {
    /// The raw bytes as text; what is not UTF-8 in them is replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.raw)
    }

    /// The record, if the raw bytes are the archive of a `T`.
    ///
    /// Cost: the bytes are copied and checked.
    pub fn decode<T>(&self) -> Option<T>
    where
        T: Record,
        T::Archived: for<'a> CheckBytes<Validator<'a>>,
    {
        if self.record() != T::NAME {
            return None;
        }
        let mut bytes = AlignedVec::<8>::with_capacity(self.raw.len());
        bytes.extend_from_slice(&self.raw);
        let archived = rkyv::access::<T::Archived, Failure>(&bytes).ok()?;
        rkyv::Deserialize::deserialize(archived, Deserializer::wrap(&mut ())).ok()
    }
}
