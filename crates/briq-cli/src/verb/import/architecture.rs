//! The declared layers that parameters are put into.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;
use briq_import::{Assembled, StateDict};
use briq_spec::recipe::Recipe;

use crate::exit::{Code, Failure};

/// Where the structure comes from.
#[derive(clap::Args)]
pub(super) struct Architecture {
    /// A briq.toml whose [[layer]] tables declare the network
    #[arg(long, value_name = "FILE")]
    architecture: PathBuf,
    /// The shape of one example, such as 1,28,28 [default: `shape` in [data], or what the first dense layer takes]
    #[arg(long, value_name = "LENGTHS", value_delimiter = ',')]
    input_shape: Vec<usize>,
    /// Which module goes into which layer, such as fc1=dense_1; may be repeated [default: by order and shape]
    #[arg(long, value_name = "MODULE=LAYER")]
    map: Vec<Pair>,
}

/// A module and a layer.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) module: String,
    pub(super) layer: String,
}

impl FromStr for Pair {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (module, layer) = text.split_once('=').ok_or("no `=` in it: give MODULE=NAME")?;
        Ok(Self { module: module.to_owned(), layer: layer.to_owned() })
    }
}

impl Architecture {
    /// The declared network with these parameters.
    pub(super) fn fill(&self, state: &StateDict) -> anyhow::Result<Assembled> {
        let path = self.architecture.display();
        let text = std::fs::read_to_string(&self.architecture).with_context(|| format!("cannot read {path}"))?;
        let recipe = Recipe::parse(&text).map_err(|error| {
            anyhow::Error::new(error).context(Failure::new(Code::Input, format!("{path} declares no network")))
        })?;
        let stated = (!self.input_shape.is_empty()).then(|| self.input_shape.clone());
        let architecture = briq_import::Architecture {
            name: recipe.package.name.short(),
            layers: &recipe.layers,
            input_shape: stated.or_else(|| recipe.data.as_ref().and_then(|data| data.shape.clone())),
            map: self.map.iter().map(|pair| (pair.module.clone(), pair.layer.clone())).collect(),
        };
        Ok(briq_import::assemble(state, &architecture)?)
    }
}
