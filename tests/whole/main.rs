//! Briq from outside: the program, driven as a person drives it.

mod mistakes;
mod tutorial;
