//! The behaviour of `briq-spec`, by module.

#![expect(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod bump;
mod control;
mod deployment;
mod digest;
mod entry;
mod lineage;
mod lock;
mod manifest;
mod name;
mod policy;
mod recipe;
mod recipe_mistakes;
mod reference;
mod schema;
mod signature;
mod variant;
