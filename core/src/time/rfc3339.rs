//! RFC 3339 text to nanoseconds and back.
//!
//! Reading times is on the path of every CSV record, so the common form of 20 bytes,
//! `2013-01-01T10:17:00Z`, has a path without a cursor. The calendar arithmetic is Howard
//! Hinnant's "chrono-compatible low-level date algorithms" (2013).

/// The longest text: `2013-01-01T10:17:00.123456789Z`. Years always have four digits, because 64
/// bits of nanoseconds end in 2262.
pub(super) const TEXT_BYTES: usize = 30;

const NANOS_PER_SEC: i64 = 1_000_000_000;
const SECS_PER_DAY: i64 = 86_400;

/// Why a text is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseEventTimeError {
    /// The text does not have the form of an RFC 3339 time.
    #[error("the time is not of the form \"2013-01-01T10:17:00Z\"")]
    Form,
    /// The text has the right form, but there is no such day or time.
    #[error("there is no such day or time in the calendar")]
    Calendar,
    /// The time is before 1677-09-21 or after 2262-04-11.
    #[error("the time is outside the years 1677 to 2262 that an event time can hold")]
    Range,
}

use ParseEventTimeError::{Calendar, Form, Range};

#[inline]
pub(super) fn parse(text: &[u8]) -> Result<i64, ParseEventTimeError> {
    if let Ok(text) = <&[u8; 20]>::try_from(text)
        && text[19] == b'Z'
    {
        let (seconds, _) =
            parse_civil(text.first_chunk().expect("invariant: 20 bytes are 19 and one"))?;
        return seconds.checked_mul(NANOS_PER_SEC).ok_or(Range);
    }
    parse_any(text)
}

/// The forms with a fraction, an offset or a small `z`.
#[cold]
fn parse_any(text: &[u8]) -> Result<i64, ParseEventTimeError> {
    let (civil, rest) = text.split_first_chunk::<19>().ok_or(Form)?;
    let (seconds, leap) = parse_civil(civil)?;
    let (nanos, rest) = parse_fraction(rest)?;
    let offset = parse_offset(rest)?;
    // A leap second is read as the second before it, whatever its fraction: as `jiff` does.
    let nanos = if leap { 0 } else { nanos };
    let wide = i128::from(seconds - offset) * i128::from(NANOS_PER_SEC) + i128::from(nanos);
    i64::try_from(wide).map_err(|_| Range)
}

/// `YYYY-MM-DDTHH:MM:SS` as seconds since the epoch, and whether it named a leap second.
#[inline]
fn parse_civil(text: &[u8; 19]) -> Result<(i64, bool), ParseEventTimeError> {
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T' | b't' | b' ',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
    ] = *text
    else {
        return Err(Form);
    };
    // One comparison at the end instead of fourteen: any byte that is no digit sets a high bit.
    let mut bad = 0;
    let mut two = |tens: u8, ones: u8| {
        let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
        bad |= u8::from(tens > 9) | u8::from(ones > 9);
        i64::from(tens) * 10 + i64::from(ones)
    };
    let year = two(y0, y1) * 100 + two(y2, y3);
    let (month, day) = (two(m0, m1), two(d0, d1));
    let (hour, minute, second) = (two(h0, h1), two(n0, n1), two(s0, s1));
    if bad != 0 {
        return Err(Form);
    }
    let in_range = (1..=12).contains(&month) && (1..=28).contains(&day)
        || ((1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month));
    if !in_range || hour > 23 || minute > 59 || second > 60 {
        return Err(Calendar);
    }
    let of_day = hour * 3_600 + minute * 60 + second.min(59);
    Ok((days_from_civil(year, month, day) * SECS_PER_DAY + of_day, second == 60))
}

/// `.5` as nanoseconds, and what follows; nothing is zero.
fn parse_fraction(text: &[u8]) -> Result<(i64, &[u8]), ParseEventTimeError> {
    let Some(digits) = text.strip_prefix(b".") else {
        return Ok((0, text));
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&count) {
        return Err(Form);
    }
    let (digits, rest) = digits.split_at(count);
    let written = digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    let missing = (count..9).fold(1, |scale, _| scale * 10);
    Ok((written * missing, rest))
}

/// `Z` or `+02:00` as seconds east of UTC.
fn parse_offset(text: &[u8]) -> Result<i64, ParseEventTimeError> {
    match *text {
        [b'Z' | b'z'] => Ok(0),
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1]
            if [h0, h1, m0, m1].iter().all(u8::is_ascii_digit) =>
        {
            let two = |tens: u8, ones: u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
            let (hours, minutes) = (two(h0, h1), two(m0, m1));
            if hours > 23 || minutes > 59 {
                return Err(Calendar);
            }
            let seconds = hours * 3_600 + minutes * 60;
            Ok(if sign == b'-' { -seconds } else { seconds })
        }
        _ => Err(Form),
    }
}

