//! Behaviour of the registry server, asked by plain HTTP requests and by `skopeo`.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its ground should stop")]

mod ground;
mod manifests;
mod skopeo;
mod uploads;
