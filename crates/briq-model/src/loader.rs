//! From a package to a network that answers: what a server calls to load a version.

use std::collections::HashMap;
use std::ops::Range;

use briq_engine::{EngineError, GoldenExample, LoadedModel, Tensor, Tolerance};
use briq_graph::{Data, Graph, Initializer, weights};
use briq_package::{Package, PackageError, Shared};
use briq_spec::EntryPath;
use briq_spec::manifest::{Golden, Manifest};
use briq_spec::recipe::GoldenSection;

use crate::adapter::{self, Layered};
use crate::backend::Backend;
use crate::engine::{BurnEngine, datatype};
use crate::error::{ModelError, ModelErrorKind};
use crate::network::Stored;
use crate::optimization::Optimization;
use crate::value::Mapped;

/// Loads a package on a backend, with its labels, golden examples and the tolerance for that backend.
///
/// Weights are read from the memory map of the package, each entry verified before its first use. An adapter is handed
/// over with its base, as [`Layered`]; the parameters that it changes are computed here, the others stay in the base's map.
///
/// # Errors
/// When an entry does not match its digest, the structure is not a graph that can run here, or the
/// backend is not available; when the base of an adapter is missing, another one, or does not fit.
pub fn load<'p>(package: impl Into<Layered<'p>>, backend: Backend) -> Result<LoadedModel, ModelError> {
    let layered = package.into();
    let package = layered.package;
    let manifest = package.manifest();
    Ok(LoadedModel {
        name: manifest.name.short().to_owned(),
        version: manifest.version.to_string(),
        digest: package.digest().to_string(),
        engine: Box::new(engine(layered, backend)?),
        labels: labels(package)?,
        golden: golden(package)?,
        tolerance: tolerance(manifest, backend),
    })
}

/// Puts the network of a package on a backend.
///
/// # Errors
/// As [`load`].
pub fn engine<'p>(package: impl Into<Layered<'p>>, backend: Backend) -> Result<BurnEngine, ModelError> {
    optimized(package, backend, &Optimization::default())
}

/// [`engine`], with a choice of what is done to the graph before it runs.
///
/// # Errors
/// As [`load`].
pub fn optimized<'p>(
    package: impl Into<Layered<'p>>,
    backend: Backend,
    optimization: &Optimization,
) -> Result<BurnEngine, ModelError> {
    let layered = package.into();
    let below = layered.below()?;
    let mut graph = structure(layered.package)?;
    let mut shared: HashMap<&str, Shared> = HashMap::new();
    for path in &below.manifest().model.weights {
        shared.insert(path.as_str(), below.share(path).map_err(|error| unreadable(path, error))?);
    }
    if let Some(adapter) = &layered.package.manifest().adapter {
        let own = shards(layered.package)?;
        adapter::apply(&mut graph, adapter, own.into_values(), |initializer| mapped(&shared, initializer))?;
    }
    let engine = BurnEngine::optimized(&graph, backend, optimization, |initializer| mapped(&shared, initializer));
    // What was packed or copied is not read again; what was not comes back page by page.
    shared.values().for_each(Shared::release);
    engine
}

/// The bytes of each shard, by its path.
pub(crate) type Shards<'p> = HashMap<&'p str, &'p [u8]>;

pub(crate) fn shards(package: &Package) -> Result<Shards<'_>, ModelError> {
    let paths = package.manifest().model.weights.iter();
    paths.map(|path| Ok((path.as_str(), read(package, path)?))).collect()
}

/// The graph of a package; its tensors stay in the shards.
///
/// # Errors
/// When `model.onnx` does not match its digest or is not a graph.
pub fn structure(package: &Package) -> Result<Graph, ModelError> {
    let bytes = read(package, &package.manifest().model.structure)?;
    Ok(briq_graph::onnx::decode(bytes)?)
}

/// The graph of a package with all of its tensors in it.
pub(crate) fn whole(package: &Package) -> Result<Graph, ModelError> {
    Layered::from(package).below()?;
    let mut graph = structure(package)?;
    let shards = shards(package)?;
    for initializer in &mut graph.initializers {
        if matches!(initializer.data, Data::External { .. }) {
            initializer.data = Data::Inline(slice(&shards, initializer)?.to_vec());
        }
    }
    Ok(graph)
}

