//! The header of a gzip member, byte by byte, as chunks may end anywhere (RFC 1952, section 2.3).

const FLAG_CHECKSUM: u8 = 0x02;
const FLAG_EXTRA: u8 = 0x04;
const FLAG_NAME: u8 = 0x08;
const FLAG_COMMENT: u8 = 0x10;
const FLAGS_RESERVED: u8 = 0xE0;
const METHOD_DEFLATE: u8 = 8;

/// Where in the header the next byte belongs.
#[derive(Debug)]
pub(super) struct HeaderParser {
    at: At,
    flags: u8,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// The ten bytes that every header has.
    Fixed(u8),
    ExtraLow,
    ExtraHigh(u8),
    Extra(u16),
    Name,
    Comment,
    /// The header's own checksum: skipped, since the data's checksum covers what is used.
    ChecksumLow,
    ChecksumHigh,
}

/// What a byte of the header meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    More,
    Done,
    NotGzip,
    Invalid,
}

impl HeaderParser {
    pub(super) fn new() -> Self {
        Self { at: At::Fixed(0), flags: 0 }
    }

    pub(super) fn on_byte(&mut self, byte: u8) -> Field {
        self.at = match self.at {
            At::Fixed(i @ (0 | 1)) if byte != super::MAGIC[usize::from(i)] => {
                return Field::NotGzip;
            }
            At::Fixed(2) if byte != METHOD_DEFLATE => return Field::Invalid,
            At::Fixed(3) if byte & FLAGS_RESERVED != 0 => return Field::Invalid,
            At::Fixed(3) => {
                self.flags = byte;
                At::Fixed(4)
            }
            At::Fixed(9) => return self.go_on(FLAG_EXTRA),
            At::Fixed(i) => At::Fixed(i + 1),
            At::ExtraLow => At::ExtraHigh(byte),
            At::ExtraHigh(low) => match u16::from_le_bytes([low, byte]) {
                0 => return self.go_on(FLAG_NAME),
                length => At::Extra(length),
            },
            At::Extra(1) => return self.go_on(FLAG_NAME),
            At::Extra(left) => At::Extra(left - 1),
            At::Name if byte == 0 => return self.go_on(FLAG_COMMENT),
            At::Comment if byte == 0 => return self.go_on(FLAG_CHECKSUM),
            At::Name => At::Name,
            At::Comment => At::Comment,
            At::ChecksumLow => At::ChecksumHigh,
            At::ChecksumHigh => return Field::Done,
        };
        Field::More
    }

    /// Moves to the first field that is there, from that of `flag` on in the header's order.
    fn go_on(&mut self, flag: u8) -> Field {
        let order = [
            (FLAG_EXTRA, At::ExtraLow),
            (FLAG_NAME, At::Name),
            (FLAG_COMMENT, At::Comment),
            (FLAG_CHECKSUM, At::ChecksumLow),
        ];
        let next = order
            .into_iter()
            .skip_while(|(known, _)| *known != flag)
            .find(|(known, _)| self.flags & known != 0);
        match next {
            Some((_, at)) => {
                self.at = at;
                Field::More
            }
            None => Field::Done,
        }
    }
}
