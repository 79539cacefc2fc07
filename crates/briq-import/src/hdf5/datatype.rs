//! What elements are, and how many: datatype and dataspace messages.

use briq_graph::ElementType;

use super::File;
use crate::ImportError;
use crate::cursor::Cursor;

/// What one element is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Datatype {
    Number {
        element: ElementType,
        big_endian: bool,
    },
    /// Text of so many bytes, padded.
    Text(usize),
    /// Text of any length, kept in a global heap.
    LongText,
}

impl Datatype {
    pub(super) fn read(body: &[u8]) -> Result<Self, ImportError> {
        let mut cursor = Cursor::new(body, "an HDF5 datatype");
        let class = cursor.u8()? & 15;
        let flags = cursor.uint(3)?;
        let size = cursor.length(4)?;
        match class {
            0 => integer(flags, size),
            1 => float(flags, size, &mut cursor),
            3 => Ok(Self::Text(size)),
            9 if flags & 15 == 1 => Ok(Self::LongText),
            8 if size == 1 => Ok(Self::Number { element: ElementType::Bool, big_endian: false }),
            _ => Err(ImportError::unsupported(format!("the HDF5 file holds elements of class {class}"))),
        }
    }

    /// Bytes of one element in a file.
    pub(super) fn size(self, file: File<'_>) -> usize {
        match self {
            Self::Number { element, .. } => element.bits() / 8,
            Self::Text(size) => size,
            Self::LongText => 4 + file.offset_width + 4,
        }
    }
}

fn integer(flags: u64, size: usize) -> Result<Datatype, ImportError> {
    use ElementType as E;
    let element = match (size, flags & 8 != 0) {
        (1, true) => E::I8,
        (2, true) => E::I16,
        (4, true) => E::I32,
        (8, true) => E::I64,
        (1, false) => E::U8,
        (2, false) => E::U16,
        (4, false) => E::U32,
        (8, false) => E::U64,
        _ => return Err(ImportError::unsupported(format!("the HDF5 file holds integers of {size} bytes"))),
    };
    Ok(Datatype::Number { element, big_endian: flags & 1 != 0 })
}

fn float(flags: u64, size: usize, cursor: &mut Cursor<'_>) -> Result<Datatype, ImportError> {
    cursor.skip(5)?;
    let exponent = cursor.u8()?;
    let element = match (size, exponent) {
        (2, 5) => ElementType::F16,
        (2, 8) => ElementType::BF16,
        (4, 8) => ElementType::F32,
        (8, 11) => ElementType::F64,
        _ => return Err(ImportError::unsupported(format!("the HDF5 file holds floats of {size} bytes"))),
    };
    Ok(Datatype::Number { element, big_endian: flags & 1 != 0 })
}

/// The lengths of the axes that a dataspace message says.
pub(super) fn lengths(file: File<'_>, body: &[u8]) -> Result<Vec<usize>, ImportError> {
    let mut cursor = Cursor::new(body, "an HDF5 dataspace");
    let (version, rank, _flags) = (cursor.u8()?, cursor.u8()?, cursor.u8()?);
    match version {
        1 => cursor.skip(5)?,
        // Kind 2 is nothing at all.
        2 if cursor.u8()? == 2 => return Ok(vec![0]),
        2 => {}
        _ => return Err(ImportError::unsupported(format!("an HDF5 dataspace is of version {version}"))),
    }
    (0..rank).map(|_| cursor.length(file.length_width)).collect()
}

/// The number of elements of a shape, where memory could hold so many bytes.
pub(super) fn count(lengths: &[usize]) -> Result<usize, ImportError> {
    let product = lengths.iter().try_fold(1_usize, |product, &length| product.checked_mul(length));
    product.ok_or_else(|| ImportError::malformed(format!("an HDF5 dataset of shape {lengths:?} cannot be held")))
}
