//! Writes a parcel.

use std::io::{BufWriter, Write};
use std::path::Path;

use briq_spec::Blake3Digest;
use briq_spec::manifest::Entry;
use rayon::prelude::*;

use super::plan::{self, Likes, Stretch};
use super::read::{CODED, COPIED, Part};
use super::{Base, MAGIC, PARCEL_FORMAT};
use crate::codec::{self, Coding, Rule, encode_block};
use crate::error::{Fault, PackageError};
use crate::package::Package;
use crate::target;

/// How many blocks are in memory at a time.
const BATCH: usize = 16;

/// A parcel that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coded {
    /// The identity of the package in it.
    pub digest: Blake3Digest,
    /// The length of the parcel in bytes.
    pub size: u64,
    /// The length of the package's entries in bytes.
    pub entries: u64,
}

/// Writes a package as a parcel, told from a base if there is one. What was at the target before is replaced at the last
/// moment, or not touched at all.
///
/// # Errors
/// When an entry of either package is not what was packed, or the parcel cannot be written.
pub fn write(package: &Package, base: Option<&Package>, target: &Path) -> Result<Coded, PackageError> {
    let written = target::replace(target, |file| {
        let mut buffered = BufWriter::with_capacity(1 << 20, file);
        let coded = encode_fallible(package, base, &mut buffered)?;
        buffered.flush().map_err(unwritten)?;
        Ok(coded)
    });
    written.map_err(|fault| fault.during(format!("write parcel {}", target.display())))
}

/// Writes a package as a parcel to anything that takes bytes, such as a layer of an artifact.
///
/// # Errors
/// As for [`write()`].
pub fn encode(package: &Package, base: Option<&Package>, sink: &mut dyn Write) -> Result<Coded, PackageError> {
    encode_fallible(package, base, sink).map_err(|fault| package.explain("code", fault))
}

fn encode_fallible(package: &Package, base: Option<&Package>, sink: &mut dyn Write) -> Result<Coded, Fault> {
    let mut sink = Sink { sink, blake3: blake3::Hasher::new(), size: 0 };
    let likes = base.map(Likes::of).transpose()?;
    sink.put(&preamble(package, base)?)?;
    for entry in package.entries() {
        put_entry(&mut sink, package, entry, likes.as_ref()).map_err(|fault| fault.in_entry(&entry.path))?;
    }
    let digest = *sink.blake3.finalize().as_bytes();
    sink.put(&digest)?;
    let entries = package.entries().iter().map(|entry| entry.size).sum();
    Ok(Coded { digest: package.digest(), size: sink.size, entries })
}

fn preamble(package: &Package, base: Option<&Package>) -> Result<Vec<u8>, Fault> {
    let base = base.map(|base| Base { name: base.manifest().name.clone(), digest: base.digest() });
    let base = base.map(|base| base.to_string()).unwrap_or_default();
    let (manifest, seals) = (package.manifest_bytes(), package.seals());
    let mut bytes = MAGIC.to_vec();
    bytes.extend(PARCEL_FORMAT.to_le_bytes());
    for length in [base.len(), manifest.len(), seals.len()] {
        let length = u32::try_from(length).map_err(|_| Fault::limit("its manifest is too long"))?;
        bytes.extend(length.to_le_bytes());
    }
    bytes.extend(base.as_bytes());
    bytes.extend(manifest);
    for seal in seals {
        let path = seal.path.as_str();
        bytes.extend((path.len() as u32).to_le_bytes());
        bytes.extend((seal.bytes.len() as u64).to_le_bytes());
        bytes.extend(path.as_bytes());
        bytes.extend(seal.bytes);
    }
    Ok(bytes)
}

fn put_entry(sink: &mut Sink<'_>, package: &Package, entry: &Entry, likes: Option<&Likes<'_>>) -> Result<(), Fault> {
    let bytes = package.read_fallible(&entry.path)?;
    let crc32 = crc32fast::hash(bytes).to_le_bytes();
    if let Some(number) = likes.and_then(|likes| likes.copy_of(entry)) {
        return sink.put(&[&[COPIED][..], &crc32, &number.to_le_bytes()].concat());
    }
    sink.put(&[&[CODED][..], &crc32].concat())?;
    for stretch in plan::stretches(package, entry, likes)? {
        let base = match (likes, stretch.base) {
            (Some(likes), Some(place)) => Some(likes.bytes(place, stretch.range.len())?),
            _ => None,
        };
        put_stretch(sink, &stretch, &bytes[stretch.range.clone()], base)?;
    }
    Ok(())
}

fn put_stretch(sink: &mut Sink<'_>, stretch: &Stretch, bytes: &[u8], base: Option<&[u8]>) -> Result<(), Fault> {
    let Choice { coding, based } = choose(stretch.width, bytes, base);
    let base = base.filter(|_| based);
    let place = stretch.base.filter(|_| based);
    sink.put(&Part { coding, length: bytes.len() as u64, base: place }.to_bytes())?;
    let batch = BATCH * coding.block_bytes();
    for (index, bytes) in bytes.chunks(batch).enumerate() {
        let base = base.map(|base| &base[index * batch..][..bytes.len()]);
        sink.put(&codec::encode(coding, bytes, base))?;
    }
    Ok(())
}

/// A way of coding a stretch.
#[derive(Debug, Clone, Copy)]
struct Choice {
    coding: Coding,
    based: bool,
}

/// The way that takes the least bytes, going by samples; the first, which is the simplest to read, among equals.
fn choose(width: usize, bytes: &[u8], base: Option<&[u8]>) -> Choice {
    let numbers = |rule, based| Choice { coding: Coding { width, rule }, based };
    let mut choices = vec![Choice { coding: Coding::PLAIN, based: false }];
    if width > 1 {
        choices.push(numbers(Rule::Difference, false));
    }
    if base.is_some() {
        choices.extend([numbers(Rule::Xor, true), numbers(Rule::Difference, true)]);
    }
    let cost = |choice: &Choice| sampled(choice.coding, bytes, base.filter(|_| choice.based));
    let costs: Vec<usize> = choices.par_iter().map(cost).collect();
    let best = costs.iter().enumerate().min_by_key(|(_, cost)| **cost).map_or(0, |(best, _)| best);
    choices[best]
}

/// The coded length of bytes from the beginning, the middle and the end; of all of them where they are few.
fn sampled(coding: Coding, bytes: &[u8], base: Option<&[u8]>) -> usize {
    const SAMPLE: usize = Coding::PLAIN.block_bytes();
    let starts = match bytes.len().checked_sub(SAMPLE) {
        Some(last) if last > 0 => vec![0, last / 2 / coding.width * coding.width, last],
        _ => vec![0],
    };
    let sample = |start: usize| {
        let part = |bytes: &[u8]| bytes[start..bytes.len().min(start + SAMPLE)].to_vec();
        encode_block(coding, &part(bytes), base.map(part).as_deref()).len()
    };
    starts.into_iter().map(sample).sum()
}

/// Where the parcel goes, and the digest of what went there.
struct Sink<'s> {
    sink: &'s mut dyn Write,
    blake3: blake3::Hasher,
    size: u64,
}

impl Sink<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.blake3.update(bytes);
        self.size += bytes.len() as u64;
        self.sink.write_all(bytes).map_err(unwritten)
    }
}

fn unwritten(source: std::io::Error) -> Fault {
    Fault::io("it cannot be written", source)
}
