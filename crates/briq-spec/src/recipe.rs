//! `briq.toml`: the data, the layers and the training of a network, declared.
//!
//! [`Recipe::parse`] checks a text against its own JSON Schema before serde sees it, so that an error knows its line,
//! column and key path, and a mistyped key or layer gets the nearest right one as a hint.

mod data;
mod error;
mod layer;
mod position;
mod rules;
mod suggest;
mod train;
mod walk;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

pub use self::data::{DataSection, LabelColumn, Normalize, NormalizePer, SplitSection, Task};
pub use self::error::{RecipeError, RecipeErrorKind};
pub use self::layer::{
    ActivationFunction, ActivationLayer, BatchNorm, Conv2d, Dense, Dropout, Empty, Extent2d, Layer, LayerNorm, Padding,
    Pool2d, Reshape,
};
pub use self::train::{
    Adam, Cosine, EarlyStopping, Loss, Metric, Monitor, Optimizer, Schedule, Sgd, Step, TrainSection,
};
use crate::manifest::Tolerance;
use crate::name::PackageName;

/// The largest recipe in bytes.
pub const MAX_RECIPE_BYTES: usize = 1 << 20;

/// A `briq.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What the package will be called.
    pub package: PackageSection,
    /// What it is trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataSection>,
    /// The network, from input to output.
    #[serde(default, rename = "layer", skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Layer>,
    /// How it is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<TrainSection>,
    /// What every host must reproduce.
    #[serde(default)]
    pub golden: GoldenSection,
}

/// `[package]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PackageSection {
    /// The name of the package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// One line on what the network does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// An SPDX licence expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
}

/// `[golden]`: the examples that go into the package, and how far a host may be off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct GoldenSection {
    /// How many examples of the test part are recorded.
    pub examples: u64,
    /// How far a host may be off, for each class of backend: `cpu`, `gpu`.
    pub tolerances: BTreeMap<String, Tolerance>,
}

impl Default for GoldenSection {
    fn default() -> Self {
        let tolerance = |absolute, relative| Tolerance { absolute, relative };
        let tolerances = [("cpu", tolerance(1e-4, 1e-3)), ("gpu", tolerance(1e-3, 1e-2))];
        Self { examples: 16, tolerances: tolerances.map(|(class, value)| (class.to_owned(), value)).into() }
    }
}

impl Recipe {
    /// Reads a `briq.toml`.
    ///
    /// # Errors
    /// The first mistake in the text, with its line, column and key path; see [`RecipeError`].
    pub fn parse(text: &str) -> Result<Self, RecipeError> {
        if text.len() > MAX_RECIPE_BYTES {
            let reason = format!("it has {} bytes, and at most {MAX_RECIPE_BYTES} are read", text.len());
            return Err(RecipeError::new(RecipeErrorKind::TooLarge, (1, 1), String::new(), reason));
        }
        let tree = position::Tree::parse(text)?;
        walk::check(&tree)?;
        let recipe: Self = toml::from_str(text).map_err(|error| tree.serde_error(&error))?;
        recipe.check().map_err(|broken| tree.broken(broken))?;
        Ok(recipe)
    }

    /// The recipe as a `briq.toml`, every default written out.
    pub fn print(&self) -> String {
        toml::to_string(self).expect("a recipe is made of TOML's own types")
    }
}
