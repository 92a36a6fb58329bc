//! Numbers, texts and byte strings, one behind the other.
//!
//! A text or byte string is its length (4 bytes) and its bytes; a list is its length (4 bytes) and its elements. What is read is checked against
//! what is there before anything is allocated for it, so no bytes can ask for more memory than they are long.

use super::Flaw;

/// Writes values behind each other.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes, two's complement.
    pub fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// How many elements follow.
    ///
    /// # Panics
    ///
    /// If there are 2^32 or more.
    pub fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("invariant: a list has fewer than 2^32 elements"));
    }

    /// A byte string.
    ///
    /// # Panics
    ///
    /// If it has 2^32 bytes or more.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// A text.
    ///
    /// # Panics
    ///
    /// If it has 2^32 bytes or more.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

/// Reads values from behind each other.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    /// Where in the file the rest of the bytes starts.
    at: u64,
}

impl<'a> Decoder<'a> {
    /// Reads `bytes`, which are at `offset` in their file.
    #[must_use]
    pub fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self { bytes, at: offset }
    }

    /// A flaw at this place.
    #[must_use]
    pub fn flaw(&self) -> Flaw {
        Flaw::Inconsistent { offset: self.at }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Flaw> {
        let Some((taken, rest)) = self.bytes.split_at_checked(count) else {
            return Err(self.flaw());
        };
        self.bytes = rest;
        self.at += count as u64;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let taken = self.take(N)?;
        Ok(*taken.first_chunk().expect("invariant: N bytes were taken"))
    }

    /// Four bytes.
    ///
    /// # Errors
    ///
    /// Here and below: there are not as many.
    pub fn u32(&mut self) -> Result<u32, Flaw> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes.
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    pub fn u64(&mut self) -> Result<u64, Flaw> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Eight bytes, two's complement.
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    pub fn i64(&mut self) -> Result<i64, Flaw> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// How many elements of at least `least` bytes follow.
    ///
    /// # Errors
    ///
    /// More than there is room for.
    pub fn count(&mut self, least: usize) -> Result<usize, Flaw> {
        let flaw = self.flaw();
        let count = usize::try_from(self.u32()?).map_err(|_| flaw.clone())?;
        match count.checked_mul(least.max(1)) {
            Some(bytes) if bytes <= self.bytes.len() => Ok(count),
            _ => Err(flaw),
        }
    }

    /// A byte string.
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    pub fn bytes(&mut self) -> Result<&'a [u8], Flaw> {
        let count = self.count(1)?;
        self.take(count)
    }

    /// A text.
    ///
    /// # Errors
    ///
    /// It is not UTF-8 or longer than what is there.
    pub fn text(&mut self) -> Result<&'a str, Flaw> {
        let flaw = self.flaw();
        std::str::from_utf8(self.bytes()?).map_err(|_| flaw)
    }

    /// That there is nothing more.
    ///
    /// # Errors
    ///
    /// There is.
    pub fn end(&self) -> Result<(), Flaw> {
        if self.bytes.is_empty() { Ok(()) } else { Err(self.flaw()) }
    }
}

/// The four bytes at `at`; the caller has checked that they are there.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("invariant: four bytes are there"))
}

/// The eight bytes at `at`; the caller has checked that they are there.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("invariant: eight bytes are there"))
}

/// Writes four bytes at `at`.
pub(crate) fn set_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Writes eight bytes at `at`.
pub(crate) fn set_u64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut encoder = Encoder::default();
        encoder.u32(7);
        encoder.u64(u64::MAX);
        encoder.i64(-2);
        encoder.text("flüsse");
        encoder.bytes(&[]);
        encoder.count(3);
        let bytes = encoder.into_bytes();
        let mut decoder = Decoder::new(&bytes, 64);
        assert_eq!(decoder.u32(), Ok(7));
        assert_eq!(decoder.u64(), Ok(u64::MAX));
        assert_eq!(decoder.i64(), Ok(-2));
        assert_eq!(decoder.text(), Ok("flüsse"));
        assert_eq!(decoder.bytes(), Ok(&[][..]));
        assert_eq!(decoder.count(0), Err(Flaw::Inconsistent { offset: 64 + 20 + 4 + 7 + 4 }));
        assert_eq!(decoder.end(), Ok(()));
    }

    #[test]
    fn a_length_that_leads_out_is_refused_where_it_stands() {
        let bytes = [255, 255, 255, 255, 1];
        assert_eq!(Decoder::new(&bytes, 9).bytes(), Err(Flaw::Inconsistent { offset: 9 }));
        assert_eq!(Decoder::new(&bytes, 9).count(1 << 40), Err(Flaw::Inconsistent { offset: 9 }));
        assert_eq!(Decoder::new(&bytes, 9).u64(), Err(Flaw::Inconsistent { offset: 9 }));
        assert_eq!(Decoder::new(&bytes, 9).end(), Err(Flaw::Inconsistent { offset: 9 }));
        assert_eq!(
            Decoder::new(&[1, 0, 0, 0, 255], 9).text(),
            Err(Flaw::Inconsistent { offset: 9 })
        );
    }
}
