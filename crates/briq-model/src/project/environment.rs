//! With what, and on what, a network was trained.

use serde::{Deserialize, Serialize};

use crate::backend::Backend;

/// The environment of a training, for its provenance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of Briq.
    pub briq: String,
    /// Version of Burn.
    pub burn: String,
    /// The backend that ran.
    pub backend: String,
    /// Operating system and processor architecture.
    pub platform: String,
}

impl Environment {
    pub(crate) fn here(backend: Backend) -> Self {
        Self {
            briq: env!("CARGO_PKG_VERSION").into(),
            burn: "0.22.1".into(),
            backend: backend.resolved().to_string(),
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        }
    }
}
