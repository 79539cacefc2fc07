//! Makes the package file of a parcel.

use std::io::Write;
use std::path::Path;

use briq_spec::Blake3Digest;
use briq_spec::entry::MANIFEST_ENTRY;
use briq_spec::manifest::Entry;
use sha2::{Digest as _, Sha256};

use super::Parcel;
use super::read::{CODED, COPIED, Fields, Part, Place};
use crate::codec::{Block, decode_blocks};
use crate::error::{Fault, PackageError, PackageErrorKind};
use crate::package::Package;
use crate::target;
use crate::zip::{Item, Layout};

/// How many blocks are in memory at a time.
const BATCH: usize = 8;

/// How much of a copied entry is looked at at a time.
const CHUNK: usize = 1 << 20;

/// A package file that was made of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expanded {
    /// Its identity.
    pub digest: Blake3Digest,
    /// The length of the file in bytes.
    pub size: u64,
}

impl Parcel {
    /// Writes the package, the very file that was coded, with its seals. What was at the target before is replaced at the
    /// last moment, or not touched at all.
    ///
    /// Every entry is compared with its three checksums on the way. A few blocks are in memory at a time, whatever the
    /// length of an entry. A base that is not needed is not looked at.
    ///
    /// # Errors
    /// When the base is missing or another one than the parcel needs, an entry is not what the manifest says, or the file
    /// cannot be written.
    pub fn expand(&self, base: Option<&Package>, target: &Path) -> Result<Expanded, PackageError> {
        let size = self.base_of(base).and_then(|base| self.expand_fallible(base, target));
        let size = size.map_err(|fault| self.explain("expand", fault))?;
        Ok(Expanded { digest: self.digest(), size })
    }

    /// The entries, each to be decoded by itself, for whoever does not want the package as one file.
    ///
    /// # Errors
    /// When the base is missing or another one than the parcel needs, or the parcel is damaged.
    pub fn decoders<'p>(&'p self, base: Option<&'p Package>) -> Result<Vec<Decoder<'p>>, PackageError> {
        let outlined = self.base_of(base).and_then(|base| Ok((base, self.outline(base)?)));
        let (base, coded) = outlined.map_err(|fault| self.explain("decode", fault))?;
        let entries = self.manifest.entries.iter().zip(coded);
        Ok(entries.map(|(entry, coded)| Decoder { parcel: self, coded, entry, base }).collect())
    }

