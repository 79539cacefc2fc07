//! Reads the directory of a Zip, and refuses everything that a package never has.
//!
//! Only what the layout is computed from is taken from here. That the rest is as the writer would have written it is
//! shown by rendering the layout and comparing; the checks here exist to say what is wrong in words.

mod end;
mod local;

use std::collections::HashSet;

use briq_spec::manifest::MAX_ENTRIES;

use self::end::End;
use super::MAX_SEALS;
use super::fields::Fields;
use super::layout::Layout;
use super::record::{CENTRAL, CENTRAL_BYTES, Item, MAX32, ZIP64_FIELD};
use crate::error::Fault;

/// The most records of a directory: the manifest, the entries it lists, the seals.
const MAX_RECORDS: u64 = 1 + MAX_ENTRIES as u64 + MAX_SEALS as u64;

/// The longest record: its fixed part, a path of 255 bytes, a Zip64 field with three values.
const MAX_RECORD_BYTES: u64 = CENTRAL_BYTES as u64 + 255 + 4 + 24;

/// The entries of a Zip in the order of its directory.
pub(crate) struct Directory {
    /// How many bytes stand before the Zip.
    pub(crate) prefix: usize,
    records: Vec<Record>,
}

/// One entry as the directory tells it.
struct Record {
    item: Item,
    header_at: u64,
}

impl Directory {
    /// Reads the directory at the end of a file.
    pub(crate) fn read(file: &[u8]) -> Result<Self, Fault> {
        let end = End::read(file)?;
        check_limits(&end)?;
        let (prefix, directory) = end.locate(file)?;
        let mut fields = Fields::at(directory, 0);
        let mut records = Vec::with_capacity(end.count as usize);
        for number in 1..=end.count {
            records.push(read_record(&mut fields, number)?);
        }
        if fields.bytes(1).is_some() {
            return Err(Fault::corrupt("its directory goes on after its last entry"));
        }
        let directory = Self { prefix, records };
        directory.check_unique()?;
        Ok(directory)
    }

    fn check_unique(&self) -> Result<(), Fault> {
        let mut seen = HashSet::new();
        match self.records.iter().find(|record| !seen.insert(&record.item.path)) {
            Some(record) => Err(Fault::corrupt("it is there twice").in_entry(&record.item.path)),
            None => Ok(()),
        }
    }

    /// The layout of these entries, when `zip` – the file without what stands before it – is in every byte outside
    /// of their contents what that layout demands.
    pub(crate) fn into_layout(self, zip: &[u8]) -> Result<Layout, Fault> {
        let (items, starts): (Vec<Item>, Vec<u64>) = self.records.into_iter().map(|r| (r.item, r.header_at)).unzip();
        let overflow = || Fault::corrupt("its entries are longer than any file");
        let layout = Layout::new(items).ok_or_else(overflow)?;
        check_places(&layout, &starts)?;
        if layout.directory_at() > zip.len() as u64 {
            return Err(Fault::corrupt("its entries reach past its end"));
        }
        (0..layout.items().len()).try_for_each(|index| local::check(&layout, index, zip))?;
        check_tail(&layout, zip)?;
        Ok(layout)
    }
}

fn check_limits(end: &End) -> Result<(), Fault> {
    if end.count > MAX_RECORDS {
        return Err(Fault::limit(format!("it has {} entries, and at most {MAX_RECORDS} are read", end.count)));
    }
    let (least, most) = (end.count * CENTRAL_BYTES as u64, end.count * MAX_RECORD_BYTES);
    if end.size < least || end.size > most {
        return Err(Fault::corrupt(format!("its directory of {} entries has {} bytes", end.count, end.size)));
    }
    Ok(())
}

/// An entry that begins before the one in front of it ends would give one byte two meanings.
fn check_places(layout: &Layout, starts: &[u64]) -> Result<(), Fault> {
    for (index, &start) in starts.iter().enumerate() {
        let due = layout.header_at(index);
        if start != due {
            let what = if start < due { "overlaps what stands before it" } else { "leaves a gap before it" };
            let reason = format!("it {what}: its header is at byte {start} instead of {due}");
            return Err(Fault::corrupt(reason).in_entry(&layout.items()[index].path));
        }
    }
    Ok(())
}

