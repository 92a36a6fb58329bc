//! The splitter against a slow one that sees the whole input at once.

use super::*;
use crate::format::decode::RAW_BYTES;
use proptest::prelude::*;

/// Number, offset and bytes of a line; `None` for one that is too long.
type Seen = (u64, u64, Option<Vec<u8>>);

fn split(content: &[u8], chunks: &[usize], limit: usize, quotes: Option<Quotes>) -> Vec<Seen> {
    let mut splitter = LineSplitter::new(&Extent::whole(), limit, quotes);
    let mut seen = Vec::new();
    let mut see = |line: Result<Line<'_>, BadLine>| match line {
        Ok(line) => {
            seen.push((line.position.line.unwrap(), line.position.byte, Some(line.bytes.to_vec())))
        }
        Err(bad) => seen.push((bad.line.unwrap(), bad.offset, None)),
    };
    let mut rest = content;
    let mut sizes = chunks.iter().cycle();
    while !rest.is_empty() {
        let (mut chunk, tail) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
        rest = tail;
        while let Some(line) = splitter.next_line(&mut chunk) {
            see(line);
        }
        assert!(chunk.is_empty());
    }
    if let Some(line) = splitter.finish() {
        see(line);
    }
    seen
}

/// The oracle: one byte at a time over the whole content.
fn slow(content: &[u8], limit: usize, quotes: Option<Quotes>) -> Vec<Seen> {
    let mut seen = Vec::new();
    let (mut start, mut number) = (0, 1);
    while start < content.len() {
        let skip = if start == 0 && content.starts_with(&BYTE_ORDER_MARK) { 3 } else { 0 };
        let body = &content[start + skip..];
        let end = slow_end(body, limit, quotes);
        let line = &body[..end.min(body.len())];
        if end < body.len() || !line.is_empty() {
            let kept =
                (line.len() <= limit).then(|| line.strip_suffix(b"\r").unwrap_or(line).to_vec());
            seen.push((number, start as u64, kept));
        }
        number += 1 + line.iter().take(limit + 1).filter(|&&b| b == b'\n').count() as u64;
        start += skip + end + 1;
    }
    seen
}

fn slow_end(body: &[u8], limit: usize, quotes: Option<Quotes>) -> usize {
    let mut open = false;
    let mut at_cell_start = true;
    let mut i = 0;
    while i < body.len() {
        if i > limit {
            open = false;
        }
        let byte = body[i];
        match quotes {
            Some(q) if open => {
                if byte == q.quote && body.get(i + 1) == Some(&q.quote) && i < limit {
                    i += 1;
                } else if byte == q.quote {
                    open = false;
                }
                at_cell_start = false;
            }
            _ if byte == b'\n' => return i,
            Some(q) => {
                open = byte == q.quote && at_cell_start && i <= limit;
                at_cell_start = byte == q.delimiter;
            }
            None => {}
        }
        i += 1;
    }
    body.len()
}

const CSV: Quotes = Quotes { quote: b'"', delimiter: b',' };

proptest! {
    #[test]
    fn lines_do_not_depend_on_the_chunks(
        content in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'"'), Just(b','), Just(b'x'), Just(0xEF)], 0..60),
        mark in any::<bool>(),
        chunks in prop::collection::vec(1_usize..12, 1..6),
        limit in 1_usize..40,
        quoted in any::<bool>(),
    ) {
        let mut content = content;
        if mark {
            content.splice(0..0, BYTE_ORDER_MARK);
        }
        let quotes = quoted.then_some(CSV);
        let whole = split(&content, &[1000], limit, quotes);
        prop_assert_eq!(&split(&content, &chunks, limit, quotes), &whole);
        prop_assert_eq!(&slow(&content, limit, quotes), &whole);
    }
}

#[test]
fn a_line_inside_one_chunk_is_not_copied() {
    let chunk = b"alpha\r\nbeta\n";
    let mut splitter = LineSplitter::new(&Extent::whole(), MAX_LINE_BYTES, None);
    let mut rest = &chunk[..];
    let line = splitter.next_line(&mut rest).unwrap().unwrap();
    assert_eq!(line.bytes.as_ptr(), chunk.as_ptr());
    assert_eq!(line.bytes, b"alpha");
    assert_eq!(splitter.position(), Position { byte: 7, line: Some(2) });
}

#[test]
fn a_line_at_the_limit_passes_and_one_byte_more_is_bad() {
    let seen = split(b"12345\n123456\nok\n", &[3], 5, None);
    assert_eq!(
        seen,
        [(1, 0, Some(b"12345".to_vec())), (2, 6, None), (3, 13, Some(b"ok".to_vec()))]
    );
}

#[test]
fn a_long_line_is_reported_with_its_first_bytes_only() {
    let mut splitter = LineSplitter::new(&Extent::whole(), 10_000, None);
    let content = [b'x'; 30_000];
    assert!(splitter.next_line(&mut &content[..]).is_none());
    let bad = splitter.finish().unwrap().unwrap_err();
    assert_eq!(bad.raw.len(), RAW_BYTES);
    assert_eq!(
        bad.to_string(),
        "line 1: line is longer than 10000 bytes, the limit `max_line_bytes`"
    );
}

#[test]
fn quoted_line_breaks_count_towards_the_line_numbers() {
    let seen = split(b"a,\"1\n2\"\nb\n", &[4], 100, Some(CSV));
    assert_eq!(seen, [(1, 0, Some(b"a,\"1\n2\"".to_vec())), (3, 8, Some(b"b".to_vec()))]);
}

#[test]
fn an_unclosed_quote_costs_the_limit_and_not_the_file() {
    let seen = split(b"\"oops\nx\ny\nz\n", &[5], 6, Some(CSV));
    assert_eq!(seen, [(1, 0, None), (3, 8, Some(b"y".to_vec())), (4, 10, Some(b"z".to_vec()))]);
}