    /// The package that the entries are told from.
    fn base_of<'b>(&self, given: Option<&'b Package>) -> Result<Option<&'b Package>, Fault> {
        let Some(needed) = self.base() else { return Ok(None) };
        match given {
            Some(given) if given.digest() == needed.digest => Ok(Some(given)),
            Some(given) => Err(Fault::invalid(format!("it needs {needed} as its base, and got {}", given.digest()))),
            None => Err(Fault::new(PackageErrorKind::NotFound, format!("it needs {needed} as its base"))),
        }
    }

    fn expand_fallible(&self, base: Option<&Package>, target: &Path) -> Result<u64, Fault> {
        let entries = self.outline(base)?;
        let layout = self.layout(&entries)?;
        target::replace(target, |mut file| {
            let mut size = 0;
            let mut put = |bytes: &[u8]| {
                size += bytes.len() as u64;
                file.write_all(bytes).map_err(|source| Fault::io("it cannot be written", source))
            };
            put(&layout.header(0))?;
            put(&self.manifest_bytes)?;
            for (index, coded) in entries.iter().enumerate() {
                put(&layout.header(1 + index))?;
                let entry = &self.manifest.entries[index];
                let streamed = Stream { coded, entry, base }.checked(&mut put);
                streamed.map_err(|fault| fault.in_entry(&entry.path))?;
            }
            for (index, seal) in self.sorted_seals()?.into_iter().enumerate() {
                put(&layout.header(1 + entries.len() + index))?;
                put(&seal.bytes)?;
            }
            put(&layout.tail())?;
            Ok(size)
        })
    }

    /// Finds where each entry begins, and that nothing follows the last: so a parcel that is not whole is found
    /// before anything is written.
    fn outline(&self, base: Option<&Package>) -> Result<Vec<CodedEntry<'_>>, Fault> {
        let mut fields = self.entries();
        let read =
            |entry: &Entry| CodedEntry::read(&mut fields, entry, base).map_err(|fault| fault.in_entry(&entry.path));
        let entries = self.manifest.entries.iter().map(read).collect::<Result<_, Fault>>()?;
        if fields.is_empty() { Ok(entries) } else { Err(fields.corrupt("bytes follow its last entry")) }
    }

    fn layout(&self, entries: &[CodedEntry<'_>]) -> Result<Layout, Fault> {
        let item = |path, size: usize, bytes: &[u8]| Item { path, size: size as u64, crc32: crc32fast::hash(bytes) };
        let manifest = MANIFEST_ENTRY.parse().expect("the name of the manifest is a legal path");
        let mut items = vec![item(manifest, self.manifest_bytes.len(), &self.manifest_bytes)];
        items.extend(self.manifest.entries.iter().zip(entries).map(|(entry, coded)| Item {
            path: entry.path.clone(),
            size: entry.size,
            crc32: coded.crc32,
        }));
        items.extend(self.sorted_seals()?.iter().map(|seal| item(seal.path.clone(), seal.bytes.len(), &seal.bytes)));
        Layout::new(items).ok_or_else(|| Fault::corrupt("its entries are longer than any file"))
    }

    fn sorted_seals(&self) -> Result<Vec<&crate::write::Seal>, Fault> {
        crate::write::check_seals(&self.seals)
    }
}

/// An entry as the parcel has it.
struct CodedEntry<'p> {
    crc32: u32,
    form: Form<'p>,
}

enum Form<'p> {
    /// The entry of the base with a number.
    Copied(u32),
    /// Its parts begin here.
    Coded(Fields<'p>),
}

impl<'p> CodedEntry<'p> {
    fn read(fields: &mut Fields<'p>, entry: &Entry, base: Option<&Package>) -> Result<Self, Fault> {
        let start = fields.clone();
        let kind = fields.u8()?;
        let crc32 = fields.u32()?;
        let form = match kind {
            COPIED => Form::Copied(read_copied(fields, entry, base)?),
            CODED => {
                let parts = fields.clone();
                skip_parts(fields, entry, base)?;
                Form::Coded(parts)
            }
            _ => return Err(start.corrupt("it is neither copied nor coded")),
        };
        Ok(Self { crc32, form })
    }
}

fn read_copied(fields: &mut Fields<'_>, entry: &Entry, base: Option<&Package>) -> Result<u32, Fault> {
    let start = fields.clone();
    let number = fields.u32()?;
    let like = base.and_then(|base| base.entries().get(number as usize));
    match like {
        Some(like) if like.blake3 == entry.blake3 && like.size == entry.size => Ok(number),
        _ => Err(start.corrupt("it is copied from an entry that is another, or none")),
    }
}

/// Reads over the parts of an entry, and checks all but what they decode to.
fn skip_parts(fields: &mut Fields<'_>, entry: &Entry, base: Option<&Package>) -> Result<(), Fault> {
    let mut left = entry.size;
    while left > 0 {
        let start = fields.clone();
        let part = Part::read(fields, left)?;
        if part.base.is_some_and(|place| !lies_in(place, part.length, base)) {
            return Err(start.corrupt("a part is told from bytes that its base does not have"));
        }
        left -= part.length;
        let mut coded = part.length;
        while coded > 0 {
            let length = coded.min(part.coding.block_bytes() as u64);
            fields.block(part.coding, length as usize)?;
            coded -= length;
        }
    }
    Ok(())
}

fn lies_in(place: Place, length: u64, base: Option<&Package>) -> bool {
    let entry = base.and_then(|base| base.entries().get(place.entry as usize));
    entry.is_some_and(|entry| place.offset.checked_add(length).is_some_and(|end| end <= entry.size))
}

