//! Making a package anew from what it says of its making.
//!
//! A package that was trained holds its recipe, its seed, the digest of its data and the name of its base; one that was
//! imported, the digest of the file that it came from. What is not inside has to be brought: it is known by its digest, and
//! nothing else is taken for it.

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};

use briq_engine::golden;
use briq_graph::Graph;
use briq_package::{Draft, Package};
use briq_spec::Blake3Digest;
use briq_spec::manifest::{DataDigest, SourceFile};
use briq_spec::recipe::PackageSection;

use crate::backend::Backend;
use crate::cast::{ENVIRONMENT, TUNING, cast};
use crate::contents::entry;
use crate::error::{ModelError, ModelErrorKind};
use crate::import::{Imported, Origin, import_graph, onnx_graph};
use crate::loader;
use crate::project::{Environment, Project, Tuning};
use crate::train::Observer;

/// Folders within folders that are searched for a file.
const MAX_DEPTH: usize = 16;

/// What making a package anew takes besides the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed<'p> {
    /// The data that it was trained on, and the package that it was fine-tuned from, as `NAME@blake3:HEX`.
    Training {
        /// The data.
        data: &'p DataDigest,
        /// The base.
        base: Option<&'p str>,
    },
    /// The file that it was imported from.
    Source(&'p SourceFile),
}

/// What was brought for a training.
#[derive(Debug)]
pub struct Materials<'m> {
    /// The file, or a folder in which one has the digest that is wanted.
    pub data: &'m Path,
    /// The package that it was fine-tuned from.
    pub base: Option<&'m Package>,
    /// What computes; that of the first training where none is given.
    pub backend: Option<Backend>,
}

/// What a package says that its making took.
///
/// # Errors
/// When it says neither how it was trained nor what it was imported from, or is a variant of another package.
pub fn needed(package: &Package) -> Result<Needed<'_>, ModelError> {
    if let Some(of) = package.manifest().variant.as_ref().and_then(|variant| variant.of.as_ref()) {
        return Err(ModelError::invalid(format!("the package is a variant of {of}"))
            .advise("reproduce that one, and make the variant of it again with `briq variant`"));
    }
    let lineage = &package.manifest().lineage;
    if let (Some(_), [data]) = (&lineage.recipe, lineage.data.as_slice()) {
        return Ok(Needed::Training { data, base: lineage.base.as_deref() });
    }
    let nothing = || {
        ModelError::invalid("the package does not say how it was made")
            .advise("only what `briq pack` or `briq import` made can be made anew")
    };
    lineage.source.as_ref().map(Needed::Source).ok_or_else(nothing)
}

/// Trains again: the recipe, the seed and, unless another is chosen, the backend are those of the package.
///
/// The directory is an empty one that the training may use.
///
/// # Errors
/// When no file of the wanted digest was brought, or the base is another; when the backend is not available; as
/// [`Project::train`] and [`cast`].
pub fn retrain(
    package: &Package,
    materials: &Materials<'_>,
    directory: &Path,
    observer: &mut dyn Observer,
) -> Result<Draft, ModelError> {
    let Needed::Training { data, base } = needed(package)? else {
        return Err(ModelError::invalid("the package was imported, not trained"));
    };
    let lineage = &package.manifest().lineage;
    let recipe = lineage.recipe.as_ref().map(|path| package.text(path)).transpose();
    let recipe = recipe.map_err(|error| ModelError::invalid("the recipe cannot be read").because(error))?;
    let found = find(materials.data, &data.name, data.blake3)?;
    let base = base.map(|reference| checked(reference, materials.base)).transpose()?;
    let base = base.map(|base| Ok::<_, ModelError>((base, tuning(package, base)?))).transpose()?;
    let backend = materials.backend.map_or_else(|| first_backend(package), Ok)?;
    let mut project = Project::again(directory, recipe.unwrap_or_default(), &found, base)?;
    if let Some(seed) = lineage.seed {
        project.reseed(seed)?;
    }
    let outcome = project.train(backend, observer)?;
    cast(&project, &outcome)
}

/// Imports again. `file` is the file, or a folder that holds it; `keras` reads a network of Keras, which this crate does
/// not.
///
/// # Errors
/// When no file of the wanted digest was brought, or it takes more than the file: parameters of PyTorch and safetensors
/// need an architecture, which the package does not keep. As [`import_graph`].
pub fn reimport<E: Error + Send + Sync + 'static>(
    package: &Package,
    file: &Path,
    keras: impl Fn(&[u8]) -> Result<Graph, E>,
) -> Result<Imported, ModelError> {
    let Needed::Source(source) = needed(package)? else {
        return Err(ModelError::invalid("the package was trained, not imported"));
    };
    let path = find(file, &source.name, source.blake3)?;
    let bytes = std::fs::read(&path).map_err(|error| ModelError::io("read", &path, error))?;
    let graph = match source.framework.as_str() {
        "onnx" => onnx_graph(&path, &bytes)?,
        "keras" => keras(&bytes).map_err(|error| unread(&path).because(error))?,
        other => {
            let message =
                format!("an import of {other} cannot be repeated: the package does not keep the architecture");
            return Err(ModelError::new(ModelErrorKind::Unsupported, message)
                .advise("repeat `briq import` with its --architecture, and compare with `briq diff`"));
        }
    };
    let manifest = package.manifest();
    let section = PackageSection {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        description: manifest.description.clone(),
        license: manifest.license.clone(),
        authors: manifest.authors.clone(),
    };
    let labels = loader::labels(package)?.unwrap_or_default();
    import_graph(&graph, &Origin { package: &section, source: source.clone(), labels: &labels })
}

