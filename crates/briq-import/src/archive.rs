//! Zip, as PyTorch and Keras write it: stored or deflated entries, found through the directory at the end.
//!
//! Only what frameworks write is read: one disk, no encryption, Zip64 where sizes need it. An entry is checked against its
//! CRC-32, and inflated to no more than the directory says.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read as _;

use crate::ImportError;
use crate::cursor::Cursor;

/// The most entries that are listed.
const MAX_ENTRIES: u64 = 1 << 20;

/// The end record without its comment, in bytes.
const END_BYTES: usize = 22;

/// The entries of an archive, by name.
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    entries: BTreeMap<String, Entry>,
}

struct Entry {
    method: u16,
    flags: u16,
    crc: u32,
    stored: u64,
    size: u64,
    header: u64,
}

impl<'a> Archive<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ImportError> {
        let (count, directory) = end(bytes)?;
        if count > MAX_ENTRIES {
            return Err(ImportError::malformed(format!("the archive claims {count} entries, {MAX_ENTRIES} are read")));
        }
        let mut cursor = Cursor::starting(bytes, directory, "the directory of the archive");
        let entries = (0..count).map(|_| entry(&mut cursor)).collect::<Result<_, _>>()?;
        Ok(Self { bytes, entries })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The bytes of an entry, or nothing where there is none of that name.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Cow<'a, [u8]>>, ImportError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let bytes = self.content(name, entry)?;
        if bytes.len() as u64 != entry.size || crc32fast::hash(&bytes) != entry.crc {
            return Err(ImportError::malformed(format!("{name} of the archive is damaged")));
        }
        Ok(Some(bytes))
    }

    fn content(&self, name: &str, entry: &Entry) -> Result<Cow<'a, [u8]>, ImportError> {
        let mut cursor = Cursor::starting(self.bytes, entry.header, "an entry of the archive");
        cursor.magic(b"PK\x03\x04")?;
        cursor.skip(22)?;
        let (name_length, extra_length) = (cursor.u16()?, cursor.u16()?);
        cursor.skip(usize::from(name_length) + usize::from(extra_length))?;
        let stored = cursor.take(usize::try_from(entry.stored).unwrap_or(usize::MAX))?;
        match entry.method {
            _ if entry.flags & 1 != 0 => Err(ImportError::unsupported(format!("{name} of the archive is encrypted"))),
            0 => Ok(Cow::Borrowed(stored)),
            8 => inflate(stored, entry.size).map(Cow::Owned),
            method => Err(ImportError::unsupported(format!("{name} is compressed by method {method}"))),
        }
    }
}

/// Inflates to at most one byte more than was announced, so that a lie is seen and costs nothing.
fn inflate(stored: &[u8], size: u64) -> Result<Vec<u8>, ImportError> {
    let mut bytes = Vec::new();
    let mut decoder = flate2::read::DeflateDecoder::new(stored).take(size.saturating_add(1));
    let read = decoder.read_to_end(&mut bytes);
    read.map_err(|error| ImportError::malformed("an entry of the archive does not inflate").because(error))?;
    Ok(bytes)
}

/// The number of entries and where the directory starts.
fn end(bytes: &[u8]) -> Result<(u64, u64), ImportError> {
    let earliest = bytes.len().saturating_sub(END_BYTES + usize::from(u16::MAX));
    let tail = &bytes[earliest..];
    let found = tail.windows(4).rposition(|window| window == b"PK\x05\x06");
    let at = earliest + found.ok_or_else(|| ImportError::malformed("the archive has no directory"))?;
    let mut cursor = Cursor::starting(bytes, at as u64, "the end of the archive");
    cursor.skip(10)?;
    let (count, _, directory) = (cursor.u16()?, cursor.u32()?, cursor.u32()?);
    if count != u16::MAX && directory != u32::MAX {
        return Ok((u64::from(count), u64::from(directory)));
    }
    large_end(bytes, at)
}

/// The Zip64 end record, through the locator before the end record.
fn large_end(bytes: &[u8], end: usize) -> Result<(u64, u64), ImportError> {
    let locator = end.checked_sub(20).ok_or_else(|| ImportError::malformed("the archive has no Zip64 locator"))?;
    let mut cursor = Cursor::starting(bytes, locator as u64, "the Zip64 locator of the archive");
    cursor.magic(b"PK\x06\x07")?;
    cursor.skip(4)?;
    let mut cursor = Cursor::starting(bytes, cursor.u64()?, "the Zip64 end of the archive");
    cursor.magic(b"PK\x06\x06")?;
    cursor.skip(28)?;
    let count = cursor.u64()?;
    cursor.skip(8)?;
    Ok((count, cursor.u64()?))
}

fn entry(cursor: &mut Cursor<'_>) -> Result<(String, Entry), ImportError> {
    cursor.magic(b"PK\x01\x02")?;
    cursor.skip(4)?;
    let (flags, method) = (cursor.u16()?, cursor.u16()?);
    cursor.skip(4)?;
    let (crc, stored, size) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
    let (name_length, extra_length, comment_length) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
    cursor.skip(8)?;
    let header = cursor.u32()?;
    let name = String::from_utf8_lossy(cursor.take(usize::from(name_length))?).into_owned();
    let extra = cursor.take(usize::from(extra_length))?;
    cursor.skip(usize::from(comment_length))?;
    let [size, stored, header] = large([size, stored, header], extra)?;
    Ok((name, Entry { method, flags, crc, stored, size, header }))
}

/// Numbers that did not fit into 32 bits stand in an extra field, in this order.
fn large(numbers: [u32; 3], extra: &[u8]) -> Result<[u64; 3], ImportError> {
    let mut wide = numbers.map(u64::from);
    let mut extra = Cursor::new(extra, "an extra field of the archive");
    while extra.remaining() >= 4 {
        let (kind, length) = (extra.u16()?, extra.u16()?);
        let body = extra.take(usize::from(length))?;
        if kind != 1 {
            continue;
        }
        let mut body = Cursor::new(body, "a Zip64 field of the archive");
        for (number, wide) in numbers.iter().zip(&mut wide).filter(|(number, _)| **number == u32::MAX) {
            *wide = body.u64()?;
            debug_assert_eq!(*number, u32::MAX);
        }
    }
    Ok(wide)
}
