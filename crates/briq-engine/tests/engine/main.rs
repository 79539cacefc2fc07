//! Behaviour of tensors, checked inference and the golden replay.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod affine;
mod checked;
mod golden;
mod tensor;
