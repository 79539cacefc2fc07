//! Compares the header in front of an entry with what the directory says of it.

use super::super::fields::Fields;
use super::super::layout::Layout;
use super::super::record::{Item, LOCAL, MAX32};
use super::{check_storage, first_difference};
use crate::error::Fault;

pub(super) fn check(layout: &Layout, index: usize, zip: &[u8]) -> Result<(), Fault> {
    let (start, end) = (layout.header_at(index) as usize, layout.data(index).start as usize);
    let actual = zip.get(start..end).unwrap_or_default();
    match first_difference(&layout.header(index), actual) {
        None => Ok(()),
        Some(offset) => {
            let item = &layout.items()[index];
            Err(Fault::corrupt(diagnose(actual, item)).in_entry(&item.path).at(start + offset))
        }
    }
}

/// Says how a local header contradicts the directory.
fn diagnose(header: &[u8], item: &Item) -> String {
    let contradiction = contradiction(header, item).unwrap_or(Some("is broken"));
    match (contradiction, storage(header)) {
        (_, Some(reason)) => reason,
        (Some(what), None) => format!("its local header {what}"),
        (None, None) => "its local header or padding is not as briq writes it".to_owned(),
    }
}

fn storage(header: &[u8]) -> Option<String> {
    let mut fields = Fields::at(header, 6);
    check_storage(fields.u16()?, fields.u16()?).err()
}

/// The first field that differs; `None` outside when the header is too short.
fn contradiction(header: &[u8], item: &Item) -> Option<Option<&'static str>> {
    let mut fields = Fields::at(header, 0);
    if fields.u32()? != LOCAL {
        return None;
    }
    fields.skip(10)?; // version, flags, method, time and date
    let (crc32, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (name, _extra) = (fields.u16()?, fields.u16()?);
    let due = item.size.min(MAX32) as u32;
    if fields.bytes(name.into()) != Some(item.path.as_str().as_bytes()) {
        return Some(Some("has another name than the directory"));
    }
    if (packed, size) != (due, due) {
        return Some(Some("has another length than the directory"));
    }
    Some((crc32 != item.crc32).then_some("has another checksum than the directory"))
}
