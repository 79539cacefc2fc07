//! The records at the very end of a Zip, which tell where its directory is.

use super::super::fields::Fields;
use super::super::record::{END, END_BYTES, END64, END64_BYTES, LOCATOR64, LOCATOR64_BYTES, MAX16, MAX32};
use crate::error::Fault;

/// The directory: its number of entries, its length, where it begins in the Zip and ends in the file.
pub(super) struct End {
    pub(super) count: u64,
    pub(super) size: u64,
    at: u64,
    end_in_file: usize,
}

impl End {
    /// Reads the record that must be the last bytes of the file.
    pub(super) fn read(file: &[u8]) -> Result<Self, Fault> {
        let at = file.len().checked_sub(END_BYTES).ok_or_else(|| diagnose(file))?;
        let mut fields = Fields::at(file, at);
        if fields.u32() != Some(END) {
            return Err(diagnose(file));
        }
        let end = Self::read_short(&mut fields, at).ok_or_else(|| diagnose(file))?;
        if end.count < MAX16 && end.size < MAX32 && end.at < MAX32 {
            return Ok(end);
        }
        Self::read_wide(file, at).ok_or_else(|| Fault::corrupt("its Zip64 end record is broken").at(at))
    }

    fn read_short(fields: &mut Fields<'_>, at: usize) -> Option<Self> {
        fields.skip(6)?; // disks, entries on this disk
        let (count, size, start) = (fields.u16()?.into(), fields.u32()?.into(), fields.u32()?.into());
        let comment = fields.u16()?;
        (comment == 0).then_some(Self { count, size, at: start, end_in_file: at })
    }

    fn read_wide(file: &[u8], short_at: usize) -> Option<Self> {
        let locator_at = short_at.checked_sub(LOCATOR64_BYTES)?;
        let at = locator_at.checked_sub(END64_BYTES)?;
        let mut fields = Fields::at(file, at);
        if Fields::at(file, locator_at).u32()? != LOCATOR64 || fields.u32()? != END64 {
            return None;
        }
        fields.skip(28)?; // length, versions, disks, entries on this disk
        let (count, size, start) = (fields.u64()?, fields.u64()?, fields.u64()?);
        Some(Self { count, size, at: start, end_in_file: at })
    }

    /// How many bytes stand before the Zip, and its directory.
    pub(super) fn locate<'b>(&self, file: &'b [u8]) -> Result<(usize, &'b [u8]), Fault> {
        let places = || {
            let start = self.end_in_file.checked_sub(usize::try_from(self.size).ok()?)?;
            let prefix = start.checked_sub(usize::try_from(self.at).ok()?)?;
            Some((prefix, file.get(start..self.end_in_file)?))
        };
        places().ok_or_else(|| Fault::corrupt("its end record points outside of it").at(self.end_in_file))
    }
}

/// How far from the end of a file its end record is looked for, to say what is wrong: behind it stands at most the
/// longest comment of a Zip.
const SEARCHED: usize = END_BYTES + MAX16 as usize;

/// Says why a file does not end as a Zip does.
fn diagnose(file: &[u8]) -> Fault {
    let mark = END.to_le_bytes();
    let start = file.len().saturating_sub(SEARCHED);
    let last = file[start..].windows(mark.len()).rposition(|window| window == mark).map(|at| start + at);
    let Some(at) = last.filter(|_| file.starts_with(b"PK")) else {
        let reason = if file.starts_with(b"PK") { "it is cut short" } else { "it is not a package" };
        return Fault::corrupt(format!("{reason}: it has no end record"));
    };
    let after = file.len().saturating_sub(at + END_BYTES);
    let comment = Fields::at(file, at + END_BYTES - 2).u16().map(usize::from);
    match comment {
        Some(length) if length == after && after > 0 => Fault::corrupt("it has a comment").at(at + END_BYTES),
        Some(0) if after > 0 => Fault::corrupt(format!("{after} bytes follow its end")).at(at + END_BYTES),
        _ => Fault::corrupt("its end record is broken or cut short").at(at),
    }
}
