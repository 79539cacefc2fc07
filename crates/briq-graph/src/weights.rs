//! Shards: safetensors files that hold a graph's tensors.
//!
//! A shard is an ordinary [safetensors](https://huggingface.co/docs/safetensors) file and at once the *external data*
//! file of an ONNX model, so one set of bytes serves both readers:
//!
//! ```text
//! 0        8                       8 + N (a multiple of 64)
//! | N: u64 | JSON header, N bytes, | tensor | tensor | …
//! |        | padded with spaces    |        |        |
//! ```
//!
//! The format allows no holes between tensors. They are therefore ordered by alignment: those whose length is a
//! multiple of 64 bytes first, then multiples of 32, 16, 8, 4, 2, 1. Every tensor then starts at a multiple of the
//! largest power of two (up to 64) that divides its length, and so of its element size. Within one alignment the given order holds; the bytes are a
//! function of the tensors alone.

mod reading;
mod sharding;
mod writing;

pub use reading::read;
pub use sharding::{INDEX, index, shard_name, shards};
pub use writing::{externalize, write};

use crate::ElementType;

/// The alignment of the data section and of every tensor whose length is a multiple of it, in bytes.
pub const ALIGNMENT: u64 = 64;

/// The longest header that is read or written, in bytes: what the safetensors library allows.
pub const MAX_HEADER_BYTES: u64 = 100_000_000;

/// A tensor to be written.
#[derive(Debug, Clone, Copy)]
pub struct Tensor<'a> {
    /// Unique in the shard.
    pub name: &'a str,
    /// What its elements are.
    pub element: ElementType,
    /// One length for each axis.
    pub shape: &'a [usize],
    /// Little-endian, row-major.
    pub data: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// A tensor of single precision.
    pub fn f32(name: &'a str, shape: &'a [usize], data: &'a [u8]) -> Self {
        Self { name, element: ElementType::F32, shape, data }
    }
}

/// Where a tensor lies in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The tensor's name.
    pub name: String,
    /// What its elements are.
    pub element: ElementType,
    /// One length for each axis.
    pub shape: Vec<usize>,
    /// Its first byte, counted from the start of the file.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}
