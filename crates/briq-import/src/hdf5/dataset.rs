//! Datasets: tensors in one piece or in chunks.

use std::io::Read as _;

use super::datatype::{self, Datatype};
use super::group::MAX_LEVELS;
use super::{File, Object};
use crate::cursor::Cursor;
use crate::{ImportError, Tensor};

const DATASPACE: u16 = 0x0001;
const DATATYPE: u16 = 0x0003;
const LAYOUT: u16 = 0x0008;
const FILTERS: u16 = 0x000B;

/// The largest factor by which deflate can shrink: no dataset can be longer than the file times this.
const MAX_RATIO: usize = 1032;

/// A dataset whose chunks are being put together.
struct Chunked<'f> {
    file: File<'f>,
    shape: Vec<usize>,
    chunk: Vec<usize>,
    size: usize,
    filters: Vec<u16>,
}

/// A step of chunks on the way from disk to elements.
#[derive(Clone, Copy)]
struct Stored<'f> {
    bytes: &'f [u8],
    /// Filters that were left out, by position.
    mask: u32,
}

pub(super) fn read(object: &Object<'_>, name: &str) -> Result<Tensor, ImportError> {
    let missing = || ImportError::malformed(format!("`{name}` is no HDF5 dataset"));
    let shape = datatype::lengths(object.file, object.message(DATASPACE).ok_or_else(missing)?)?;
    let kind = Datatype::read(object.message(DATATYPE).ok_or_else(missing)?)?;
    let Datatype::Number { element, big_endian } = kind else {
        return Err(ImportError::unsupported(format!("the HDF5 dataset `{name}` holds no numbers")));
    };
    let size = kind.size(object.file);
    let length = datatype::count(&shape)?.checked_mul(size).ok_or_else(missing)?;
    if length > object.file.bytes.len().saturating_mul(MAX_RATIO) {
        return Err(ImportError::malformed(format!("the HDF5 dataset `{name}` claims {length} bytes")));
    }
    let layout = object.message(LAYOUT).ok_or_else(missing)?;
    let mut data = contents(object, layout, &shape, (size, length))?;
    if big_endian {
        data.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    Ok(Tensor { name: name.to_owned(), element, shape, data })
}

fn contents(
    object: &Object<'_>,
    layout: &[u8],
    shape: &[usize],
    (size, length): (usize, usize),
) -> Result<Vec<u8>, ImportError> {
    let file = object.file;
    let mut cursor = Cursor::new(layout, "an HDF5 layout");
    let (version, class) = (cursor.u8()?, cursor.u8()?);
    match (version, class) {
        (3 | 4, 0) => {
            cursor.skip(2)?;
            Ok(cursor.take(length)?.to_vec())
        }
        (3 | 4, 1) => match cursor.uint(file.offset_width)? {
            address if file.is_undefined(address) => unwritten(file, length),
            address => Ok(file.cursor(address, "an HDF5 dataset").take(length)?.to_vec()),
        },
        (3, 2) => {
            let filters = object.message(FILTERS).map(filters).transpose()?.unwrap_or_default();
            chunks(Chunked { file, shape: shape.to_vec(), chunk: Vec::new(), size, filters }, cursor, length)
        }
        _ => Err(ImportError::unsupported(format!("an HDF5 layout is of version {version} and class {class}"))
            .advise("save it with h5py's default `libver`")),
    }
}

/// A dataset that was declared and never filled is zeros.
fn unwritten(file: File<'_>, length: usize) -> Result<Vec<u8>, ImportError> {
    if length > file.bytes.len() {
        return Err(ImportError::malformed(format!("an HDF5 dataset of {length} bytes is not in the file")));
    }
    Ok(vec![0; length])
}

/// The identifiers of a filter pipeline, in the order of writing.
fn filters(body: &[u8]) -> Result<Vec<u16>, ImportError> {
    let mut cursor = Cursor::new(body, "an HDF5 filter pipeline");
    let (version, count) = (cursor.u8()?, cursor.u8()?);
    cursor.skip(if version == 1 { 6 } else { 0 })?;
    let mut filters = Vec::new();
    for _ in 0..count {
        let id = cursor.u16()?;
        let named = version == 1 || id >= 256;
        let name = if named { cursor.length(2)? } else { 0 };
        cursor.skip(2)?;
        let values = cursor.length(2)?;
        cursor.skip(if version == 1 { name.next_multiple_of(8) } else { name })?;
        cursor.skip(4 * (values + if version == 1 { values % 2 } else { 0 }))?;
        filters.push(id);
    }
    Ok(filters)
}

fn chunks(mut chunked: Chunked<'_>, mut cursor: Cursor<'_>, length: usize) -> Result<Vec<u8>, ImportError> {
    let rank = usize::from(cursor.u8()?);
    let tree = cursor.uint(chunked.file.offset_width)?;
    let lengths = (0..rank).map(|_| cursor.length(4)).collect::<Result<Vec<_>, _>>()?;
    if rank != chunked.shape.len() + 1 || lengths.last() != Some(&chunked.size) || lengths.contains(&0) {
        return Err(ImportError::malformed(format!("HDF5 chunks of {lengths:?} do not fit {:?}", chunked.shape)));
    }
    chunked.chunk = lengths[..rank - 1].to_vec();
    let mut data = vec![0; length];
    if !chunked.file.is_undefined(tree) {
        let mut left = length / chunked.size + 1;
        chunked.descend(tree, MAX_LEVELS, &mut left, &mut data)?;
    }
    Ok(data)
}

impl Chunked<'_> {
    /// Copies every chunk under a node of the B-tree; `left` bounds their number.
    fn descend(&self, address: u64, above: u8, left: &mut usize, data: &mut [u8]) -> Result<(), ImportError> {
        let mut cursor = self.file.cursor(address, "an HDF5 B-tree");
        cursor.magic(b"TREE")?;
        let (kind, level, used) = (cursor.u8()?, cursor.u8()?, cursor.u16()?);
        if kind != 1 || level >= above {
            return Err(ImportError::malformed(format!("the HDF5 B-tree at byte {address} is none of chunks")));
        }
        cursor.skip(2 * self.file.offset_width)?;
        for _ in 0..used {
            let exhausted = || ImportError::malformed("an HDF5 dataset has more chunks than elements");
            *left = left.checked_sub(1).ok_or_else(exhausted)?;
            let (stored, mask) = (cursor.length(4)?, cursor.u32()?);
            let offset = (0..self.shape.len()).map(|_| cursor.length(8)).collect::<Result<Vec<_>, _>>()?;
            cursor.skip(8)?;
            let child = cursor.uint(self.file.offset_width)?;
            if level > 0 {
                self.descend(child, level, left, data)?;
                continue;
            }
            let bytes = self.file.cursor(child, "an HDF5 chunk").take(stored)?;
            self.place(&self.decode(Stored { bytes, mask })?, &offset, data)?;
        }
        Ok(())
    }

    /// Undoes the filters, last first.
    fn decode(&self, stored: Stored<'_>) -> Result<Vec<u8>, ImportError> {
        let whole = datatype::count(&self.chunk)?.saturating_mul(self.size);
        let mut bytes = stored.bytes.to_vec();
        for (position, filter) in self.filters.iter().enumerate().rev() {
            if stored.mask.checked_shr(position as u32).unwrap_or(0) & 1 == 1 {
                continue;
            }
            bytes = match filter {
                1 => inflated(&bytes, whole)?,
                2 => unshuffled(&bytes, self.size),
                3 => bytes[..bytes.len().saturating_sub(4)].to_vec(),
                _ => return Err(ImportError::unsupported(format!("an HDF5 dataset has filter {filter}"))),
            };
        }
        if bytes.len() == whole { Ok(bytes) } else { Err(ImportError::malformed("an HDF5 chunk is too short")) }
    }

    /// Copies the part of a chunk that lies inside the dataset, row by row of its last axis.
    fn place(&self, chunk: &[u8], offset: &[usize], data: &mut [u8]) -> Result<(), ImportError> {
        let outside = offset.iter().zip(&self.shape).any(|(offset, length)| offset >= length);
        let Some((&width, rows)) = self.chunk.split_last() else {
            data.copy_from_slice(chunk);
            return Ok(());
        };
        if outside {
            return Err(ImportError::malformed(format!("an HDF5 chunk lies at {offset:?}, outside {:?}", self.shape)));
        }
        let last = rows.len();
        let copied = width.min(self.shape[last] - offset[last]) * self.size;
        let mut index = vec![0; last];
        for row in chunk.chunks_exact(width * self.size) {
            let place = index.iter().zip(offset).map(|(index, offset)| index + offset);
            if place.clone().zip(&self.shape).all(|(at, &length)| at < length) {
                let row_index = place.zip(&self.shape).fold(0, |sum, (at, length)| sum * length + at);
                let start = (row_index * self.shape[last] + offset[last]) * self.size;
                data[start..start + copied].copy_from_slice(&row[..copied]);
            }
            crate::tensor::advance(&mut index, rows);
        }
        Ok(())
    }
}

fn inflated(bytes: &[u8], whole: usize) -> Result<Vec<u8>, ImportError> {
    let mut result = Vec::new();
    let mut decoder = flate2::read::ZlibDecoder::new(bytes).take(whole as u64 + 4);
    let read = decoder.read_to_end(&mut result);
    read.map_err(|error| ImportError::malformed("an HDF5 chunk does not inflate").because(error))?;
    Ok(result)
}

/// Shuffling puts all first bytes of the elements first, then all second ones.
fn unshuffled(bytes: &[u8], size: usize) -> Vec<u8> {
    let count = bytes.len() / size;
    let mut result = bytes.to_vec();
    for (at, byte) in result[..count * size].iter_mut().enumerate() {
        *byte = bytes[at % size * count + at / size];
    }
    result
}