fn check_tail(layout: &Layout, zip: &[u8]) -> Result<(), Fault> {
    let at = layout.directory_at() as usize;
    match first_difference(&layout.tail(), &zip[at..]) {
        Some(offset) => Err(Fault::corrupt("its directory is not as briq writes it").at(at + offset)),
        None => Ok(()),
    }
}

/// Where two byte strings first differ; the end of the shorter when one begins the other.
fn first_difference(due: &[u8], actual: &[u8]) -> Option<usize> {
    if due == actual {
        return None;
    }
    let differs = due.iter().zip(actual).position(|(due, actual)| due != actual);
    differs.or_else(|| (due.len() != actual.len()).then_some(due.len().min(actual.len())))
}

fn read_record(fields: &mut Fields<'_>, number: u64) -> Result<Record, Fault> {
    let raw = Raw::read(fields).ok_or_else(|| Fault::corrupt(format!("record {number} of its directory is broken")))?;
    let name = String::from_utf8_lossy(raw.name).into_owned();
    raw.check().map_err(|reason| Fault::corrupt(reason).in_entry(&name))?;
    let path = std::str::from_utf8(raw.name).ok().and_then(|name| name.parse().ok());
    let illegal = || Fault::corrupt("its path is not legal in a package").in_entry(&name);
    let (size, header_at) = raw.wide().ok_or_else(|| Fault::corrupt("its Zip64 field is broken").in_entry(&name))?;
    let item = Item { path: path.ok_or_else(illegal)?, size, crc32: raw.crc32 };
    Ok(Record { item, header_at })
}

/// The fields of a directory record that mean something to a package.
struct Raw<'b> {
    flags: u16,
    method: u16,
    crc32: u32,
    packed: u32,
    size: u32,
    attributes: u32,
    header_at: u32,
    name: &'b [u8],
    extra: &'b [u8],
    comment: usize,
}

impl<'b> Raw<'b> {
    fn read(fields: &mut Fields<'b>) -> Option<Self> {
        if fields.u32()? != CENTRAL {
            return None;
        }
        fields.skip(4)?; // versions
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.skip(4)?; // time and date
        let (crc32, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let (name, extra, comment) = (fields.u16()?, fields.u16()?, fields.u16()?);
        fields.skip(4)?; // disk and internal attributes
        let (attributes, header_at) = (fields.u32()?, fields.u32()?);
        let (name, extra) = (fields.bytes(name.into())?, fields.bytes(extra.into())?);
        fields.skip(comment.into())?;
        let comment = comment.into();
        Some(Self { flags, method, crc32, packed, size, attributes, header_at, name, extra, comment })
    }

    /// What a package never has.
    fn check(&self) -> Result<(), String> {
        check_storage(self.flags, self.method)?;
        if self.packed != self.size {
            return Err("it is stored in another length than its own".to_owned());
        }
        if self.attributes >> 16 & 0o170_000 == 0o120_000 {
            return Err("it is a link".to_owned());
        }
        if self.comment > 0 {
            return Err("it has a comment".to_owned());
        }
        Ok(())
    }

    /// Size and offset, from the Zip64 field where 32 bits do not hold them.
    fn wide(&self) -> Option<(u64, u64)> {
        let (size, header_at) = (u64::from(self.size), u64::from(self.header_at));
        if size < MAX32 && header_at < MAX32 {
            return Some((size, header_at));
        }
        let mut fields = Fields::at(self.extra, 0);
        let (id, _) = (fields.u16()?, fields.u16()?);
        if id != ZIP64_FIELD {
            return None;
        }
        let size = if size == MAX32 { fields.u64().zip(fields.u64())?.0 } else { size };
        let header_at = if header_at == MAX32 { fields.u64()? } else { header_at };
        Some((size, header_at))
    }
}

/// Refuses whatever does not lie in the file as it is.
fn check_storage(flags: u16, method: u16) -> Result<(), String> {
    const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
    const DESCRIPTOR: u16 = 1 << 3;
    if flags & ENCRYPTED != 0 {
        return Err("it is encrypted".to_owned());
    }
    if flags & DESCRIPTOR != 0 {
        return Err("it has a data descriptor".to_owned());
    }
    if method != 0 {
        return Err(format!("it is compressed (method {method})"));
    }
    Ok(())
}
