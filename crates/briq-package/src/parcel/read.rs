//! The fields of a parcel, and what stands before its entries.

use briq_spec::manifest::MAX_MANIFEST_BYTES;
use briq_spec::reference::{Reference, Selector};

use super::{Base, MAGIC, PARCEL_FORMAT};
use crate::codec::{Block, Coding, Rule};
use crate::error::Fault;
use crate::write::Seal;
use crate::zip::MAX_SEALS;

/// An entry is that of the base with a number.
pub(super) const COPIED: u8 = 0;
/// An entry is coded in parts.
pub(super) const CODED: u8 = 1;

/// Bit of a coding: numbers are told by their difference.
const DIFFERENCE: u8 = 1 << 2;
/// Bit of a coding: there is a base.
const BASED: u8 = 1 << 7;

/// The bytes of a parcel, from which fields are taken one after the other.
#[derive(Clone)]
pub(super) struct Fields<'p> {
    bytes: &'p [u8],
    rest: &'p [u8],
}

impl<'p> Fields<'p> {
    pub(super) fn new(bytes: &'p [u8]) -> Self {
        Self::from(bytes, 0)
    }

    pub(super) fn from(bytes: &'p [u8], at: usize) -> Self {
        Self { bytes, rest: &bytes[at..] }
    }

    /// Where the next field begins.
    pub(super) fn at(&self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The error of the field that comes next.
    pub(super) fn corrupt(&self, reason: impl Into<String>) -> Fault {
        Fault::corrupt(reason).at(self.at())
    }

    fn ends(&self) -> Fault {
        self.corrupt("it ends too soon")
    }

    pub(super) fn bytes(&mut self, count: u64) -> Result<&'p [u8], Fault> {
        let ends = self.ends();
        usize::try_from(count).ok().and_then(|count| self.rest.split_off(..count)).ok_or(ends)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(|| self.ends())?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Fault> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_le_bytes)
    }

    /// A coded block of a length.
    pub(super) fn block(&mut self, coding: Coding, length: usize) -> Result<Block<'p>, Fault> {
        let at = self.at();
        Block::read(coding, &mut self.rest, length).map_err(|damaged| Fault::corrupt(damaged.to_string()).at(at))
    }
}

/// What stands before the entries.
pub(super) struct Preamble<'p> {
    pub(super) base: Option<Base>,
    pub(super) manifest: &'p [u8],
    pub(super) seals: Vec<Seal>,
}

impl<'p> Preamble<'p> {
    pub(super) fn read(fields: &mut Fields<'p>) -> Result<Self, Fault> {
        fields.bytes(MAGIC.len() as u64)?;
        let format = fields.u32()?;
        if format != PARCEL_FORMAT {
            return Err(Fault::corrupt(format!("there is no format {format}")));
        }
        let [base, manifest, seals] = [fields.u32()?, fields.u32()?, fields.u32()?];
        if u64::from(manifest) > MAX_MANIFEST_BYTES as u64 {
            return Err(Fault::limit(format!("its manifest has {manifest} bytes, {MAX_MANIFEST_BYTES} are allowed")));
        }
        if seals as usize > MAX_SEALS {
            return Err(Fault::limit(format!("it has {seals} seals, {MAX_SEALS} are allowed")));
        }
        let base = read_base(fields, base)?;
        let manifest = fields.bytes(manifest.into())?;
        let seals = (0..seals).map(|_| read_seal(fields)).collect::<Result<_, Fault>>()?;
        Ok(Self { base, manifest, seals })
    }
}

fn read_base(fields: &mut Fields<'_>, length: u32) -> Result<Option<Base>, Fault> {
    if length == 0 {
        return Ok(None);
    }
    let wrong = fields.corrupt("its base is not written as NAME@blake3:HEX");
    let text = str::from_utf8(fields.bytes(length.into())?).ok();
    let base = match text.and_then(|text| text.parse().ok()) {
        Some(Reference::Package { registry: None, name, selector: Selector::Digest(digest) }) => Base { name, digest },
        _ => return Err(wrong),
    };
    // There is one text for one base.
    if Some(base.to_string().as_str()) == text { Ok(Some(base)) } else { Err(wrong) }
}

fn read_seal(fields: &mut Fields<'_>) -> Result<Seal, Fault> {
    let [path, length] = [fields.u32()?.into(), fields.u64()?];
    let wrong = fields.corrupt("the path of a seal is none");
    let path = str::from_utf8(fields.bytes(path)?).ok().and_then(|path| path.parse().ok()).ok_or(wrong)?;
    Ok(Seal { path, bytes: fields.bytes(length)?.to_vec() })
}

/// A run of bytes of an entry that is coded in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) coding: Coding,
    pub(super) length: u64,
    pub(super) base: Option<Place>,
}

/// Where a part of an entry of the base begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the entry.
    pub(super) entry: u32,
    pub(super) offset: u64,
}

impl Part {
    /// Reads what stands before the blocks of a part, of which so many bytes may come.
    pub(super) fn read(fields: &mut Fields<'_>, most: u64) -> Result<Self, Fault> {
        let start = fields.clone();
        let coding = fields.u8()?;
        if coding & !(BASED | DIFFERENCE | 0b11) != 0 {
            return Err(start.corrupt("a part is coded in no known way"));
        }
        let based = coding & BASED != 0;
        let rule = if coding & DIFFERENCE == 0 { Rule::Xor } else { Rule::Difference };
        let coding = Coding { width: 1 << (coding & 0b11), rule };
        let length = fields.u64()?;
        if length == 0 || length > most || !length.is_multiple_of(coding.width as u64) {
            return Err(start.corrupt(format!("a part has {length} bytes, where {most} are due")));
        }
        let base = if based { Some(Place { entry: fields.u32()?, offset: fields.u64()? }) } else { None };
        Ok(Self { coding, length, base })
    }

    /// What [`Part::read`] reads.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let rule = if self.coding.rule == Rule::Difference { DIFFERENCE } else { 0 };
        let based = if self.base.is_some() { BASED } else { 0 };
        let mut bytes = vec![self.coding.width.ilog2() as u8 | rule | based];
        bytes.extend(self.length.to_le_bytes());
        if let Some(Place { entry, offset }) = self.base {
            bytes.extend(entry.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
        }
        bytes
    }
}
