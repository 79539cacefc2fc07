//! The choice of what computes, the same for every verb.

use briq_model::{BACKENDS, Backend};
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
