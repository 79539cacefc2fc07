//! Briq from outside: the program, driven as a person drives it.

mod life;
mod mistakes;
mod sealing;
mod tutorial;
mod verbs;