pub(super) fn format(nanos: i64, buffer: &mut [u8; TEXT_BYTES]) -> &str {
    let (seconds, fraction) = (nanos.div_euclid(NANOS_PER_SEC), nanos.rem_euclid(NANOS_PER_SEC));
    let (days, of_day) = (seconds.div_euclid(SECS_PER_DAY), seconds.rem_euclid(SECS_PER_DAY));
    let (year, month, day) = civil_from_days(days);
    *buffer = *b"0000-00-00T00:00:00.000000000Z";
    write_digits(&mut buffer[0..4], year);
    write_digits(&mut buffer[5..7], month);
    write_digits(&mut buffer[8..10], day);
    write_digits(&mut buffer[11..13], of_day / 3_600);
    write_digits(&mut buffer[14..16], of_day / 60 % 60);
    write_digits(&mut buffer[17..19], of_day % 60);
    let mut end = 19;
    if fraction != 0 {
        write_digits(&mut buffer[20..29], fraction);
        end = 29;
        while buffer[end - 1] == b'0' {
            end -= 1;
        }
    }
    buffer[end] = b'Z';
    std::str::from_utf8(&buffer[..=end]).expect("invariant: digits and punctuation are ASCII")
}

/// Writes `value` right-aligned over zeros.
#[inline]
fn write_digits(out: &mut [u8], mut value: i64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).expect("invariant: a date has no negative parts");
        value /= 10;
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the epoch to a day of the Gregorian calendar. The year begins in March, so that the
/// leap day is its last one.
#[inline]
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
#[inline]
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn text(nanos: i64) -> String {
        format(nanos, &mut [0; TEXT_BYTES]).to_owned()
    }

    #[test]
    fn the_common_form_is_read_and_written() {
        assert_eq!(parse(b"2013-01-01T10:17:00Z"), Ok(1_357_035_420_000_000_000));
        assert_eq!(text(1_357_035_420_000_000_000), "2013-01-01T10:17:00Z");
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn the_ends_of_the_range_are_read_back() {
        for nanos in [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX] {
            assert_eq!(parse(text(nanos).as_bytes()), Ok(nanos));
        }
        assert_eq!(parse(b"2262-04-11T23:47:16.854775808Z"), Err(Range));
        assert_eq!(parse(b"2262-04-12T00:00:00Z"), Err(Range));
        assert_eq!(parse(b"0000-01-01T00:00:00Z"), Err(Range));
        assert_eq!(parse(b"9999-12-31T23:59:59Z"), Err(Range));
        // Outside in local time, inside in UTC.
        assert!(parse(b"2262-04-12T00:00:00+23:00").is_ok());
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for wrong in [
            "2013-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2013-04-31T00:00:00Z",
            "2013-13-01T00:00:00Z",
            "2013-00-10T00:00:00Z",
            "2013-01-00T00:00:00Z",
            "2013-01-32T00:00:00Z",
            "2013-01-01T24:00:00Z",
            "2013-01-01T00:60:00Z",
            "2013-01-01T00:00:61Z",
            "2013-01-01T00:00:00+24:00",
        ] {
            assert_eq!(parse(wrong.as_bytes()), Err(Calendar), "{wrong}");
        }
        assert!(parse(b"2000-02-29T00:00:00Z").is_ok());
        assert!(parse(b"2012-02-29T00:00:00Z").is_ok());
    }

    #[test]
    fn other_forms_are_refused() {
        for wrong in [
            "",
            "2013",
            "2013-01-01",
            "2013-01-01T10:17:00",
            "2013-01-01T10:17Z",
            "2013-01-01T10:17:00.Z",
            "2013-01-01T10:17:00.1234567890Z",
            "2013-01-01T10:17:00+0200",
            "2013-01-01T10:17:00 Z",
            "2O13-01-01T10:17:00Z",
            "2013-01-01T10:17:0:Z",
            "2013/01/01T10:17:00Z",
            "2013-01-01T10:17:00ZZ",
            "+013-01-01T10:17:00Z",
            "2013-01-01T10:17:00+:2:00",
        ] {
            assert_eq!(parse(wrong.as_bytes()), Err(Form), "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_in_a_sentence() {
        for (wrong, expected) in [
            ("2013-01-01", "the time is not of the form \"2013-01-01T10:17:00Z\""),
            ("2013-02-29T00:00:00Z", "there is no such day or time in the calendar"),
            (
                "2262-04-12T00:00:00Z",
                "the time is outside the years 1677 to 2262 that an event time can hold",
            ),
        ] {
            assert_eq!(parse(wrong.as_bytes()).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_leap_second_is_the_second_before_it() {
        assert_eq!(parse(b"2016-12-31T23:59:60Z"), parse(b"2016-12-31T23:59:59Z"));
    }

    proptest! {
        #[test]
        fn text_agrees_with_jiff(nanos: i64, coarse in 0..4u32) {
            let nanos = nanos - nanos % 1000i64.pow(coarse);
            let theirs = Timestamp::from_nanosecond(nanos.into()).unwrap();
            prop_assert_eq!(text(nanos), theirs.to_string());
            prop_assert_eq!(parse(text(nanos).as_bytes()), Ok(nanos));
        }

        #[test]
        fn whatever_has_the_form_is_read_as_jiff_reads_it(
            input in "(1[6-9]|2[0-3])[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|z|[+-][01][0-9]:[0-5][0-9])"
        ) {
            let theirs = input.parse::<Timestamp>().ok();
            let theirs = theirs.and_then(|theirs| i64::try_from(theirs.as_nanosecond()).ok());
            prop_assert_eq!(parse(input.as_bytes()).ok(), theirs, "{}", input);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
