//! The Zip that a package is: the one layout that its entries determine, and the strict reader of its directory.
//!
//! The record formats are those of PKWARE's APPNOTE 6.3.10, sections 4.3.7 to 4.3.16 and 4.5.3 (Zip64). Padding is an
//! extra field of the local header, as Android's `zipalign` writes it.

mod directory;
mod fields;
mod layout;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use self::directory::Directory;
pub(crate) use self::layout::Layout;
pub(crate) use self::record::Item;
pub use self::record::{SHARD_ALIGNMENT, SMALL_ALIGNMENT};

/// The most seals that a package carries.
pub const MAX_SEALS: usize = 64;
