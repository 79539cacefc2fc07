//! The kernels, against plain loops.

mod elementwise;
mod normalization;
mod reduction;
mod softmax;
mod support;
mod vector;
