//! Layer, root-mean-square, batch, instance and group normalisation.

mod channels;
mod groups;
mod rows;

pub use channels::{BatchNorm, scale_shift};
pub use groups::{GroupNorm, group_norm};
pub use rows::{LayerNorm, layer_norm, rms_norm, skip_layer_norm};
