//! Reading integers and slices off bytes that may end too early.

use crate::ImportError;

/// A position in bytes; what it reads there is named in errors.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { bytes, at: 0, what }
    }

    /// Starts in the middle; a position behind the end is found when something is read.
    pub(crate) fn starting(bytes: &'a [u8], at: u64, what: &'static str) -> Self {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        Self { bytes, at, what }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], ImportError> {
        let end = self.at.checked_add(length);
        let slice = end.and_then(|end| self.bytes.get(self.at..end));
        let slice = slice.ok_or_else(|| ImportError::malformed(format!("the file ends within {}", self.what)))?;
        self.at += length;
        Ok(slice)
    }

    pub(crate) fn skip(&mut self, length: usize) -> Result<(), ImportError> {
        self.take(length).map(|_| ())
    }

    /// A little-endian unsigned integer of up to 8 bytes.
    pub(crate) fn uint(&mut self, width: usize) -> Result<u64, ImportError> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ImportError> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, ImportError> {
        Ok(self.uint(2)? as u16)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ImportError> {
        Ok(self.uint(4)? as u32)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ImportError> {
        self.uint(8)
    }

    /// A length that has to be held in memory: what no memory could hold is found to be too long when it is taken.
    pub(crate) fn length(&mut self, width: usize) -> Result<usize, ImportError> {
        Ok(usize::try_from(self.uint(width)?).unwrap_or(usize::MAX))
    }

    /// Expects these bytes.
    pub(crate) fn magic(&mut self, magic: &[u8]) -> Result<(), ImportError> {
        if self.take(magic.len())? == magic {
            return Ok(());
        }
        Err(ImportError::malformed(format!("there is no {} at byte {}", self.what, self.at - magic.len())))
    }

    /// Bytes up to a delimiter, which is passed over.
    pub(crate) fn until(&mut self, delimiter: u8) -> Result<&'a [u8], ImportError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == delimiter).unwrap_or(rest.len());
        let slice = self.take(length)?;
        self.skip(1)?;
        Ok(slice)
    }
}
