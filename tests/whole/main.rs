//! Briq from outside: the program, driven as a person drives it.

mod finetune;
mod life;
mod mistakes;
mod tutorial;
mod verbs;
