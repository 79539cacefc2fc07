//! A lossless code for numbers, such as weights: what they differ by from a base, in byte planes, each stored in the
//! shortest of three ways.
//!
//! ```text
//! numbers ──┐
//! base ─────┴ difference ── block of 2¹⁷ numbers ── plane of lowest bytes ─┬ zeros │ raw │ zstd
//!                                                └─ … of highest bytes ────┴ zeros │ raw │ zstd
//! ```
//!
//! Trained weights are noise in their low bytes and few values in their high ones, where sign and exponent are. Beside
//! each other those bytes look like noise altogether; in planes of their own, a plane is either worth compressing
//! or is stored as it is, and costs nothing to read. A fine-tuned weight moves little from its base, so the high planes of
//! what they differ by are nearly empty.
//!
//! Two [rules](Rule) say what "differ" means: [`Rule::Xor`] for anything, [`Rule::Difference`] for floating-point
//! numbers. Without a base, the base is zeros; by `Difference` a number is then rotated left by a bit, and its whole
//! exponent is in one byte.
//!
//! ```
//! use briq_package::codec::{self, Coding, Rule};
//!
//! let base: Vec<u8> = (0..1000).flat_map(|number| (number as f32).to_le_bytes()).collect();
//! let tuned: Vec<u8> = (0..1000).flat_map(|number| (number as f32 * 1.0001).to_le_bytes()).collect();
//! let coding = Coding { width: 4, rule: Rule::Difference };
//! let coded = codec::encode(coding, &tuned, Some(&base));
//! assert!(coded.len() < tuned.len() / 2);
//! assert_eq!(codec::decode(coding, &coded, Some(&base), tuned.len())?, tuned);
//! # Ok::<(), codec::Damaged>(())
//! ```
//!
//! Sources: byte planes are the shuffle filter of HDF5 and Blosc; that exponents of weights carry few bits, and that
//! a fine-tune is near to its base, is what ZipNN (arXiv 2411.05239) and BitDelta (arXiv 2402.10193) rest on.

mod block;
mod number;
mod plane;

use rayon::prelude::*;

use self::block::decode_block;
pub(crate) use self::block::{Block, encode_block};

/// How many numbers are coded together: a plane of them is as long as the longest block within a zstd frame.
pub const BLOCK_NUMBERS: usize = 128 << 10;

/// How numbers are told from their base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The bits that differ.
    Xor,
    /// How many representable numbers lie between them, read as floating-point numbers: 0, -1, 1, -2, … are 0, 1, 2, 3, ….
    Difference,
}

/// How bytes are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    /// The length of a number in bytes: 1, 2, 4 or 8.
    pub width: usize,
    /// How numbers are told from their base.
    pub rule: Rule,
}

impl Coding {
    /// The bytes as they are, but for the choice between zeros, raw and zstd.
    pub const PLAIN: Self = Self { width: 1, rule: Rule::Xor };

    /// How many bytes are coded together.
    pub(crate) const fn block_bytes(self) -> usize {
        self.width * BLOCK_NUMBERS
    }
}

/// Coded bytes that are not those of an encoder, or for another base or length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub(crate) &'static str);

/// Codes numbers, on all cores.
///
/// # Panics
/// When the width is not 1, 2, 4 or 8, the bytes are no whole numbers, or the base has another length.
pub fn encode(coding: Coding, bytes: &[u8], base: Option<&[u8]>) -> Vec<u8> {
    check(coding, bytes.len(), base);
    let encoded: Vec<Vec<u8>> =
        pieces(coding, bytes, base).into_par_iter().map(|(bytes, base)| encode_block(coding, bytes, base)).collect();
    encoded.concat()
}

/// Reads coded numbers, on all cores.
///
/// # Errors
/// When they are not as an encoder leaves them, or do not end with the last number.
///
/// # Panics
/// As for [`encode`], with the length that the numbers are to have.
pub fn decode(coding: Coding, mut coded: &[u8], base: Option<&[u8]>, length: usize) -> Result<Vec<u8>, Damaged> {
    check(coding, length, base);
    // A block takes a byte for each plane at least: no more is allocated than the coded bytes can stand for.
    if coded.len() < length.div_ceil(coding.block_bytes()) * coding.width {
        return Err(Damaged("it ends too soon"));
    }
    let mut numbers = vec![0; length];
    let lengths = numbers.chunks(coding.block_bytes()).map(<[u8]>::len);
    let blocks: Vec<Block<'_>> =
        lengths.map(|length| Block::read(coding, &mut coded, length)).collect::<Result<_, _>>()?;
    if !coded.is_empty() {
        return Err(Damaged("bytes follow its last number"));
    }
    decode_blocks(coding, &blocks, base, &mut numbers)?;
    Ok(numbers)
}

/// Fills a buffer from the blocks that it is coded in.
pub(crate) fn decode_blocks(
    coding: Coding,
    blocks: &[Block<'_>],
    base: Option<&[u8]>,
    numbers: &mut [u8],
) -> Result<(), Damaged> {
    let size = coding.block_bytes();
    let numbers = numbers.par_chunks_mut(size).enumerate();
    numbers.try_for_each(|(index, numbers)| {
        let base = base.map(|base| &base[index * size..][..numbers.len()]);
        decode_block(coding, &blocks[index], base, numbers)
    })
}

/// The bytes in blocks, each with its base.
fn pieces<'b>(coding: Coding, bytes: &'b [u8], base: Option<&'b [u8]>) -> Vec<(&'b [u8], Option<&'b [u8]>)> {
    let size = coding.block_bytes();
    let piece = |(index, bytes): (usize, &'b [u8])| (bytes, base.map(|base| &base[index * size..][..bytes.len()]));
    bytes.chunks(size).enumerate().map(piece).collect()
}

fn check(coding: Coding, length: usize, base: Option<&[u8]>) {
    assert!(matches!(coding.width, 1 | 2 | 4 | 8), "there are no numbers of {} bytes", coding.width);
    assert!(length.is_multiple_of(coding.width), "{length} bytes are no numbers of {}", coding.width);
    assert!(base.is_none_or(|base| base.len() == length), "the base has another length");
}
