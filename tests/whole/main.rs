//! Briq from outside: the program, driven as a person drives it.

mod adapters;
mod comparing;
mod finetune;
mod import;
mod life;
mod measuring;
mod mistakes;
mod parcels;
mod sealing;
mod tutorial;
mod variants;
mod verbs;