fn unread(path: &Path) -> ModelError {
    ModelError::invalid(format!("cannot import {}", path.display()))
}

/// How a package that was made anew compares with the first one.
#[derive(Debug, Clone, PartialEq)]
pub enum Likeness {
    /// It is the same, byte for byte.
    Identical,
    /// It answers the golden examples of the first one within their tolerance; the largest difference is this.
    Equivalent(f64),
    /// It does not, or there are none; the text says what was found.
    Different(String),
}

/// Compares a package that was made anew with the first one, by its golden examples where their bytes differ.
///
/// # Errors
/// When either cannot be loaded.
pub fn likeness(first: &Package, again: &Package) -> Result<Likeness, ModelError> {
    if first.digest() == again.digest() {
        return Ok(Likeness::Identical);
    }
    let expected = loader::load(first, Backend::Flex)?;
    if expected.golden.is_empty() {
        return Ok(Likeness::Different("the package has no golden examples to compare answers by".into()));
    }
    let model = briq_engine::LoadedModel {
        golden: expected.golden,
        tolerance: expected.tolerance,
        ..loader::load(again, Backend::Flex)?
    };
    Ok(match golden::replay(&model) {
        Ok(report) => Likeness::Equivalent(report.max_abs_error),
        Err(error) => Likeness::Different(error.to_string()),
    })
}

/// The base that was brought, if it is the one that is meant.
fn checked<'b>(reference: &str, base: Option<&'b Package>) -> Result<&'b Package, ModelError> {
    let base = base.ok_or_else(|| ModelError::not_found(format!("the base {reference} is missing")))?;
    if reference.ends_with(&base.digest().to_string()) {
        return Ok(base);
    }
    let manifest = base.manifest();
    let other = format!("{}@{}", manifest.name, base.digest());
    Err(ModelError::invalid(format!("the package was fine-tuned from {reference}, not from {other}")))
}

/// How the package was fine-tuned. Packages that do not say it have another head where its width differs.
fn tuning(package: &Package, base: &Package) -> Result<Tuning, ModelError> {
    let path = entry(TUNING);
    if package.manifest().entry(&path).is_some() {
        return json(package, TUNING);
    }
    let (own, theirs) = (package.manifest(), base.manifest());
    let width =
        |signature: &briq_spec::Signature| signature.outputs.first().and_then(|output| output.shape.last().copied());
    let replace_head = width(&own.signature) != width(&theirs.signature);
    Ok(Tuning { freeze: own.lineage.frozen.clone(), replace_head })
}

/// The backend that the package was trained on.
fn first_backend(package: &Package) -> Result<Backend, ModelError> {
    let environment: Environment = json(package, ENVIRONMENT)?;
    environment.backend.parse::<Backend>().map_err(|error| {
        let message = format!("the package was trained on `{}`", environment.backend);
        ModelError::new(ModelErrorKind::Backend, message).because(error)
    })
}

fn json<T: serde::de::DeserializeOwned>(package: &Package, path: &str) -> Result<T, ModelError> {
    let unreadable = || format!("{path} of the package cannot be read");
    let bytes = package.read(&entry(path)).map_err(|error| ModelError::invalid(unreadable()).because(error))?;
    serde_json::from_slice(bytes).map_err(|error| ModelError::invalid(unreadable()).because(error))
}

/// The absolute path of the file of this digest: `place` itself, or one below it, first those that have the name.
fn find(place: &Path, name: &str, digest: Blake3Digest) -> Result<PathBuf, ModelError> {
    let mut files = Vec::new();
    list(place, MAX_DEPTH, &mut files)?;
    files.sort_by_key(|path| (path.file_name().is_none_or(|own| own != name), path.clone()));
    for path in &files {
        if digest_of(path)? == digest {
            // The project that reads it lives elsewhere.
            return std::path::absolute(path).map_err(|error| ModelError::io("find", path, error));
        }
    }
    let message = match place.is_dir() {
        true => format!("no file in {} is {name} with {digest}", place.display()),
        false => format!("{} is not {name} with {digest}", place.display()),
    };
    let kind = if files.is_empty() { ModelErrorKind::NotFound } else { ModelErrorKind::Invalid };
    Err(ModelError::new(kind, message).advise("name the file, or the folder that holds it, with --data"))
}

/// The files at or below a place. What is no file, no folder and no link to a file is passed over.
fn list(place: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ModelError> {
    let failed = |error| ModelError::io("read", place, error);
    if std::fs::metadata(place).map_err(failed)?.is_file() {
        files.push(place.to_owned());
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    for found in std::fs::read_dir(place).map_err(failed)? {
        let found = found.map_err(failed)?;
        let kind = found.file_type().map_err(failed)?;
        if kind.is_dir() || found.path().is_file() {
            list(&found.path(), if kind.is_dir() { depth - 1 } else { 1 }, files)?;
        }
    }
    Ok(())
}

fn digest_of(path: &Path) -> Result<Blake3Digest, ModelError> {
    let mut hasher = blake3::Hasher::new();
    let read = File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ()));
    read.map_err(|error| ModelError::io("read", path, error))?;
    Ok(Blake3Digest::from_bytes(*hasher.finalize().as_bytes()))
}
