//! Where a package comes from, as a tree: what each was made of, down to the first that started from nothing.

use std::fmt;

use semver::Version;
use serde::Serialize;

use crate::digest::Blake3Digest;
use crate::manifest::{DataDigest, Manifest, SourceFile};

/// A chain of bases is followed so far. It cannot be a circle: each digest covers the one below it.
pub const MAX_GENERATIONS: usize = 64;

/// A package with all that it was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ancestry {
    /// Its name.
    pub name: String,
    /// Its version, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Its identity.
    pub digest: String,
    /// Whether it was found, so that what it was made of is known.
    pub found: bool,
    /// The data that it was trained on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataDigest>,
    /// The entry that holds its recipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// The seed of its training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The file of another framework that it was imported from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceFile>,
    /// The package of the same version that it is a variant of, as `NAME@blake3:HEX`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant_of: Option<String>,
    /// Patterns over the names of parameters that are as in the base.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<String>,
    /// What it was fine-tuned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Box<Ancestry>>,
}

impl Ancestry {
    /// The tree of a package. `find` looks up a base by its identity; what it does not find ends the tree, named.
    pub fn of(
        manifest: &Manifest,
        digest: Blake3Digest,
        find: &mut impl FnMut(&Blake3Digest) -> Option<Manifest>,
    ) -> Self {
        Self::generation(manifest, digest, find, MAX_GENERATIONS)
    }

    fn generation(
        manifest: &Manifest,
        digest: Blake3Digest,
        find: &mut impl FnMut(&Blake3Digest) -> Option<Manifest>,
        left: usize,
    ) -> Self {
        let lineage = &manifest.lineage;
        let base = lineage.base.as_deref().and_then(|base| base.split_once('@')).map(|(name, digest)| {
            let known = digest.parse().ok().filter(|_| left > 0);
            let found = known.and_then(|digest| Some((find(&digest)?, digest)));
            match found {
                Some((base, digest)) => Self::generation(&base, digest, find, left - 1),
                None => Self::missing(name, lineage.base_version.as_ref(), digest),
            }
        });
        Self {
            name: manifest.name.to_string(),
            version: Some(manifest.version.clone()),
            digest: digest.to_string(),
            found: true,
            data: lineage.data.clone(),
            recipe: lineage.recipe.as_ref().map(ToString::to_string),
            seed: lineage.seed,
            source: lineage.source.clone(),
            variant_of: manifest.variant.as_ref().and_then(|variant| variant.of.clone()),
            frozen: lineage.frozen.clone(),
            base: base.map(Box::new),
        }
    }

    fn missing(name: &str, version: Option<&Version>, digest: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.cloned(),
            digest: digest.to_owned(),
            found: false,
            data: Vec::new(),
            recipe: None,
            seed: None,
            source: None,
            variant_of: None,
            frozen: Vec::new(),
            base: None,
        }
    }

    fn title(&self) -> String {
        let version = self.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        let absent = if self.found { "" } else { "  (not here)" };
        format!("{}{version}  {}{absent}", self.name, self.digest)
    }

    /// What it was made of, but for the base: a word and a text each.
    fn materials(&self) -> Vec<(&'static str, String)> {
        let data = self.data.iter().map(|data| ("data", format!("{}, {} rows, {}", data.name, data.rows, data.blake3)));
        let seed = self.seed.map(|seed| format!(", seed {seed}")).unwrap_or_default();
        let recipe = self.recipe.iter().map(|path| ("recipe", format!("{path}{seed}")));
        let source = self
            .source
            .iter()
            .map(|source| ("source", format!("{} ({}), {}", source.name, source.framework, source.blake3)));
        let frozen = (!self.frozen.is_empty()).then(|| ("frozen", self.frozen.join(", ")));
        let variant = self.variant_of.iter().map(|of| ("variant", format!("of {of}")));
        variant.chain(data).chain(recipe).chain(source).chain(frozen).collect()
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        let materials = self.materials();
        for (place, (word, text)) in materials.iter().enumerate() {
            let last = place + 1 == materials.len() && self.base.is_none();
            writeln!(f, "{indent}{} {word:7} {text}", if last { "└─" } else { "├─" })?;
        }
        let Some(base) = &self.base else { return Ok(()) };
        writeln!(f, "{indent}└─ {:7} {}", "base", base.title())?;
        base.write(f, &format!("{indent}   "))
    }
}

impl fmt::Display for Ancestry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title())?;
        self.write(f, "")
    }
}