/// An entry in a parcel.
pub struct Decoder<'p> {
    parcel: &'p Parcel,
    coded: CodedEntry<'p>,
    entry: &'p Entry,
    base: Option<&'p Package>,
}

impl Decoder<'_> {
    /// What the manifest says of it.
    pub fn entry(&self) -> &Entry {
        self.entry
    }

    /// Writes its bytes, a few blocks at a time. They count only when it ends well.
    ///
    /// # Errors
    /// When they are not those of the entry, or `sink` refuses them.
    pub fn write(&self, sink: &mut dyn Write) -> Result<(), PackageError> {
        let stream = Stream { coded: &self.coded, entry: self.entry, base: self.base };
        let put = &mut |bytes: &[u8]| sink.write_all(bytes).map_err(|source| Fault::io("it cannot be written", source));
        stream.checked(put).map_err(|fault| self.parcel.explain("decode", fault.in_entry(&self.entry.path)))
    }
}

/// The bytes of an entry on their way into the package.
struct Stream<'s> {
    coded: &'s CodedEntry<'s>,
    entry: &'s Entry,
    base: Option<&'s Package>,
}

impl Stream<'_> {
    /// Hands the bytes out, and fails when they were not those of the entry.
    fn checked(&self, put: &mut dyn FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        let (mut blake3, mut sha256, mut crc32) = (blake3::Hasher::new(), Sha256::new(), crc32fast::Hasher::new());
        self.stream(&mut |bytes| {
            let quick = || {
                blake3.update(bytes);
                crc32.update(bytes);
            };
            rayon::join(quick, || sha256.update(bytes));
            put(bytes)
        })?;
        let whole = blake3.finalize() == *self.entry.blake3.as_bytes()
            && <[u8; 32]>::from(sha256.finalize()) == *self.entry.sha256.as_bytes()
            && crc32.finalize() == self.coded.crc32;
        if whole { Ok(()) } else { Err(Fault::corrupt("its bytes do not match its checksums")) }
    }

    fn stream(&self, take: &mut dyn FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        match &self.coded.form {
            Form::Copied(number) => self.base_entry(*number)?.chunks(CHUNK).try_for_each(take),
            Form::Coded(parts) => {
                let mut parts = parts.clone();
                let mut left = self.entry.size;
                let mut buffer = Vec::new();
                while left > 0 {
                    let part = Part::read(&mut parts, left)?;
                    self.decode(&mut parts, &part, &mut buffer, take)?;
                    left -= part.length;
                }
                Ok(())
            }
        }
    }

    fn decode(
        &self,
        fields: &mut Fields<'_>,
        part: &Part,
        buffer: &mut Vec<u8>,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let size = part.coding.block_bytes();
        let base = match part.base {
            Some(place) => Some(&self.base_entry(place.entry)?[place.offset as usize..][..part.length as usize]),
            None => None,
        };
        let mut at = 0;
        while at < part.length as usize {
            let length = (part.length as usize - at).min(BATCH * size);
            buffer.resize(length, 0);
            let lengths = buffer.chunks(size).map(<[u8]>::len);
            let blocks: Vec<Block<'_>> =
                lengths.map(|length| fields.block(part.coding, length)).collect::<Result<_, Fault>>()?;
            let base = base.map(|base| &base[at..][..length]);
            decode_blocks(part.coding, &blocks, base, buffer).map_err(|damaged| Fault::corrupt(damaged.to_string()))?;
            take(buffer)?;
            at += length;
        }
        Ok(())
    }

    /// The bytes of an entry of the base, which the outline has found to be there.
    fn base_entry(&self, number: u32) -> Result<&[u8], Fault> {
        let base = self.base.ok_or_else(|| Fault::corrupt("it is told from a base and names none"))?;
        base.read_fallible(&base.entries()[number as usize].path)
    }
}
