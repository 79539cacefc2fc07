//! Attributes: small values beside a group or dataset. Those that hold text are read.

use super::datatype::{self, Datatype};
use super::{File, Object};
use crate::ImportError;
use crate::cursor::Cursor;

const ATTRIBUTE: u16 = 0x000C;

/// Attributes of the newest form, kept in a fractal heap.
const ATTRIBUTE_INFO: u16 = 0x0015;

struct Attribute<'a> {
    name: &'a [u8],
    datatype: &'a [u8],
    dataspace: &'a [u8],
    data: &'a [u8],
}

pub(super) fn texts(object: &Object<'_>, name: &str) -> Result<Option<Vec<String>>, ImportError> {
    for message in object.messages.iter().filter(|message| message.kind == ATTRIBUTE) {
        let attribute = split(message.body)?;
        if attribute.name == name.as_bytes() {
            return values(object.file, &attribute).map(Some);
        }
    }
    if let Some(body) = object.message(ATTRIBUTE_INFO) {
        refuse_dense(object.file, body)?;
    }
    Ok(None)
}

fn refuse_dense(file: File<'_>, body: &[u8]) -> Result<(), ImportError> {
    let mut cursor = Cursor::new(body, "an HDF5 attribute table");
    cursor.skip(1)?;
    let flags = cursor.u8()?;
    cursor.skip(if flags & 1 != 0 { 2 } else { 0 })?;
    if file.is_undefined(cursor.uint(file.offset_width)?) {
        return Ok(());
    }
    Err(ImportError::unsupported("the HDF5 file keeps attributes in a fractal heap")
        .advise("save it with h5py's default `libver`"))
}

fn split(body: &[u8]) -> Result<Attribute<'_>, ImportError> {
    let mut cursor = Cursor::new(body, "an HDF5 attribute");
    let version = cursor.u8()?;
    cursor.skip(1)?;
    let sizes = [cursor.length(2)?, cursor.length(2)?, cursor.length(2)?];
    cursor.skip(usize::from(version == 3))?;
    let mut part = |size: usize| {
        let part = cursor.take(size)?;
        cursor.skip(if version == 1 { size.next_multiple_of(8) - size } else { 0 })?;
        Ok::<_, ImportError>(part)
    };
    let [name, datatype, dataspace] = [part(sizes[0])?, part(sizes[1])?, part(sizes[2])?];
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    let data = cursor.take(cursor.remaining())?;
    Ok(Attribute { name, datatype, dataspace, data })
}

fn values(file: File<'_>, attribute: &Attribute<'_>) -> Result<Vec<String>, ImportError> {
    let kind = Datatype::read(attribute.datatype)?;
    let count = datatype::count(&datatype::lengths(file, attribute.dataspace)?)?;
    let size = kind.size(file);
    if size == 0 || count > attribute.data.len() / size {
        return if count == 0 { Ok(Vec::new()) } else { Err(ImportError::malformed("an HDF5 attribute is too short")) };
    }
    attribute.data.chunks_exact(size).take(count).map(|element| text(file, kind, element)).collect()
}

fn text(file: File<'_>, kind: Datatype, element: &[u8]) -> Result<String, ImportError> {
    let bytes = match kind {
        Datatype::Text(_) => element.split(|&byte| byte == 0).next().unwrap_or_default(),
        Datatype::LongText => in_heap(file, element)?,
        Datatype::Number { .. } => return Err(ImportError::unsupported("an HDF5 attribute holds no text")),
    };
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|error| ImportError::malformed("an HDF5 attribute is no UTF-8").because(error))
}

/// The bytes of an object in a global heap.
fn in_heap<'a>(file: File<'a>, reference: &[u8]) -> Result<&'a [u8], ImportError> {
    let mut reference = Cursor::new(reference, "an HDF5 text");
    let (length, collection, wanted) = (reference.length(4)?, reference.uint(file.offset_width)?, reference.uint(4)?);
    if length == 0 {
        return Ok(&[]);
    }
    let mut cursor = file.cursor(collection, "an HDF5 global heap");
    cursor.magic(b"GCOL")?;
    cursor.skip(4)?;
    let end = cursor.position().saturating_add(cursor.length(file.length_width)?.saturating_sub(8));
    while cursor.position() < end {
        let (index, _) = (u64::from(cursor.u16()?), cursor.skip(6)?);
        let size = cursor.length(file.length_width)?;
        if index == wanted {
            return cursor.take(size.min(length));
        }
        if index == 0 {
            break;
        }
        cursor.skip(size.checked_next_multiple_of(8).unwrap_or(usize::MAX))?;
    }
    Err(ImportError::malformed(format!("the HDF5 global heap has no object {wanted}")))
}
