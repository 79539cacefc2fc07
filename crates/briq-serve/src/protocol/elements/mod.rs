//! Tensor data in JSON: row-major, flat or nested.

mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::Elements;
