//! Cuts an entry into the parts in which it is coded, and finds the like of each in the base.

use std::collections::HashMap;
use std::ops::Range;

use briq_spec::Blake3Digest;
use briq_spec::manifest::Entry;

use super::read::Place;
use super::tensors::{self, Tensor};
use crate::codec::BLOCK_NUMBERS;
use crate::error::Fault;
use crate::package::Package;

/// A run of bytes that is worth one choice of a coding: a tensor, or small ones of one width that adjoin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) range: Range<usize>,
    pub(super) width: usize,
    pub(super) base: Option<Place>,
}

/// What a base has to tell from: its tensors by name, type and length, and its entries by what is in them.
pub(super) struct Likes<'b> {
    pub(super) package: &'b Package,
    tensors: HashMap<(String, String, usize), Place>,
    contents: HashMap<(Blake3Digest, u64), u32>,
}

impl<'b> Likes<'b> {
    pub(super) fn of(package: &'b Package) -> Result<Self, Fault> {
        let mut tensors = HashMap::new();
        let mut contents = HashMap::new();
        for (number, entry) in (0..).zip(package.entries()) {
            contents.entry((entry.blake3, entry.size)).or_insert(number);
            for Tensor { name, datatype, range } in shard(package, entry)? {
                let place = Place { entry: number, offset: range.start as u64 };
                tensors.insert((name, datatype, range.len()), place);
            }
        }
        Ok(Self { package, tensors, contents })
    }

    /// The entry that has the very bytes.
    pub(super) fn copy_of(&self, entry: &Entry) -> Option<u32> {
        self.contents.get(&(entry.blake3, entry.size)).copied()
    }

    /// The bytes at a place.
    pub(super) fn bytes(&self, place: Place, length: usize) -> Result<&'b [u8], Fault> {
        let entry = &self.package.entries()[place.entry as usize];
        Ok(&self.package.read_fallible(&entry.path)?[place.offset as usize..][..length])
    }

    /// What stands at the beginning of the entry of the same path, if that is so long.
    fn beginning(&self, entry: &Entry, length: usize) -> Option<Place> {
        let entries = self.package.entries();
        let number = entries.binary_search_by(|own| own.path.cmp(&entry.path)).ok()?;
        (entries[number].size >= length as u64).then_some(Place { entry: number as u32, offset: 0 })
    }
}

fn shard(package: &Package, entry: &Entry) -> Result<Vec<Tensor>, Fault> {
    if !entry.path.as_str().ends_with(".safetensors") {
        return Ok(Vec::new());
    }
    Ok(tensors::of(package.read_fallible(&entry.path)?))
}

/// All of an entry, in stretches that are not empty.
pub(super) fn stretches(package: &Package, entry: &Entry, likes: Option<&Likes<'_>>) -> Result<Vec<Stretch>, Fault> {
    let tensors = shard(package, entry)?;
    let header = 0..tensors.first().map_or(entry.size as usize, |tensor| tensor.range.start);
    let base = likes.and_then(|likes| likes.beginning(entry, header.len()));
    let mut stretches = vec![Stretch { range: header, width: 1, base }];
    for tensor in tensors {
        let (range, width) = (tensor.range.clone(), tensor.width());
        let base = likes.and_then(|likes| likes.tensors.get(&(tensor.name, tensor.datatype, range.len())).copied());
        let stretch = Stretch { range, width, base };
        match stretches.last_mut() {
            Some(last) if last.adjoins(&stretch) => last.range.end = stretch.range.end,
            _ => stretches.push(stretch),
        }
    }
    stretches.retain(|stretch| !stretch.range.is_empty());
    Ok(stretches)
}

impl Stretch {
    /// Whether both are one stretch: short enough, and beside each other in the base as well.
    fn adjoins(&self, next: &Self) -> bool {
        let after = |place: Place| Place { offset: place.offset + self.range.len() as u64, ..place };
        let short = next.range.end - self.range.start <= self.width * BLOCK_NUMBERS;
        short && self.width == next.width && self.base.map(after) == next.base
    }
}
