//! Object headers: the messages that describe a group or dataset.

use super::File;
use crate::ImportError;
use crate::cursor::Cursor;

/// The most blocks that one header may be continued in.
const MAX_BLOCKS: usize = 4096;

/// The most messages of one header.
const MAX_MESSAGES: usize = 1 << 16;

const CONTINUATION: u16 = 0x0010;

/// The flag of a message whose body lies elsewhere.
const SHARED: u8 = 2;

/// One message: what it is about and its body.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) body: &'a [u8],
}

/// How a block of messages is laid out.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Old,
    New { ordered: bool },
}

pub(super) fn read(file: File<'_>, address: u64) -> Result<Vec<Message<'_>>, ImportError> {
    let mut cursor = file.cursor(address, "an HDF5 object header");
    let (form, first) = match cursor.clone().magic(b"OHDR") {
        Ok(()) => new_header(&mut cursor)?,
        Err(_) => old_header(&mut cursor)?,
    };
    let mut blocks = vec![first];
    let mut messages = Vec::new();
    let mut at = 0;
    while let Some(block) = blocks.get(at).copied() {
        for message in block_messages(block, form)? {
            match message.kind {
                CONTINUATION => blocks.push(continuation(file, message.body, form)?),
                _ => messages.push(message),
            }
        }
        at += 1;
        if blocks.len() > MAX_BLOCKS || messages.len() > MAX_MESSAGES {
            return Err(ImportError::malformed(format!("the HDF5 object at byte {address} has no end")));
        }
    }
    Ok(messages)
}

fn old_header<'a>(cursor: &mut Cursor<'a>) -> Result<(Form, &'a [u8]), ImportError> {
    let version = cursor.u8()?;
    if version != 1 {
        return Err(ImportError::malformed(format!("there is no HDF5 object at byte {}", cursor.position() - 1)));
    }
    cursor.skip(7)?;
    let length = cursor.length(4)?;
    cursor.skip(4)?;
    Ok((Form::Old, cursor.take(length)?))
}

fn new_header<'a>(cursor: &mut Cursor<'a>) -> Result<(Form, &'a [u8]), ImportError> {
    cursor.skip(5)?;
    let flags = cursor.u8()?;
    cursor.skip(if flags & 0x20 != 0 { 16 } else { 0 })?;
    cursor.skip(if flags & 0x10 != 0 { 4 } else { 0 })?;
    let length = cursor.length(1 << (flags & 3))?;
    Ok((Form::New { ordered: flags & 4 != 0 }, cursor.take(length)?))
}

fn continuation<'a>(file: File<'a>, body: &[u8], form: Form) -> Result<&'a [u8], ImportError> {
    let mut body = Cursor::new(body, "an HDF5 continuation");
    let (address, length) = (body.uint(file.offset_width)?, body.length(file.length_width)?);
    let mut cursor = file.cursor(address, "an HDF5 continuation");
    if form == Form::Old {
        return cursor.take(length);
    }
    cursor.magic(b"OCHK")?;
    cursor.take(length.saturating_sub(8))
}

fn block_messages(block: &[u8], form: Form) -> Result<Vec<Message<'_>>, ImportError> {
    let mut cursor = Cursor::new(block, "an HDF5 message");
    let prefix = match form {
        Form::Old => 8,
        Form::New { ordered } => 4 + 2 * usize::from(ordered),
    };
    let mut messages = Vec::new();
    while cursor.remaining() >= prefix {
        let (kind, length, flags) = match form {
            Form::Old => (cursor.u16()?, cursor.length(2)?, cursor.u8()?),
            Form::New { .. } => (u16::from(cursor.u8()?), cursor.length(2)?, cursor.u8()?),
        };
        cursor.skip(prefix - if form == Form::Old { 5 } else { 4 })?;
        let body = cursor.take(length)?;
        if flags & SHARED != 0 {
            return Err(ImportError::unsupported("the HDF5 file shares messages between objects"));
        }
        messages.push(Message { kind, body });
    }
    Ok(messages)
}
