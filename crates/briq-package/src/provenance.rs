//! The provenance statement of a package, from its manifest and what is known of its making.

use std::collections::BTreeMap;

use briq_spec::Manifest;
use briq_spec::provenance::{
    BuildDefinition, Builder, PREDICATE_TYPE, PROVENANCE_ENTRY, Provenance, Resource, RunDetails, STATEMENT_TYPE,
    Statement,
};

use crate::error::{Fault, PackageError};
use crate::package::Package;

/// Where the types of builds are explained.
const BUILD_TYPES: &str = "https://github.com/briq-ml/briq/blob/main/docs/src/signing.md";

/// What is known of how a package was made, beyond its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Build {
    /// How it was made.
    pub kind: BuildKind,
    /// What the machine brought with it, such as `backend` and `platform`.
    pub surroundings: BTreeMap<String, String>,
    /// Files that it was made from and that the manifest does not know.
    pub materials: Vec<Resource>,
    /// The version of each program and library that took part, such as `briq`.
    pub versions: BTreeMap<String, String>,
}

/// How a package was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BuildKind {
    /// Trained by a recipe.
    #[default]
    Training,
    /// Imported from a file of another framework.
    Import,
    /// Made from another package of the same version.
    Variant,
}

impl BuildKind {
    fn uri(self) -> String {
        let name = match self {
            Self::Training => "training",
            Self::Import => "import",
            Self::Variant => "variant",
        };
        format!("{BUILD_TYPES}#{name}-v1")
    }
}

/// The statement about a manifest with all its entries but the statement itself.
///
/// It holds no time: the same build gives the same statement.
pub(crate) fn statement(manifest: &Manifest, build: &Build) -> Statement {
    let model = &manifest.model;
    let subject = std::iter::once(&model.structure).chain(&model.weights).filter_map(|path| manifest.entry(path));
    Statement {
        kind: STATEMENT_TYPE.to_owned(),
        subject: subject.map(Resource::of_entry).collect(),
        predicate_type: PREDICATE_TYPE.to_owned(),
        predicate: Provenance {
            build_definition: BuildDefinition {
                build_type: build.kind.uri(),
                external_parameters: parameters(manifest),
                internal_parameters: build.surroundings.clone(),
                resolved_dependencies: dependencies(manifest, build),
            },
            run_details: RunDetails {
                builder: Builder { id: env!("CARGO_PKG_REPOSITORY").to_owned(), version: build.versions.clone() },
            },
        },
    }
}

fn parameters(manifest: &Manifest) -> BTreeMap<String, String> {
    let named = [("name", manifest.name.to_string()), ("version", manifest.version.to_string())];
    let seed = manifest.lineage.seed.map(|seed| ("seed", seed.to_string()));
    named.into_iter().chain(seed).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Data, recipe, base and imported files, in this order.
fn dependencies(manifest: &Manifest, build: &Build) -> Vec<Resource> {
    let lineage = &manifest.lineage;
    let data = lineage.data.iter().map(|data| Resource::new(&data.name, [("blake3", data.blake3.to_hex())]));
    let recipe = lineage.recipe.iter().filter_map(|path| manifest.entry(path)).map(Resource::of_entry);
    let base = lineage.base.iter().map(|base| match base.split_once("@blake3:") {
        Some((name, digest)) => Resource::new(name, [("blake3", digest.to_owned())]),
        None => Resource::new(base, []),
    });
    data.chain(recipe).chain(base).chain(build.materials.iter().cloned()).collect()
}

impl Package {
    /// The provenance statement, where the package has one; compared with the files that it is about.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is about other files.
    pub fn provenance(&self) -> Result<Option<Statement>, PackageError> {
        let path = PROVENANCE_ENTRY.parse().expect("the literal is a legal path");
        if self.manifest().entry(&path).is_none() {
            return Ok(None);
        }
        let statement = Statement::from_json(self.read(&path)?);
        let checked = statement.and_then(|statement| statement.check(self.manifest()).map(|()| statement));
        checked
            .map(Some)
            .map_err(|source| self.explain("read provenance of", Fault::provenance(source).in_entry(&path)))
    }
}
