//! The part of a manifest that makes a package an adapter: what it changes of its base.

use schemars::JsonSchema;
use semver::VersionReq;
use serde::{Deserialize, Serialize};

/// What a package changes of another one, its base, when it is loaded.
///
/// Such a package has no network of its own. Its `model.structure` is the base's, byte for byte, whose tensors lie in the
/// base's shards; its `model.weights` hold what is laid upon them. `lineage.base` names the base by its identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// How the base's parameters are changed.
    pub method: AdapterMethod,
    /// The versions of the base that it was made for, as people say it. What counts is `lineage.base`.
    #[schemars(with = "String")]
    pub requirement: VersionReq,
    /// The parameters that are changed, each once.
    pub updates: Vec<AdapterUpdate>,
}

/// How an adapter changes parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdapterMethod {
    /// A product of two small matrices is added: Hu et al., *LoRA*, 2021.
    Lora,
}

/// One parameter of the base and what is added to it: `scale · up · down`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdapterUpdate {
    /// The initializer of the base's graph.
    pub parameter: String,
    /// The tensor of the adapter's shards with `rank` rows, often called A.
    pub down: String,
    /// The tensor of the adapter's shards with `rank` columns, often called B.
    pub up: String,
    /// The rank of the product.
    pub rank: u64,
    /// What the product is multiplied by.
    pub scale: f64,
    /// Whether the parameter is kept as [in, out], so that the product has to be transposed.
    pub transposed: bool,
}
