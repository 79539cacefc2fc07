//! How many records a model holds, before any of them is built.
//!
//! Two bytes of protocol buffer can ask for a message of some hundred bytes in memory, so that a small file could fill a
//! large one. The wire is therefore walked first, without allocating, along the fields that [`super::proto`] declares.

use super::MAX_RECORDS;

/// How deep messages may lie within one another; the decoder, which reads in the same order, refuses what is deeper.
const MAX_NESTING: usize = 100;

/// The messages that hold others.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Function,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Nested,
    Shape,
    /// Text, or a message that holds none.
    Leaf,
}

impl Message {
    /// What a field of it is, if it is kept.
    fn child(self, field: u64) -> Option<Self> {
        match (self, field) {
            (Self::Model, 7) => Some(Self::Graph),
            (Self::Model, 25) => Some(Self::Function),
            (Self::Function, 7) | (Self::Graph, 1) => Some(Self::Node),
            (Self::Function, 11) => Some(Self::Attribute),
            (Self::Attribute, 6) => Some(Self::Graph),
            (Self::Graph, 5) | (Self::Attribute, 5) => Some(Self::Tensor),
            (Self::Graph, 11..=13) => Some(Self::ValueInfo),
            (Self::Node, 5) => Some(Self::Attribute),
            (Self::ValueInfo, 2) => Some(Self::Type),
            (Self::Type, 1) => Some(Self::TensorType),
            (Self::Type, 4 | 9) => Some(Self::Nested),
            (Self::Nested, 1) => Some(Self::Type),
            (Self::TensorType, 2) => Some(Self::Shape),
            (Self::Model, 8 | 14 | 20) | (Self::Function, 4 | 5 | 9) | (Self::Graph, 15) => Some(Self::Leaf),
            (Self::Node, 1 | 2) => Some(Self::Leaf),
            (Self::Attribute, 9) | (Self::Tensor, 6 | 13) | (Self::Shape, 1) => Some(Self::Leaf),
            _ => None,
        }
    }
}

/// Whether a model has more than [`MAX_RECORDS`] records. Bytes that are no model are left to the decoder to refuse.
pub(super) fn exceeds_limit(bytes: &[u8]) -> bool {
    let mut count = 0;
    walk(Message::Model, bytes, &mut count, MAX_NESTING);
    count > MAX_RECORDS
}

/// Adds the records of one message; `None` when it ends early, is malformed, or a limit is reached.
fn walk(message: Message, mut bytes: &[u8], count: &mut usize, depth: usize) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let length = match key & 7 {
            0 => varint(&mut bytes).map(|_| 0)?,
            1 => 8,
            2 => varint(&mut bytes)?,
            // The ends of a group, which the decoder passes over: what is inside is counted as if it were outside.
            3 | 4 => 0,
            5 => 4,
            _ => return None,
        };
        let (content, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
        bytes = rest;
        if let Some(child) = message.child(key >> 3).filter(|_| key & 7 == 2) {
            *count += 1;
            if *count > MAX_RECORDS {
                return None;
            }
            if !matches!(child, Message::Leaf) {
                walk(child, content, count, depth)?;
            }
        }
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
