//! The behaviour of `briq-package`, by subject.

#![expect(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod blobs;
mod flipped;
mod full_disk;
mod interop;
mod kit;
mod prefix;
mod read;
mod rejects;
mod seals;
mod unpack;
mod write;
mod zip;
