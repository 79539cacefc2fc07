//! Fused single-precision kernels for the CPU, over plain slices.

pub mod activation;
pub mod attention;
mod buffer;
pub mod convolution;
pub mod elementwise;
pub mod epilogue;
mod in_out;
pub mod layout;
pub mod matrix;
pub mod normalization;
mod panel;
mod parallel;
pub mod pooling;
pub mod recurrent;
pub mod reduction;
pub mod simd;
pub mod softmax;
mod vector;

pub use activation::Activation;
pub use epilogue::Epilogue;
pub use in_out::InOut;
pub use parallel::with_team;
