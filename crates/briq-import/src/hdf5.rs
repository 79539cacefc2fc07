//! HDF5, as far as Keras writes it through h5py.
//!
//! Read are superblocks 0 to 3, object headers 1 and 2, groups by symbol table or by link messages, attributes in the
//! header, and datasets that are compact, contiguous or chunked (B-tree 1; deflate, shuffle, Fletcher-32). What the
//! newest file form adds (dense links and attributes, other chunk indices), references, compounds and virtual datasets are
//! refused by name. Layouts follow the *HDF5 File Format Specification*, version 3.0.
//!
//! Every offset is checked against the file, every tree has a bound on its depth and its nodes, and nothing is allocated
//! that the file could not fill.

mod attribute;
mod dataset;
mod datatype;
mod group;
mod header;

use crate::cursor::Cursor;
use crate::{ImportError, Tensor};

pub(crate) const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

/// A file with the widths of its addresses and lengths.
#[derive(Clone, Copy)]
pub(crate) struct File<'a> {
    bytes: &'a [u8],
    offset_width: usize,
    length_width: usize,
    root: u64,
}

/// A group or dataset: the messages of its header.
#[derive(Clone)]
pub(crate) struct Object<'a> {
    file: File<'a>,
    messages: Vec<header::Message<'a>>,
}

impl<'a> File<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ImportError> {
        let mut cursor = Cursor::new(bytes, "the HDF5 superblock");
        cursor.magic(SIGNATURE)?;
        let version = cursor.u8()?;
        let mut file = Self { bytes, offset_width: 8, length_width: 8, root: 0 };
        match version {
            0 | 1 => file.old_superblock(cursor, version)?,
            2 | 3 => file.new_superblock(cursor)?,
            _ => return Err(ImportError::unsupported(format!("the HDF5 superblock is of version {version}"))),
        }
        Ok(file)
    }

    pub(crate) fn root(self) -> Result<Object<'a>, ImportError> {
        self.object(self.root)
    }

    fn old_superblock(&mut self, mut cursor: Cursor<'a>, version: u8) -> Result<(), ImportError> {
        cursor.skip(4)?;
        self.widths(&mut cursor)?;
        cursor.skip(if version == 0 { 9 } else { 13 })?;
        self.base(&mut cursor)?;
        cursor.skip(4 * self.offset_width)?;
        self.root = cursor.uint(self.offset_width)?;
        Ok(())
    }

    fn new_superblock(&mut self, mut cursor: Cursor<'a>) -> Result<(), ImportError> {
        self.widths(&mut cursor)?;
        cursor.skip(1)?;
        self.base(&mut cursor)?;
        cursor.skip(2 * self.offset_width)?;
        self.root = cursor.uint(self.offset_width)?;
        Ok(())
    }

    fn widths(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ImportError> {
        let widths = [cursor.u8()?, cursor.u8()?].map(usize::from);
        if widths.iter().any(|width| ![2, 4, 8].contains(width)) {
            return Err(ImportError::malformed(format!("the HDF5 superblock has widths {widths:?}")));
        }
        [self.offset_width, self.length_width] = widths;
        Ok(())
    }

    fn base(&self, cursor: &mut Cursor<'a>) -> Result<(), ImportError> {
        match cursor.uint(self.offset_width)? {
            0 => Ok(()),
            base => Err(ImportError::unsupported(format!("the HDF5 addresses count from byte {base}"))),
        }
    }

    fn object(self, address: u64) -> Result<Object<'a>, ImportError> {
        Ok(Object { file: self, messages: header::read(self, address)? })
    }

    fn cursor(self, address: u64, what: &'static str) -> Cursor<'a> {
        Cursor::starting(self.bytes, address, what)
    }

    /// The address that stands for nothing.
    fn is_undefined(self, address: u64) -> bool {
        address == u64::MAX >> (64 - 8 * self.offset_width)
    }
}

impl<'a> Object<'a> {
    /// What lies at a path of names with slashes between them.
    pub(crate) fn at(&self, path: &str) -> Result<Option<Object<'a>>, ImportError> {
        let mut object = self.clone();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let Some(address) = object.links()?.remove(name) else { return Ok(None) };
            object = self.file.object(address)?;
        }
        Ok(Some(object))
    }

    /// The groups and datasets in a group, by name.
    pub(crate) fn children(&self) -> Result<Vec<(String, Object<'a>)>, ImportError> {
        let links = self.links()?.into_iter();
        links.map(|(name, address)| Ok((name, self.file.object(address)?))).collect()
    }

    /// The texts of an attribute, or nothing where there is none.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, ImportError> {
        attribute::texts(self, name)
    }

    /// The tensor of a dataset, under a name.
    pub(crate) fn tensor(&self, name: &str) -> Result<Tensor, ImportError> {
        dataset::read(self, name)
    }

    /// The first message of a kind.
    fn message(&self, kind: u16) -> Option<&'a [u8]> {
        self.messages.iter().find(|message| message.kind == kind).map(|message| message.body)
    }
}
