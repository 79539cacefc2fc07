//! Where everything in a package lies, which its entries alone determine.

use std::ops::Range;

use super::record::{Item, end_records};

/// The places of all entries, each header right behind the entry before, and the directory behind the last.
#[derive(Debug)]
pub(crate) struct Layout {
    items: Vec<Item>,
    /// Where each header and each entry begins.
    places: Vec<(u64, u64)>,
    directory_at: u64,
}

impl Layout {
    /// Lays the entries out in their order; `None` when they need more than 2⁶⁴ bytes.
    pub(crate) fn new(items: Vec<Item>) -> Option<Self> {
        let mut places = Vec::with_capacity(items.len());
        let mut at: u64 = 0;
        for item in &items {
            let data_at = item.data_at(at)?;
            places.push((at, data_at));
            at = data_at.checked_add(item.size)?;
        }
        Some(Self { items, places, directory_at: at })
    }

    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(crate) fn header_at(&self, index: usize) -> u64 {
        self.places[index].0
    }

    /// The local header of an entry with its padding.
    pub(crate) fn header(&self, index: usize) -> Vec<u8> {
        let (header_at, data_at) = self.places[index];
        self.items[index].local_header(header_at, data_at)
    }

    /// Where the bytes of an entry lie.
    pub(crate) fn data(&self, index: usize) -> Range<u64> {
        let data_at = self.places[index].1;
        data_at..data_at + self.items[index].size
    }

    pub(crate) fn directory_at(&self) -> u64 {
        self.directory_at
    }

    /// The directory and the records behind it.
    pub(crate) fn tail(&self) -> Vec<u8> {
        let headers = self.items.iter().zip(&self.places);
        let mut bytes: Vec<u8> = headers.flat_map(|(item, &(at, _))| item.central_header(at)).collect();
        let end = end_records(self.items.len() as u64, bytes.len() as u64, self.directory_at);
        bytes.extend(end);
        bytes
    }
}
