//! The behaviour of `briq-package`, by subject.

#![expect(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod blobs;
mod chunks;
mod costly_keys;
mod flipped;
mod full_disk;
mod interop;
mod keys;
mod killed;
mod kit;
mod limits;
mod many;
mod mutated_seals;
mod parcel;
mod peer;
mod policy;
mod prefix;
mod provenance;
mod read;
mod rejects;
mod sbom;
mod sealing;
mod seals;
mod signing_peer;
mod unpack;
mod vectors;
mod write;
mod zip;
