//! The targets: each hands bytes to the readers of one kind of file.
//!
//! A reader must not panic, run out of memory or hang; and where it accepts the bytes, what it says must hold together.

mod delta;
mod index;
mod keras;
mod keys;
mod lock;
mod lora;
mod manifest;
mod onnx;
mod package;
mod policy;
mod provenance;
mod pytorch;
mod recipe;
mod reference;
mod seal;
mod shard;

pub use delta::delta;
pub use index::index;
pub use keras::keras;
pub use keys::keys;
pub use lock::lock;
pub use lora::lora;
pub use manifest::manifest;
pub use onnx::onnx;
pub use package::package;
pub use policy::policy;
pub use provenance::provenance;
pub use pytorch::pytorch;
pub use recipe::recipe;
pub use reference::reference;
pub use seal::seal;
pub use shard::shard;

/// As much of the bytes as is text.
fn text(bytes: &[u8]) -> &str {
    bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}
