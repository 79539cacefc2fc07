//! A block: its planes one after the other, each as zeros, raw or a zstd frame.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use super::{BLOCK_NUMBERS, Coding, Damaged, plane};

/// The planes of the longest number.
const MOST_PLANES: usize = 8;

/// Higher levels look longer for repetitions.
const LEVEL: i32 = 1;

/// In a plane of weights, repetitions other than runs are chance: short ones take longer to read than they save, and hide how
/// skewed the bytes are. So only long ones are looked for, and not far back.
const SHORTEST_MATCH: u32 = 7;
const HASH_LOG: u32 = 6;

/// A plane is compressed where that saves one byte of this many: below, it costs more to read than it saves to send.
const WORTHWHILE: usize = 32;

const ZEROS: u8 = 0;
const RAW: u8 = 1;
const ZSTD: u8 = 2;

/// How the bytes of a plane are stored.
#[derive(Debug, Clone, Copy)]
enum Plane<'c> {
    Zeros,
    Raw(&'c [u8]),
    Zstd(&'c [u8]),
}

/// A block in its coded form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'c> {
    planes: [Plane<'c>; MOST_PLANES],
}

impl<'c> Block<'c> {
    /// Takes a block of a length off the front of coded bytes.
    pub(crate) fn read(coding: Coding, coded: &mut &'c [u8], length: usize) -> Result<Self, Damaged> {
        let mut planes = [Plane::Zeros; MOST_PLANES];
        for plane in &mut planes[..coding.width] {
            *plane = read_plane(coded, length / coding.width)?;
        }
        Ok(Self { planes })
    }
}

fn read_plane<'c>(coded: &mut &'c [u8], length: usize) -> Result<Plane<'c>, Damaged> {
    match take(coded, 1)? {
        [ZEROS] => Ok(Plane::Zeros),
        [RAW] => Ok(Plane::Raw(take(coded, length)?)),
        [ZSTD] => {
            let frame = take(coded, 4)?.iter().rev().fold(0, |frame, &byte| frame << 8 | usize::from(byte));
            if frame >= length {
                return Err(Damaged("a plane is longer than it would be raw"));
            }
            Ok(Plane::Zstd(take(coded, frame)?))
        }
        _ => Err(Damaged("a plane is stored in no known way")),
    }
}

fn take<'c>(coded: &mut &'c [u8], count: usize) -> Result<&'c [u8], Damaged> {
    coded.split_off(..count).ok_or(Damaged("it ends too soon"))
}

/// What coding needs, kept from one block to the next.
struct Encoder {
    /// For planes of numbers.
    numbers: Compressor<'static>,
    /// For bytes as they are.
    plain: Compressor<'static>,
    planes: Vec<u8>,
    frame: Vec<u8>,
}

/// What reading needs, kept from one block to the next.
struct Decoder {
    zstd: Decompressor<'static>,
    planes: Vec<u8>,
}

thread_local! {
    static ENCODER: RefCell<Encoder> = RefCell::new(Encoder {
        numbers: for_numbers(),
        plain: compressor(),
        planes: Vec::new(),
        frame: vec![0; BLOCK_NUMBERS],
    });
    static DECODER: RefCell<Decoder> = RefCell::new(Decoder {
        zstd: Decompressor::new().expect("a decompressor without a dictionary can be made"),
        planes: Vec::new(),
    });
}

fn compressor() -> Compressor<'static> {
    Compressor::new(LEVEL).expect("zstd knows its first level")
}

fn for_numbers() -> Compressor<'static> {
    let mut zstd = compressor();
    for parameter in [CParameter::MinMatch(SHORTEST_MATCH), CParameter::HashLog(HASH_LOG)] {
        zstd.set_parameter(parameter).expect("the bounds of zstd hold it");
    }
    zstd
}

/// Codes a block, which is not empty.
pub(crate) fn encode_block(coding: Coding, numbers: &[u8], base: Option<&[u8]>) -> Vec<u8> {
    let split = match coding.width {
        1 => plane::split::<u8>,
        2 => plane::split::<u16>,
        4 => plane::split::<u32>,
        _ => plane::split::<u64>,
    };
    ENCODER.with_borrow_mut(|Encoder { numbers: zstd, plain, planes, frame }| {
        let zstd = if coding == Coding::PLAIN { plain } else { zstd };
        planes.resize(numbers.len(), 0);
        split(coding.rule, numbers, base, planes);
        let mut coded = Vec::with_capacity(numbers.len() / 2);
        planes.chunks(numbers.len() / coding.width).for_each(|plane| put_plane(zstd, plane, frame, &mut coded));
        coded
    })
}

fn put_plane(zstd: &mut Compressor<'_>, plane: &[u8], frame: &mut [u8], coded: &mut Vec<u8>) {
    if plane.iter().all(|&byte| byte == 0) {
        return coded.push(ZEROS);
    }
    let worthwhile = plane.len() - plane.len().div_ceil(WORTHWHILE);
    // Where a frame does not fit into what is worthwhile, zstd gives up early.
    match zstd.compress_to_buffer(plane, &mut frame[..worthwhile.saturating_sub(4)]) {
        Ok(length) => {
            coded.push(ZSTD);
            coded.extend((length as u32).to_le_bytes());
            coded.extend(&frame[..length]);
        }
        Err(_) => {
            coded.push(RAW);
            coded.extend(plane);
        }
    }
}

/// Reads a block, which is not empty.
pub(crate) fn decode_block(
    coding: Coding,
    block: &Block<'_>,
    base: Option<&[u8]>,
    numbers: &mut [u8],
) -> Result<(), Damaged> {
    let join = match coding.width {
        1 => plane::join::<u8>,
        2 => plane::join::<u16>,
        4 => plane::join::<u32>,
        _ => plane::join::<u64>,
    };
    DECODER.with_borrow_mut(|Decoder { zstd, planes: buffer }| {
        buffer.resize(numbers.len().max(buffer.len()), 0);
        let mut planes = [None; MOST_PLANES];
        let buffers = buffer.chunks_mut(numbers.len() / coding.width);
        for ((plane, stored), buffer) in planes.iter_mut().zip(&block.planes[..coding.width]).zip(buffers) {
            *plane = match *stored {
                Plane::Zeros => None,
                Plane::Raw(bytes) => Some(bytes),
                Plane::Zstd(frame) => Some(decompress(zstd, frame, buffer)?),
            };
        }
        join(coding.rule, &planes[..coding.width], base, numbers);
        Ok(())
    })
}

/// The bytes of a frame, which are as many as fit, and not one less.
fn decompress<'b>(zstd: &mut Decompressor<'_>, frame: &[u8], buffer: &'b mut [u8]) -> Result<&'b [u8], Damaged> {
    match zstd.decompress_to_buffer(frame, buffer) {
        Ok(length) if length == buffer.len() => Ok(buffer),
        Ok(_) => Err(Damaged("a plane is too short")),
        Err(_) => Err(Damaged("a plane is no zstd frame of its length")),
    }
}
