//! Changing `index.json`, by one writer at a time.
//!
//! A small index is replaced as a whole, and so is a large one when an entry changes or goes. That alone would make
//! publishing many versions quadratic, so a large index is written with room in front of its first entry: spaces,
//! which JSON ignores. A new entry is put there, by a single write that lies within one page of the file. No other
//! byte moves and the length stays, so the file is valid JSON before and after, for every reader, and a process that is
//! killed has written all of the entry or nothing. When the room is used up the whole is written with new room, in
//! proportion to its size; so the work per entry does not grow.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;

use crate::catalog::{Catalog, LARGE};
use crate::error::{StoreError, StoreErrorKind};
use crate::index;
use crate::layout::Layout;
use crate::locks::{self, Held};
use crate::oci::{Descriptor, Index};

/// The kernel copies what lies in one page as a whole before it looks whether the process was killed.
const PAGE: u64 = 4096;
/// The room in a large index is one part in this many.
const ROOM: usize = 8;

/// The right to change the index; other writers wait.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    layout: &'a Layout,
    _held: Held,
}

impl<'a> Writer<'a> {
    /// Waits for other writers.
    pub(crate) fn open(layout: &'a Layout) -> Result<Self, StoreError> {
        Ok(Self { layout, _held: locks::own_index(layout)? })
    }

    /// The entries: they stay as they are until this writer changes them.
    pub(crate) fn catalog(&self) -> Result<Catalog, StoreError> {
        Catalog::open_locked(self.layout)
    }

    /// Adds an entry, or replaces the one of the same name.
    pub(crate) fn put(&self, catalog: &Catalog, entry: Descriptor) -> Result<(), StoreError> {
        if !catalog.has(&entry)? && self.squeeze(catalog, &entry)? {
            return Ok(());
        }
        self.rewrite(|index| {
            index::put(index, entry);
            Ok(())
        })
    }

    /// Puts an entry into the room in front of the others; false where there is none.
    fn squeeze(&self, catalog: &Catalog, entry: &Descriptor) -> Result<bool, StoreError> {
        let Some(top) = catalog.top() else { return Ok(false) };
        let path = self.layout.index();
        let mut line = serde_json::to_vec(entry).map_err(json(&path))?;
        line.push(b',');
        let Some(start) = fit(top, line.len() as u64) else { return Ok(false) };
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(StoreError::io("open", &path))?;
        let mut room = vec![0; (top - start) as usize];
        file.read_exact_at(&mut room, start).map_err(StoreError::io("read", &path))?;
        if !room.iter().all(u8::is_ascii_whitespace) {
            return Ok(false);
        }
        file.write_all_at(&line, start).and_then(|()| file.sync_data()).map_err(StoreError::io("write", &path))?;
        catalog.grown(self.layout, start)?;
        Ok(true)
    }

    /// Changes the index as a whole. Nothing is written when `change` fails or leaves it as it was.
    pub(crate) fn rewrite<T>(&self, change: impl FnOnce(&mut Index) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let path = self.layout.index();
        let before = index::read(self.layout)?;
        let mut after = before.clone();
        let value = change(&mut after)?;
        if after != before || !path.exists() {
            self.layout.replace(&path, &print(&after).map_err(json(&path))?)?;
        }
        Ok(value)
    }
}

/// Where `length` bytes that end at `top` or before it lie within one page.
fn fit(top: u64, length: u64) -> Option<u64> {
    let start = top.checked_sub(length)?;
    if length > PAGE {
        return None;
    }
    if start / PAGE == (top - 1) / PAGE {
        return Some(start);
    }
    (top / PAGE * PAGE).checked_sub(length)
}

/// The index with an entry on each line, and room in front of the first if it is large.
fn print(index: &Index) -> serde_json::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for (number, entry) in index.manifests.iter().enumerate() {
        lines.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut lines, entry)?;
    }
    let room = if lines.len() as u64 >= LARGE { lines.len() / ROOM } else { 0 };
    // The array comes last, and is empty where the rest is printed.
    let rest = Index { manifests: Vec::new(), ..index.clone() };
    let mut bytes = serde_json::to_vec(&Outer::of(&rest))?;
    bytes.pop();
    bytes.extend_from_slice(b",\"manifests\":[");
    bytes.resize(bytes.len() + room, b' ');
    bytes.append(&mut lines);
    bytes.extend_from_slice(b"\n]}\n");
    Ok(bytes)
}

/// All of the index but its entries.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Outer<'a> {
    schema_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'a str>,
    #[serde(skip_serializing_if = "crate::oci::Annotations::is_empty")]
    annotations: &'a crate::oci::Annotations,
}

impl<'a> Outer<'a> {
    fn of(index: &'a Index) -> Self {
        Self {
            schema_version: index.schema_version,
            media_type: index.media_type.as_deref(),
            annotations: &index.annotations,
        }
    }
}

fn json(path: &std::path::Path) -> impl Fn(serde_json::Error) -> StoreError {
    move |error| StoreError::new(format!("write {}", path.display()), StoreErrorKind::Json(error))
}

#[cfg(test)]
mod tests {
    use super::{PAGE, fit};

    #[test]
    fn an_entry_never_lies_in_two_pages() {
        for top in [1, 700, 4095, 4096, 4097, 5000, 8192, 12_289] {
            for length in [1, 2, 600, 4095, 4096] {
                let Some(start) = fit(top, length) else { continue };
                assert!(start + length <= top, "{top} {length}");
                assert_eq!(start / PAGE, (start + length - 1) / PAGE, "{top} {length}");
            }
        }
        assert_eq!(fit(5000, 4097), None);
        assert_eq!(fit(100, 101), None);
        assert_eq!(fit(5000, 1000), Some(3096));
    }
}
