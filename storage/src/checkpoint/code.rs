//! A manifest as bytes and back; what is where is said in `manifest.rs` and in the format's header.

use super::manifest::{Blob, Manifest, Part, Position, SchemaRecord, TableRecord};
use crate::format::checksum::crc32c;
use crate::format::code::{Decoder, Encoder, set_u32, set_u64, u32_at, u64_at};
use crate::format::{Flaw, Generation, Identity, PAGE_BYTES, SegmentId, VERSION};
use crate::raw::Buffer;
use crate::segment::SegmentRef;

const MAGIC: &[u8; 8] = b"thalwman";
const HEADER_BYTES: usize = 64;
const CHECKSUM_AT: usize = 60;

// The least an element of each list can have: what is refused first when a count is read.
const SCHEMA_BYTES: usize = 12;
const PART_BYTES: usize = 20;
const SEGMENT_BYTES: usize = 52;
const TABLE_BYTES: usize = 48;
const POSITION_BYTES: usize = 12;
const BLOB_BYTES: usize = 12;

pub(super) fn encode(manifest: &Manifest) -> Buffer {
    let mut body = Encoder::default();
    body.u64(manifest.parent.map_or(0, |parent| parent + 1));
    body.i64(manifest.time_ns);
    body.u32(manifest.key_groups);
    body.count(manifest.schemas.len());
    for schema in &manifest.schemas {
        body.text(&schema.operator);
        body.text(&schema.state);
        body.bytes(&schema.schema);
    }
    body.count(manifest.parts.len());
    for part in &manifest.parts {
        encode_part(&mut body, part);
    }
    let body = body.into_bytes();
    let mut file = Buffer::zeroed(HEADER_BYTES + body.len());
    file[HEADER_BYTES..HEADER_BYTES + body.len()].copy_from_slice(&body);
    let body_checksum = crc32c(&file[HEADER_BYTES..]);
    file[..8].copy_from_slice(MAGIC);
    set_u32(&mut file, 8, VERSION);
    set_u64(&mut file, 16, manifest.epoch);
    set_u64(&mut file, 24, body.len() as u64);
    set_u32(&mut file, 32, body_checksum);
    let checksum = crc32c(&file[..CHECKSUM_AT]);
    set_u32(&mut file, CHECKSUM_AT, checksum);
    file
}

fn encode_part(body: &mut Encoder, part: &Part) {
    body.u32(part.worker);
    body.count(part.segments.len());
    for segment in &part.segments {
        body.u64(segment.identity.id.0);
        body.u64(segment.identity.generation.0);
        body.u64(segment.layout);
        body.u64(segment.capacity);
        body.u64(segment.end);
        body.u32(segment.extents);
        body.u32(segment.digest);
        body.u32(segment.sealed.into());
    }
    body.count(part.tables.len());
    for table in &part.tables {
        body.text(&table.operator);
        body.text(&table.state);
        body.u32(table.number);
        body.u64(table.layout);
        body.u32(table.first_key_group);
        body.u32(table.last_key_group);
        body.u32(table.value_align);
        body.u64(table.entries);
        body.u64(table.bytes);
    }
    body.count(part.positions.len());
    for position in &part.positions {
        body.text(&position.source);
        body.text(&position.split);
        body.bytes(&position.position);
    }
    body.count(part.blobs.len());
    for blob in &part.blobs {
        body.text(&blob.operator);
        body.text(&blob.name);
        body.bytes(&blob.data);
    }
}

pub(super) fn decode(file: &[u8]) -> Result<Manifest, Flaw> {
    let length = file.len() as u64;
    if file.len() < HEADER_BYTES {
        return Err(Flaw::Truncated { length, needed: HEADER_BYTES as u64 });
    }
    if &file[..8] != MAGIC {
        return Err(Flaw::Foreign);
    }
    let version = u32_at(file, 8);
    if version != VERSION {
        return Err(Flaw::Version { found: version });
    }
    if crc32c(&file[..CHECKSUM_AT]) != u32_at(file, CHECKSUM_AT) {
        return Err(Flaw::Damaged { offset: 0 });
    }
    let body_bytes = u64_at(file, 24);
    let needed = body_bytes
        .checked_add(HEADER_BYTES as u64)
        .and_then(|bytes| bytes.checked_next_multiple_of(PAGE_BYTES as u64))
        .ok_or(Flaw::Inconsistent { offset: 24 })?;
    if length < needed {
        return Err(Flaw::Truncated { length, needed });
    }
    if length > needed {
        return Err(Flaw::Inconsistent { offset: 24 });
    }
    if crc32c(&file[HEADER_BYTES..]) != u32_at(file, 32) {
        return Err(Flaw::Damaged { offset: HEADER_BYTES as u64 });
    }
    let body_end = usize::try_from(body_bytes).map_err(|_| Flaw::Inconsistent { offset: 24 })?;
    let body = &file[HEADER_BYTES..HEADER_BYTES + body_end];
    let mut body = Decoder::new(body, HEADER_BYTES as u64);
    let parent = body.u64()?.checked_sub(1);
    let (time_ns, key_groups) = (body.i64()?, body.u32()?);
    let schemas = list(&mut body, SCHEMA_BYTES, |body| {
        Ok(SchemaRecord {
            operator: body.text()?.to_owned(),
            state: body.text()?.to_owned(),
            schema: body.bytes()?.to_vec(),
        })
    })?;
    let parts = list(&mut body, PART_BYTES, decode_part)?;
    body.end()?;
    Ok(Manifest { epoch: u64_at(file, 16), parent, time_ns, key_groups, schemas, parts })
}

