//! The choice of what computes, the same for every verb.

use briq_model::{BACKENDS, Backend};
use briq_store::Home;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

/// `--backend`.
#[derive(clap::Args)]
pub(crate) struct BackendArgument {
    /// What computes; auto is a GPU where there is one, else flex
    #[arg(long, default_value = "auto", value_parser = parser())]
    pub(crate) backend: Backend,
}

/// Reads the name of a backend; clap lists the names where it is none of them.
pub(crate) fn parser() -> impl clap::builder::TypedValueParser<Value = Backend> {
    let names = BACKENDS.iter().map(|(name, _)| *name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Backend>())
}

/// Lets other processes with the networks that this one has loaded share their packed weights. Where they cannot, nothing is
/// amiss but memory.
pub(crate) fn share_weights(home: &Home) {
    match briq_model::share_weights(&home.weights()) {
        Ok(bytes) => tracing::debug!(bytes, "weights are shared"),
        Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "weights are not shared"),
    }
}
