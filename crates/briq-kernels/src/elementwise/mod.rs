//! Arithmetic of tensors, element by element.
//!
//! [`Unary`] maps one tensor; [`Binary`] combines two, whose shapes are made equal by [`Broadcast`]; [`Choice`] takes from one
//! of two by a condition.

mod binary;
mod broadcast;
mod choice;
mod power;
mod unary;

pub use binary::Binary;
pub use broadcast::Broadcast;
pub use choice::Choice;
pub use unary::Unary;