fn list<T>(
    body: &mut Decoder<'_>,
    least: usize,
    element: impl Fn(&mut Decoder<'_>) -> Result<T, Flaw>,
) -> Result<Vec<T>, Flaw> {
    let count = body.count(least)?;
    (0..count).map(|_| element(body)).collect()
}

fn decode_part(body: &mut Decoder<'_>) -> Result<Part, Flaw> {
    Ok(Part {
        worker: body.u32()?,
        segments: list(body, SEGMENT_BYTES, decode_segment)?,
        tables: list(body, TABLE_BYTES, decode_table)?,
        positions: list(body, POSITION_BYTES, |body| {
            Ok(Position {
                source: body.text()?.to_owned(),
                split: body.text()?.to_owned(),
                position: body.bytes()?.to_vec(),
            })
        })?,
        blobs: list(body, BLOB_BYTES, |body| {
            Ok(Blob {
                operator: body.text()?.to_owned(),
                name: body.text()?.to_owned(),
                data: body.bytes()?.to_vec(),
            })
        })?,
    })
}

fn decode_segment(body: &mut Decoder<'_>) -> Result<SegmentRef, Flaw> {
    let identity = Identity { id: SegmentId(body.u64()?), generation: Generation(body.u64()?) };
    let (layout, capacity, end) = (body.u64()?, body.u64()?, body.u64()?);
    let (extents, digest) = (body.u32()?, body.u32()?);
    let flaw = body.flaw();
    let sealed = match body.u32()? {
        0 => false,
        1 => true,
        _ => return Err(flaw),
    };
    Ok(SegmentRef { identity, layout, capacity, end, extents, digest, sealed })
}

fn decode_table(body: &mut Decoder<'_>) -> Result<TableRecord, Flaw> {
    Ok(TableRecord {
        operator: body.text()?.to_owned(),
        state: body.text()?.to_owned(),
        number: body.u32()?,
        layout: body.u64()?,
        first_key_group: body.u32()?,
        last_key_group: body.u32()?,
        value_align: body.u32()?,
        entries: body.u64()?,
        bytes: body.u64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn segments() -> impl Strategy<Value = SegmentRef> {
        let words = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
        (words, any::<u32>(), any::<u32>(), any::<bool>()).prop_map(
            |((id, generation, layout, capacity, end), extents, digest, sealed)| SegmentRef {
                identity: Identity { id: SegmentId(id), generation: Generation(generation) },
                layout,
                capacity,
                end,
                extents,
                digest,
                sealed,
            },
        )
    }

    fn tables() -> impl Strategy<Value = TableRecord> {
        let numbers = (any::<u32>(), any::<u64>(), any::<u32>(), any::<u32>(), any::<u32>());
        (".{0,8}", ".{0,8}", numbers, any::<u64>(), any::<u64>()).prop_map(
            |(operator, state, (number, layout, first, last, value_align), entries, bytes)| {
                TableRecord {
                    operator,
                    state,
                    number,
                    layout,
                    first_key_group: first,
                    last_key_group: last,
                    value_align,
                    entries,
                    bytes,
                }
            },
        )
    }

    fn parts() -> impl Strategy<Value = Part> {
        let positions = (".{0,8}", ".{0,8}", vec(any::<u8>(), 0..40))
            .prop_map(|(source, split, position)| Position { source, split, position });
        let blobs = (".{0,8}", ".{0,8}", vec(any::<u8>(), 0..4000))
            .prop_map(|(operator, name, data)| Blob { operator, name, data });
        let lists =
            (vec(segments(), 0..5), vec(tables(), 0..5), vec(positions, 0..5), vec(blobs, 0..3));
        (any::<u32>(), lists).prop_map(|(worker, (segments, tables, positions, blobs))| Part {
            worker,
            segments,
            tables,
            positions,
            blobs,
        })
    }

    fn manifests() -> impl Strategy<Value = Manifest> {
        let parent = proptest::option::of(0..u64::MAX);
        let schema = (".{0,8}", ".{0,8}", vec(any::<u8>(), 0..60))
            .prop_map(|(operator, state, schema)| SchemaRecord { operator, state, schema });
        let lists = (vec(schema, 0..4), vec(parts(), 0..4));
        (any::<u64>(), parent, any::<i64>(), any::<u32>(), lists).prop_map(
            |(epoch, parent, time_ns, key_groups, (schemas, parts))| Manifest {
                epoch,
                parent,
                time_ns,
                key_groups,
                schemas,
                parts,
            },
        )
    }

    proptest! {
        #[test]
        fn a_manifest_is_read_as_it_was_written(manifest in manifests()) {
            let file = encode(&manifest);
            prop_assert_eq!(file.len() % PAGE_BYTES, 0);
            prop_assert_eq!(decode(&file), Ok(manifest));
        }

        #[test]
        fn whatever_the_body_says_reading_it_ends_well_or_with_an_error(
            manifest in manifests(),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            // With checksums made right again, so that it is the decoder that is asked.
            let mut file = encode(&manifest);
            let body_bytes = usize::try_from(u64_at(&file, 24)).unwrap();
            for (place, byte) in changes {
                file[HEADER_BYTES + place.index(body_bytes)] = byte;
            }
            let checksum = crc32c(&file[HEADER_BYTES..]);
            set_u32(&mut file, 32, checksum);
            let checksum = crc32c(&file[..CHECKSUM_AT]);
            set_u32(&mut file, CHECKSUM_AT, checksum);
            if let Ok(read) = decode(&file) {
                prop_assert_eq!(&encode(&read)[..], &file[..]);
            }
        }
    }
}
