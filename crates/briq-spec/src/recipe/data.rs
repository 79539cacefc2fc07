//! `[data]`: where the examples are and how they are read, split and normalised.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `[data]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DataSection {
    /// A CSV or TSV file, `.gz` or not, relative to `briq.toml`.
    pub path: PathBuf,
    /// Whether its first row holds the names of its columns.
    #[serde(default)]
    pub header: bool,
    /// How many lines stand before the header or the rows.
    #[serde(default)]
    pub skip_lines: usize,
    /// The column that is to be predicted; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelColumn>,
    /// Whether a class or a number is predicted.
    #[serde(default)]
    pub task: Task,
    /// The classes in order; absent for the sorted distinct values of the label column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// The shape of one example; absent for one dimension of all feature columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<usize>>,
    /// How features are normalised.
    #[serde(default)]
    pub normalize: Normalize,
    /// Over what the normalisation is learnt.
    #[serde(default)]
    pub normalize_per: NormalizePer,
    /// How the examples are shared out.
    #[serde(default)]
    pub split: SplitSection,
    /// The seed of the split.
    #[serde(default)]
    pub seed: u64,
}

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// A class.
    #[default]
    Classification,
    /// A number.
    Regression,
}

/// How features are normalised; the figures are learnt on the training part alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// To mean 0 and standard deviation 1.
    Standard,
    /// To the range from 0 to 1.
    MinMax,
    /// Not at all.
    #[default]
    None,
}

/// Over what the normalisation is learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NormalizePer {
    /// Each feature by itself.
    #[default]
    Feature,
    /// All features together, as for the pixels of an image.
    All,
}

/// The parts into which the examples are shared out, as fractions that add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SplitSection {
    /// What is trained on.
    pub train: f64,
    /// What training is steered by.
    #[serde(default)]
    pub validation: f64,
    /// What is kept for the final figures.
    #[serde(default)]
    pub test: f64,
}

impl Default for SplitSection {
    fn default() -> Self {
        Self { train: 0.7, validation: 0.15, test: 0.15 }
    }
}

/// The column that is to be predicted. A column called `first` or `last` is named by its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelColumn {
    /// The first column.
    First,
    /// The last column.
    Last,
    /// The column at a place, counted from 0.
    Index(usize),
    /// The column of a name; the data must have a header.
    Name(String),
}

impl Serialize for LabelColumn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::First => serializer.serialize_str("first"),
            Self::Last => serializer.serialize_str("last"),
            Self::Index(index) => index.serialize(serializer),
            Self::Name(name) => serializer.serialize_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for LabelColumn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LabelVisitor)
    }
}

struct LabelVisitor;

impl Visitor<'_> for LabelVisitor {
    type Value = LabelColumn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"first\", \"last\", the name or the index of a column")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<LabelColumn, E> {
        Ok(match text {
            "first" => LabelColumn::First,
            "last" => LabelColumn::Last,
            name => LabelColumn::Name(name.to_owned()),
        })
    }

    fn visit_i64<E: de::Error>(self, index: i64) -> Result<LabelColumn, E> {
        let index = usize::try_from(index).map_err(|_| E::custom("the index of a column is never below 0"))?;
        Ok(LabelColumn::Index(index))
    }

    fn visit_u64<E: de::Error>(self, index: u64) -> Result<LabelColumn, E> {
        usize::try_from(index).map(LabelColumn::Index).map_err(E::custom)
    }
}

impl JsonSchema for LabelColumn {
    fn schema_name() -> Cow<'static, str> {
        "LabelColumn".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The column that is to be predicted: \"first\", \"last\", its name, or its index from 0.",
            "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 0 }]
        })
    }
}
