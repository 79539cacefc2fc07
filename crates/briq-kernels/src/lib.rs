#![doc = include_str!("../README.md")]
//!
//! ## Contract
//!
//! Each function states the layout of its slices. An output need not be cleared by the caller and is written completely.
//! A slice of the wrong length is an error of the caller, and panics; sizes that contradict one another where weights are
//! prepared are an error value. Bytes from outside never come here: whoever reads them has made numbers of them.
//!
//! The crate refuses to know of graphs, tensors, backends, devices, and element types other than `f32`.
//!
//! ## Modules, in reading order
//!
//! - [`simd`]: the vector units, and how a kernel is written for all of them; [`with_team`] and [`apart`]: the threads;
//! - [`activation`] and [`epilogue`]: what follows a product;
//! - [`Weights`]: what is packed;
//! - [`matrix`], [`convolution`], [`attention`], [`recurrent`]: products of every kind;
//! - [`pooling`], [`normalization`], [`softmax`], [`elementwise`], [`reduction`]: what lies between them;
//! - [`layout`]: channels last and channels first;
//! - [`residence`]: packed weights that processes share.

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
pub mod residence;
pub mod resize;
pub mod simd;
pub mod softmax;
mod vector;
mod weights;

pub use activation::Activation;
pub use epilogue::Epilogue;
pub use in_out::InOut;
pub use parallel::{apart, with_team};
pub use weights::Weights;
