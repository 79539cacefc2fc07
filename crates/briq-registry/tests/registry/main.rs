//! Behaviour of the registry client, against real registries: our own, and Debian's where it is installed.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its ground should stop")]

mod access;
mod credentials;
mod deltas;
mod interop;
mod killed;
mod peers;
mod resolving;
mod samples;
mod transfers;
mod trouble;
mod updates;
