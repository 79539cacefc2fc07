//! What the fuzz targets share.
//!
//! Each file of `fuzz_targets` hands bytes to one reader. It must not panic, run out of memory or hang; and where
//! it accepts them, what it says must hold together.

pub mod nothing;
pub mod sample;
pub mod signing;
