//! [`EventTime`]: when something happened, as its record says.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::rfc3339::{self, ParseEventTimeError};

/// A point in event time: nanoseconds since the Unix epoch, UTC, without leap seconds.
///
/// From 1677-09-21 to 2262-04-11; arithmetic saturates at the ends, so that [`EventTime::MAX`]
/// can stand for "after everything" and stays there.
///
/// As text it is RFC 3339 in UTC, `2013-01-01T10:17:00Z`; a fraction is written only when it is not
/// zero, and without trailing zeros. In formats for people (JSON, CSV) it is read from that text, with any offset,
/// or from a whole number of **milliseconds** since the epoch, which is what Flink and Nexmark
/// write. In binary serde formats it is an `i64` of nanoseconds.
///
/// In an archive it takes eight bytes, little-endian.
#[derive(
    Copy,
    Clone,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
#[rkyv(derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash))]
pub struct EventTime(i64);

impl EventTime {
    /// The earliest time, 1677-09-21T00:12:43.145224192Z; "before everything".
    pub const MIN: Self = Self(i64::MIN);
    /// The latest time, 2262-04-11T23:47:16.854775807Z; "after everything".
    pub const MAX: Self = Self(i64::MAX);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// The length of the longest text form, in bytes.
    pub const TEXT_BYTES: usize = rfc3339::TEXT_BYTES;

    /// The time `nanos` nanoseconds after the Unix epoch; before it, if negative.
    #[inline]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The time `micros` microseconds after the Unix epoch; saturates.
    #[inline]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// The time `millis` milliseconds after the Unix epoch; saturates.
    #[inline]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// The time `secs` seconds after the Unix epoch; saturates.
    #[inline]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    #[inline]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole microseconds since the Unix epoch, rounded towards the past.
    #[inline]
    pub const fn as_micros(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole milliseconds since the Unix epoch, rounded towards the past.
    #[inline]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole seconds since the Unix epoch, rounded towards the past.
    #[inline]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The time `by` later, at most [`EventTime::MAX`].
    #[inline]
    pub const fn saturating_add(self, by: Duration) -> Self {
        let by = by.as_nanos();
        // The whole range is less than 2^64 nanoseconds wide, so anything longer saturates.
        if by > u64::MAX as u128 {
            Self::MAX
        } else {
            Self(self.0.saturating_add_unsigned(low(by)))
        }
    }

    /// The time `by` earlier, at least [`EventTime::MIN`].
    #[inline]
    pub const fn saturating_sub(self, by: Duration) -> Self {
        let by = by.as_nanos();
        if by > u64::MAX as u128 {
            Self::MIN
        } else {
            Self(self.0.saturating_sub_unsigned(low(by)))
        }
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[inline]
    pub const fn since(self, earlier: Self) -> Duration {
        if self.0 <= earlier.0 {
            Duration::ZERO
        } else {
            Duration::from_nanos(self.0.abs_diff(earlier.0))
        }
    }

    /// `self - other` in nanoseconds, negative if `other` is later; saturates.
    #[inline]
    pub const fn nanos_since(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }

    /// The latest multiple of `width` since the epoch that is not after this time: the start of
    /// the tumbling window this time falls into.
    ///
    /// Rounds towards the past before 1970 as well. Saturates at [`EventTime::MIN`]; a width
    /// beyond 292 years counts as 292 years.
    ///
    /// # Panics
    ///
    /// If `width` is zero.
    #[inline]
    pub const fn floor(self, width: Duration) -> Self {
        let width = width.as_nanos();
        let width = if width > i64::MAX as u128 { i64::MAX } else { low(width).cast_signed() };
        assert!(width > 0, "a window has a width");
        Self(self.0.saturating_sub(self.0.rem_euclid(width)))
    }

    /// Reads RFC 3339 text.
    ///
    /// Accepts `YYYY-MM-DDTHH:MM:SS`, a fraction of one to nine digits, and `Z` or an offset `+HH:MM`;
    /// `t`, `z` and a space for the `T` are accepted too. A leap second, `:60`, is read as `:59`.
    ///
    /// Cost: a few nanoseconds for the 20 bytes of `2013-01-01T10:17:00Z`; no allocation.
    ///
    /// # Errors
    ///
    /// [`ParseEventTimeError`] if the text has another form, names a day or time that does not
    /// exist, or lies outside the range of an `EventTime`.
    #[inline]
    pub fn parse(text: &[u8]) -> Result<Self, ParseEventTimeError> {
        rfc3339::parse(text).map(Self)
    }

    /// Writes the RFC 3339 text into `buffer` and returns what it wrote, 20 to 30 bytes.
    pub fn encode(self, buffer: &mut [u8; Self::TEXT_BYTES]) -> &str {
        rfc3339::format(self.0, buffer)
    }
}

/// The low half of a number that is known to fit it.
#[expect(clippy::cast_possible_truncation, reason = "callers compared with the bound before")]
const fn low(value: u128) -> u64 {
    value as u64
}

/// Saturates, as [`EventTime::saturating_add`].
impl Add<Duration> for EventTime {
    type Output = Self;

    #[inline]
    fn add(self, by: Duration) -> Self {
        self.saturating_add(by)
    }
}

/// Saturates, as [`EventTime::saturating_sub`].
impl Sub<Duration> for EventTime {
    type Output = Self;

    #[inline]
    fn sub(self, by: Duration) -> Self {
        self.saturating_sub(by)
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.encode(&mut [0; Self::TEXT_BYTES]))
    }
}

/// As `Display`: a number of nanoseconds tells a reader of a log nothing.
impl fmt::Debug for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EventTime {
    type Err = ParseEventTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.as_bytes())
    }
}

