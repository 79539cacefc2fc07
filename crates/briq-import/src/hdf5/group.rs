//! Groups: names that lead to objects.

use std::collections::BTreeMap;

use super::{File, Object};
use crate::ImportError;
use crate::cursor::Cursor;

/// The most members of one group.
const MAX_LINKS: usize = 1 << 20;

/// How deep a B-tree may be.
pub(super) const MAX_LEVELS: u8 = 16;

const LINK_INFO: u16 = 0x0002;
const LINK: u16 = 0x0006;
const SYMBOL_TABLE: u16 = 0x0011;

impl<'a> Object<'a> {
    /// The address of each member by name; none for a dataset.
    pub(super) fn links(&self) -> Result<BTreeMap<String, u64>, ImportError> {
        let mut links = BTreeMap::new();
        for message in &self.messages {
            match message.kind {
                LINK => links.extend(link(self.file, message.body)?),
                LINK_INFO => refuse_dense(self.file, message.body)?,
                SYMBOL_TABLE => symbol_table(self.file, message.body, &mut links)?,
                _ => {}
            }
        }
        Ok(links)
    }
}

/// A link message; links to other files and to paths are passed over.
fn link(file: File<'_>, body: &[u8]) -> Result<Option<(String, u64)>, ImportError> {
    let mut cursor = Cursor::new(body, "an HDF5 link");
    cursor.skip(1)?;
    let flags = cursor.u8()?;
    let hard = flags & 8 == 0 || cursor.u8()? == 0;
    cursor.skip(if flags & 4 != 0 { 8 } else { 0 })?;
    cursor.skip(usize::from(flags & 16 != 0))?;
    let length = cursor.length(1 << (flags & 3))?;
    let name = String::from_utf8_lossy(cursor.take(length)?).into_owned();
    Ok(if hard { Some((name, cursor.uint(file.offset_width)?)) } else { None })
}

/// Groups of many links in the newest form keep them in a fractal heap.
fn refuse_dense(file: File<'_>, body: &[u8]) -> Result<(), ImportError> {
    let mut cursor = Cursor::new(body, "an HDF5 link table");
    cursor.skip(1)?;
    let flags = cursor.u8()?;
    cursor.skip(if flags & 1 != 0 { 8 } else { 0 })?;
    if file.is_undefined(cursor.uint(file.offset_width)?) {
        return Ok(());
    }
    Err(ImportError::unsupported("the HDF5 file keeps links in a fractal heap")
        .advise("save it with h5py's default `libver`"))
}

fn symbol_table(file: File<'_>, body: &[u8], links: &mut BTreeMap<String, u64>) -> Result<(), ImportError> {
    let mut cursor = Cursor::new(body, "an HDF5 symbol table");
    let (tree, heap) = (cursor.uint(file.offset_width)?, cursor.uint(file.offset_width)?);
    let mut table = SymbolTable { file, names: local_heap(file, heap)?, left: MAX_LINKS, links };
    table.tree(tree, MAX_LEVELS)
}

fn local_heap(file: File<'_>, address: u64) -> Result<&[u8], ImportError> {
    let mut cursor = file.cursor(address, "an HDF5 local heap");
    cursor.magic(b"HEAP")?;
    cursor.skip(4)?;
    let length = cursor.length(file.length_width)?;
    cursor.skip(file.length_width)?;
    let data = cursor.uint(file.offset_width)?;
    file.cursor(data, "an HDF5 local heap").take(length)
}

/// A symbol table that is being walked.
struct SymbolTable<'f, 'l> {
    file: File<'f>,
    names: &'f [u8],
    /// How many more branches and symbols are looked at.
    left: usize,
    links: &'l mut BTreeMap<String, u64>,
}

impl SymbolTable<'_, '_> {
    fn spend(&mut self) -> Result<(), ImportError> {
        let exhausted = || ImportError::malformed(format!("an HDF5 group has more than {MAX_LINKS} members"));
        self.left = self.left.checked_sub(1).ok_or_else(exhausted)?;
        Ok(())
    }

    /// A node of the B-tree and what is under it. Each level goes strictly down, so a circle is found.
    fn tree(&mut self, address: u64, above: u8) -> Result<(), ImportError> {
        let mut cursor = self.file.cursor(address, "an HDF5 B-tree");
        cursor.magic(b"TREE")?;
        let (kind, level, used) = (cursor.u8()?, cursor.u8()?, cursor.u16()?);
        if kind != 0 || level >= above {
            return Err(ImportError::malformed(format!("the HDF5 B-tree at byte {address} is none of a group")));
        }
        cursor.skip(2 * self.file.offset_width)?;
        for _ in 0..used {
            self.spend()?;
            cursor.skip(self.file.length_width)?;
            let child = cursor.uint(self.file.offset_width)?;
            if level == 0 { self.symbols(child)? } else { self.tree(child, level)? }
        }
        Ok(())
    }

    fn symbols(&mut self, address: u64) -> Result<(), ImportError> {
        let width = self.file.offset_width;
        let mut cursor = self.file.cursor(address, "an HDF5 symbol node");
        cursor.magic(b"SNOD")?;
        cursor.skip(2)?;
        for _ in 0..cursor.u16()? {
            self.spend()?;
            let (name, object, kind) = (cursor.uint(width)?, cursor.uint(width)?, cursor.u32()?);
            cursor.skip(20)?;
            let name = Cursor::starting(self.names, name, "the names of an HDF5 group").until(0)?;
            // Kind 2 is a symbolic link: it has no object of its own.
            if kind != 2 {
                self.links.insert(String::from_utf8_lossy(name).into_owned(), object);
            }
        }
        Ok(())
    }
}
