//! A package as one file: its Zip matched with its manifest.

use std::collections::HashSet;
use std::ops::Range;

use briq_spec::entry::MANIFEST_ENTRY;
use briq_spec::manifest::{Entry, MAX_MANIFEST_BYTES};
use briq_spec::{EntryPath, Manifest};

use crate::error::Fault;
use crate::zip::{Directory, Item, Layout, MAX_SEALS};

/// Where everything in a package file lies. Its Zip holds the manifest, then the manifest's entries, then seals.
#[derive(Debug)]
pub(crate) struct Archive {
    prefix: usize,
    layout: Layout,
    /// How many entries the manifest lists.
    entries: usize,
}

/// A file that was found to be a package.
pub(crate) struct Opened {
    pub(crate) archive: Archive,
    pub(crate) manifest: Manifest,
    pub(crate) manifest_bytes: Vec<u8>,
}

impl Archive {
    /// Reads a file, and checks everything but the contents of its entries.
    pub(crate) fn read(file: &[u8], allow_prefix: bool) -> Result<Opened, Fault> {
        let directory = Directory::read(file)?;
        let prefix = directory.prefix;
        if prefix > 0 && !allow_prefix {
            return Err(Fault::corrupt(format!("{prefix} bytes stand before it")).at(0));
        }
        let zip = &file[prefix..];
        let layout = directory.into_layout(zip)?;
        let manifest_bytes = read_manifest(&layout, zip)?.to_vec();
        let manifest = Manifest::from_canonical_json(&manifest_bytes).map_err(Fault::manifest)?;
        check_entries(&layout.items()[1..], &manifest)?;
        let archive = Self { prefix, layout, entries: manifest.entries.len() };
        Ok(Opened { archive, manifest, manifest_bytes })
    }

    /// The bytes of the entry with a number, counted in the manifest.
    pub(crate) fn entry<'b>(&self, file: &'b [u8], number: usize) -> &'b [u8] {
        self.item(file, 1 + number)
    }

    /// Where in the file the entry with a number begins.
    pub(crate) fn place(&self, number: usize) -> u64 {
        self.prefix as u64 + self.layout.data(1 + number).start
    }

    /// The checksum of the entry with a number, as the Zip has it.
    pub(crate) fn crc32(&self, number: usize) -> u32 {
        self.layout.items()[1 + number].crc32
    }

    /// The seals with their bytes.
    pub(crate) fn seals<'a>(&'a self, file: &'a [u8]) -> impl Iterator<Item = (&'a EntryPath, &'a [u8])> {
        self.seal_numbers().map(move |index| (&self.layout.items()[index].path, self.item(file, index)))
    }

    /// Compares the seals with their checksums, since the manifest does not know them.
    pub(crate) fn check_seals(&self, file: &[u8]) -> Result<(), Fault> {
        self.seal_numbers().try_for_each(|index| check_crc32(&self.layout, index, &file[self.prefix..]))
    }

    fn seal_numbers(&self) -> Range<usize> {
        1 + self.entries..self.layout.items().len()
    }

    fn item<'b>(&self, file: &'b [u8], index: usize) -> &'b [u8] {
        contents(&self.layout, index, &file[self.prefix..])
    }
}

fn contents<'b>(layout: &Layout, index: usize, zip: &'b [u8]) -> &'b [u8] {
    let Range { start, end } = layout.data(index);
    &zip[start as usize..end as usize]
}

fn check_crc32(layout: &Layout, index: usize, zip: &[u8]) -> Result<(), Fault> {
    let item = &layout.items()[index];
    if crc32fast::hash(contents(layout, index, zip)) == item.crc32 {
        return Ok(());
    }
    let at = layout.data(index).start as usize;
    Err(Fault::corrupt("its bytes do not match its checksum").in_entry(&item.path).at(at))
}

fn read_manifest<'b>(layout: &Layout, zip: &'b [u8]) -> Result<&'b [u8], Fault> {
    match layout.items().first() {
        Some(first) if first.path.is_manifest() => {}
        _ => {
            return Err(Fault::corrupt(format!("its first entry is not {MANIFEST_ENTRY}")));
        }
    }
    let bytes = contents(layout, 0, zip);
    if bytes.len() > MAX_MANIFEST_BYTES {
        let reason = format!("it has {} bytes, and at most {MAX_MANIFEST_BYTES} are read", bytes.len());
        return Err(Fault::limit(reason).in_entry(MANIFEST_ENTRY));
    }
    check_crc32(layout, 0, zip)?;
    Ok(bytes)
}

/// The entries of the Zip behind its manifest must be those of the manifest in its order, then seals in theirs.
fn check_entries(items: &[Item], manifest: &Manifest) -> Result<(), Fault> {
    let seals = items.iter().rev().take_while(|item| item.path.is_seal()).count();
    let (items, seals) = items.split_at(items.len() - seals);
    check_order(items)?;
    check_order(seals)?;
    if seals.len() > MAX_SEALS {
        return Err(Fault::limit(format!("it has {} seals, and at most {MAX_SEALS} are read", seals.len())));
    }
    if let Some(seal) = below_a_file(seals.iter().map(|item| &item.path)) {
        return Err(Fault::corrupt("it lies below another seal").in_entry(seal));
    }
    let undeclared = |item: &&Item| manifest.entry(&item.path).is_none();
    if let Some(item) = items.iter().find(undeclared) {
        return Err(Fault::corrupt("the manifest does not list it").in_entry(&item.path));
    }
    check_declared(items, &manifest.entries)
}

/// The first path that lies below another, which would have to be both file and folder.
pub(crate) fn below_a_file<'p>(paths: impl Iterator<Item = &'p EntryPath> + Clone) -> Option<&'p EntryPath> {
    let files: HashSet<&str> = paths.clone().map(EntryPath::as_str).collect();
    paths.into_iter().find(|path| path.folders().any(|folder| files.contains(folder)))
}

fn check_order(items: &[Item]) -> Result<(), Fault> {
    match items.windows(2).find(|pair| pair[0].path >= pair[1].path) {
        Some(pair) => Err(Fault::corrupt(format!("it stands after {}", pair[0].path)).in_entry(&pair[1].path)),
        None => Ok(()),
    }
}

/// Both lists are sorted, and the first holds nothing that the second does not.
fn check_declared(items: &[Item], entries: &[Entry]) -> Result<(), Fault> {
    let mut present = items.iter();
    for entry in entries {
        let item = present.next().filter(|item| item.path == entry.path);
        let item =
            item.ok_or_else(|| Fault::corrupt("the manifest lists it, but it is missing").in_entry(&entry.path))?;
        if item.size != entry.size {
            let reason = format!("it has {} bytes, and the manifest says {}", item.size, entry.size);
            return Err(Fault::corrupt(reason).in_entry(&entry.path));
        }
    }
    Ok(())
}