impl ArchivedEventTime {
    /// The archived time as a native one.
    #[inline]
    pub const fn get(self) -> EventTime {
        EventTime(self.0.to_native())
    }
}

impl From<ArchivedEventTime> for EventTime {
    #[inline]
    fn from(archived: ArchivedEventTime) -> Self {
        archived.get()
    }
}

impl PartialEq<EventTime> for ArchivedEventTime {
    #[inline]
    fn eq(&self, other: &EventTime) -> bool {
        self.get() == *other
    }
}

impl fmt::Debug for ArchivedEventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.get(), f)
    }
}

impl fmt::Display for ArchivedEventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.get(), f)
    }
}

impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.encode(&mut [0; Self::TEXT_BYTES]))
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(TextOrMillis)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// Reads what people write: RFC 3339 text, or milliseconds since the epoch.
struct TextOrMillis;

impl Visitor<'_> for TextOrMillis {
    type Value = EventTime;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 time, or milliseconds since the Unix epoch")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<EventTime, E> {
        self.visit_bytes(text.as_bytes())
    }

    fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<EventTime, E> {
        EventTime::parse(text).map_err(E::custom)
    }

    // Input is not clamped as arithmetic is: a number out of range is a wrong record, and its
    // reader should hear of it.
    fn visit_i64<E: de::Error>(self, millis: i64) -> Result<EventTime, E> {
        millis
            .checked_mul(1_000_000)
            .map(EventTime)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(millis), &self))
    }

    fn visit_u64<E: de::Error>(self, millis: u64) -> Result<EventTime, E> {
        match i64::try_from(millis) {
            Ok(millis) => self.visit_i64(millis),
            Err(_) => Err(E::invalid_value(de::Unexpected::Unsigned(millis), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::Durations;

    fn at(text: &str) -> EventTime {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_it_might_be() {
        let said = |json: &str| {
            crate::error::error_chain(&sonic_rs::from_str::<EventTime>(json).unwrap_err())
        };
        assert_eq!(
            said("true"),
            "invalid type: boolean `true`, expected an RFC 3339 time, or milliseconds since the Unix epoch at line 1 column 4"
        );
        assert_eq!(
            said("9300000000000"),
            "invalid value: integer `9300000000000`, expected an RFC 3339 time, or milliseconds since the Unix epoch at line 1 column 13"
        );
        assert_eq!(
            said("\"yesterday\""),
            "the time is not of the form \"2013-01-01T10:17:00Z\" at line 1 column 11"
        );
    }

    #[test]
    fn units_round_towards_the_past() {
        let t = EventTime::from_nanos(-1);
        assert_eq!((t.as_micros(), t.as_millis(), t.as_secs()), (-1, -1, -1));
        assert_eq!(EventTime::from_secs(3), EventTime::from_millis(3_000));
        assert_eq!(EventTime::from_millis(3), EventTime::from_micros(3_000));
        assert_eq!(EventTime::from_millis(i64::MAX), EventTime::MAX);
    }

    #[test]
    fn floor_gives_the_start_of_the_window_also_before_1970() {
        assert_eq!(at("2013-01-01T10:17:00Z").floor(1.hours()), at("2013-01-01T10:00:00Z"));
        assert_eq!(at("2013-01-01T10:00:00Z").floor(1.hours()), at("2013-01-01T10:00:00Z"));
        assert_eq!(at("1969-12-31T23:17:00Z").floor(1.hours()), at("1969-12-31T23:00:00Z"));
        assert_eq!(EventTime::MIN.floor(1.hours()), EventTime::MIN);
    }

    #[test]
    #[should_panic(expected = "a window has a width")]
    fn a_window_without_width_is_refused() {
        let _ = EventTime::EPOCH.floor(Duration::ZERO);
    }

    #[test]
    fn arithmetic_stays_at_the_ends() {
        assert_eq!(EventTime::MAX + 1.nanos(), EventTime::MAX);
        assert_eq!(EventTime::MIN - Duration::MAX, EventTime::MIN);
        assert_eq!(EventTime::MIN + Duration::MAX, EventTime::MAX);
        assert_eq!(EventTime::MAX.since(EventTime::MIN), Duration::from_nanos(u64::MAX));
        assert_eq!(EventTime::MIN.since(EventTime::MAX), Duration::ZERO);
        assert_eq!(EventTime::MIN + EventTime::MAX.since(EventTime::MIN), EventTime::MAX);
    }

    #[test]
    fn json_is_text_or_milliseconds() {
        let time = at("2013-01-01T10:17:00.5Z");
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(json, "\"2013-01-01T10:17:00.5Z\"");
        assert_eq!(serde_json::from_str::<EventTime>(&json).unwrap(), time);
        assert_eq!(serde_json::from_str::<EventTime>("1357035420500").unwrap(), time);
        assert_eq!(serde_json::from_str::<EventTime>("-1").unwrap(), EventTime::from_millis(-1));
        assert!(serde_json::from_str::<EventTime>("9223372036854775807").is_err());
        assert!(serde_json::from_str::<EventTime>("\"yesterday\"").is_err());
    }

    proptest! {
        #[test]
        fn floor_is_a_multiple_not_after_and_less_than_a_width_before(
            nanos in i64::MIN / 2.., width in 1..i64::MAX / 2
        ) {
            let start = EventTime(nanos).floor(Duration::from_nanos(width.unsigned_abs())).0;
            prop_assert_eq!(start % width, 0);
            prop_assert!(start <= nanos && nanos - start < width);
        }

        #[test]
        fn adding_agrees_with_wide_arithmetic(nanos: i64, by: u64) {
            let clamp = |wide: i128| {
                i64::try_from(wide.clamp(i64::MIN.into(), i64::MAX.into())).unwrap()
            };
            let by_wide = i128::from(by);
            let by = Duration::from_nanos(by);
            prop_assert_eq!((EventTime(nanos) + by).0, clamp(i128::from(nanos) + by_wide));
            prop_assert_eq!((EventTime(nanos) - by).0, clamp(i128::from(nanos) - by_wide));
        }
    }
}
