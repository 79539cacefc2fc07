//! Arithmetic of tensors, element by element.
//!
//! [`Unary`] maps one tensor; [`Binary`] combines two, whose shapes are made equal by [`Broadcast`].

mod binary;
mod broadcast;
mod power;
mod unary;

pub use binary::Binary;
pub use broadcast::Broadcast;
pub use unary::Unary;