fn read<'p>(package: &'p Package, path: &EntryPath) -> Result<&'p [u8], ModelError> {
    package.read(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &EntryPath, error: PackageError) -> ModelError {
    ModelError::new(ModelErrorKind::Io, format!("cannot read {path} of the package")).because(error)
}

/// The bytes of a tensor, wherever its shard has them.
pub(crate) fn slice<'p>(shards: &Shards<'p>, initializer: &Initializer) -> Result<&'p [u8], ModelError> {
    part(shards, initializer, |shard, range| shard.get(range))
}

/// The bytes of a tensor, where they stay mapped.
fn mapped<'a>(shards: &HashMap<&str, Shared>, initializer: &Initializer) -> Result<Stored<'a>, ModelError> {
    part(shards, initializer, |shard, range| Mapped::new(shard.clone(), range)).map(Stored::Mapped)
}

/// The part of a shard that is a tensor's, as `cut` takes it out.
fn part<S, T>(
    shards: &HashMap<&str, S>,
    initializer: &Initializer,
    cut: impl FnOnce(&S, Range<usize>) -> Option<T>,
) -> Result<T, ModelError> {
    let missing = |reason: String| ModelError::invalid(format!("parameter `{}` {reason}", initializer.name));
    let Data::External { location, offset, length } = &initializer.data else {
        return Err(missing("has no value".into()));
    };
    let shard =
        shards.get(location.as_str()).ok_or_else(|| missing(format!("lies in {location}, which is no shard")))?;
    let range = usize::try_from(*offset).ok().zip(usize::try_from(*length).ok());
    let range = range.and_then(|(start, length)| Some(start..start.checked_add(length)?));
    range.and_then(|range| cut(shard, range)).ok_or_else(|| missing(format!("lies outside {location}")))
}

/// The labels of a package, in the order of the outputs.
///
/// # Errors
/// When the entry does not match its digest or is no list of strings.
pub fn labels(package: &Package) -> Result<Option<Vec<String>>, ModelError> {
    let Some(path) = &package.manifest().labels else { return Ok(None) };
    let labels = serde_json::from_slice(read(package, path)?);
    labels.map(Some).map_err(|error| ModelError::invalid(format!("{path} is no list of labels")).because(error))
}

fn tolerance(manifest: &Manifest, backend: Backend) -> Tolerance {
    let stated = manifest.golden.as_ref().and_then(|golden| golden.tolerances.get(backend.class()));
    let default = || GoldenSection::default().tolerances.get(backend.class()).copied();
    stated.copied().or_else(default).map_or_else(Tolerance::default, |tolerance| Tolerance {
        absolute: tolerance.absolute,
        relative: tolerance.relative,
    })
}

/// The golden examples as one batch: every backend answers them in a single run.
fn golden(package: &Package) -> Result<Vec<GoldenExample>, ModelError> {
    let Some(Golden { inputs, outputs, examples, .. }) = &package.manifest().golden else { return Ok(Vec::new()) };
    let example = GoldenExample { inputs: recording(package, inputs)?, outputs: recording(package, outputs)? };
    let batch = |tensor: &Tensor| tensor.shape.first().is_some_and(|&rows| rows as u64 == *examples);
    if example.outputs.is_empty() || !example.outputs.iter().all(batch) {
        return Err(ModelError::invalid(format!("{outputs} does not hold {examples} golden examples")));
    }
    Ok(vec![example])
}

fn recording(package: &Package, path: &EntryPath) -> Result<Vec<Tensor>, ModelError> {
    let bytes = read(package, path)?;
    let tensor = |placed: weights::Placed| {
        let data = range(bytes, &placed).ok_or_else(|| ModelError::invalid(format!("{path} is truncated")))?;
        let unknown = || ModelError::invalid(format!("{path} holds {}", placed.element));
        let datatype = datatype(placed.element).ok_or_else(unknown)?;
        Tensor::new(&placed.name, datatype, &placed.shape, data.to_vec())
            .map_err(|error: EngineError| ModelError::invalid(format!("{path} is no recording")).because(error))
    };
    weights::read(bytes)?.into_iter().map(tensor).collect()
}

fn range<'b>(bytes: &'b [u8], placed: &weights::Placed) -> Option<&'b [u8]> {
    let start = usize::try_from(placed.offset).ok()?;
    bytes.get(start..start.checked_add(usize::try_from(placed.length).ok()?)?)
}
