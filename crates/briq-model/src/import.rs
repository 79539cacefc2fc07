//! Importing: from an ONNX file of another framework to the contents of a package.

use std::path::Path;

use briq_engine::{Engine as _, Tensor, TensorSpec};
use briq_graph::{Data, Graph, Initializer};
use briq_package::Draft;
use briq_spec::manifest::{FORMAT, Golden, Lineage, Manifest, ModelInfo};
use briq_spec::recipe::{GoldenSection, PackageSection};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::backend::Backend;
use crate::contents::{
    Contents, GOLDEN_INPUTS, GOLDEN_OUTPUTS, LABELS, Recording, STRUCTURE, datatype, entry, signature,
};
use crate::engine::BurnEngine;
use crate::error::ModelError;
use crate::provenance;

/// Tensors of at least so many bytes go into shards; smaller ones stay in the structure.
const SHARDED_BYTES: usize = 1024;

/// Examples that an import records, by random inputs.
const EXAMPLES: usize = 4;

/// What an import gives.
pub struct Imported {
    /// Ready to be written.
    pub draft: Draft,
    /// Why there are no golden examples, where there are none: such a package passes no proof when it is deployed.
    pub unproven: Option<String>,
}

/// Casts an ONNX file into a draft. External data is read from beside the file.
///
/// Golden examples are recorded on the CPU default, on seeded random inputs, where every input is a tensor of `f32`
/// whose only open dimension is the first.
///
/// # Errors
/// When the file is not a model that can be carried, or uses an operator that does not run.
pub fn import_onnx(source: &Path, package: &PackageSection, labels: &[String]) -> Result<Imported, ModelError> {
    let bytes = std::fs::read(source).map_err(|error| ModelError::io("read", source, error))?;
    let mut graph = briq_graph::onnx::decode(&bytes)?;
    inline_external(&mut graph, source.parent().unwrap_or(Path::new(".")))?;
    let engine = BurnEngine::new(&graph, Backend::Flex, |unset| Err(ModelError::no_such_value(&unset.name)))?;
    let mut contents = Contents::default();
    contents.network(&graph, &sharded(&graph))?;
    if !labels.is_empty() {
        contents.json(LABELS, &labels)?;
    }
    let proof = record(&mut contents, &engine)?;
    contents.text("README.md", card(&graph, package, source));
    let manifest = manifest(package, &graph, &contents, proof.as_ref().ok().copied())?;
    let mut draft = contents.draft(manifest)?;
    draft.record_build(provenance::import(source, &bytes));
    Ok(Imported { draft, unproven: proof.err() })
}

/// Brings the bytes of external initializers into the graph.
fn inline_external(graph: &mut Graph, directory: &Path) -> Result<(), ModelError> {
    let mut files = std::collections::HashMap::new();
    for initializer in &mut graph.initializers {
        let Data::External { location, offset, length } = &initializer.data else { continue };
        let path = directory.join(location);
        if !files.contains_key(&path) {
            let bytes = std::fs::read(&path).map_err(|error| ModelError::io("read", &path, error))?;
            files.insert(path.clone(), bytes);
        }
        let range = usize::try_from(*offset).ok().zip(usize::try_from(*length).ok());
        let slice = range.and_then(|(start, length)| files[&path].get(start..start.checked_add(length)?));
        let outside = || ModelError::invalid(format!("tensor `{}` lies outside {location}", initializer.name));
        initializer.data = Data::Inline(slice.ok_or_else(outside)?.to_vec());
    }
    Ok(())
}

fn sharded(graph: &Graph) -> Vec<&str> {
    let large = |initializer: &&Initializer| initializer.byte_length() >= SHARDED_BYTES;
    graph.initializers.iter().filter(large).map(|initializer| initializer.name.as_str()).collect()
}

/// Records golden examples and says how many; the inner error says why there can be none.
fn record(contents: &mut Contents, engine: &BurnEngine) -> Result<Result<u64, String>, ModelError> {
    let inputs: Result<Vec<Tensor>, String> = engine.inputs().iter().map(random).collect();
    let inputs = match inputs {
        Ok(inputs) => inputs,
        Err(reason) => return Ok(Err(reason)),
    };
    let answered = briq_engine::infer_checked(engine, inputs.clone());
    let outputs = answered.map_err(|error| ModelError::invalid("the network does not answer").because(error))?;
    if let Some(other) = outputs.iter().find(|tensor| tensor.datatype != briq_engine::DataType::Fp32) {
        return Ok(Err(format!("output `{}` is {}", other.name, other.datatype)));
    }
    let rows = inputs.first().and_then(|tensor| tensor.shape.first()).copied();
    let (Some(rows), true) = (rows, outputs.iter().all(|tensor| tensor.shape.first().copied() == rows)) else {
        return Ok(Err("the outputs are not one row for each example".into()));
    };
    contents.recordings(GOLDEN_INPUTS, &recordings(&inputs)?)?;
    contents.recordings(GOLDEN_OUTPUTS, &recordings(&outputs)?)?;
    Ok(Ok(rows as u64))
}

fn random(spec: &TensorSpec) -> Result<Tensor, String> {
    if spec.datatype != briq_engine::DataType::Fp32 {
        return Err(format!("input `{}` is {}", spec.name, spec.datatype));
    }
    let mut shape = Vec::with_capacity(spec.shape.len());
    for (axis, &length) in spec.shape.iter().enumerate() {
        let open = format!("dimension {axis} of input `{}` is open", spec.name);
        shape.push(if axis == 0 && length < 0 { EXAMPLES } else { usize::try_from(length).map_err(|_| open)? });
    }
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.random_range(-1.0..=1.0)).collect();
    Ok(Tensor::from_f32(&spec.name, &shape, &values))
}

fn recordings(tensors: &[Tensor]) -> Result<Vec<Recording<'_>>, ModelError> {
    tensors.iter().map(recording).collect()
}

fn recording(tensor: &Tensor) -> Result<Recording<'_>, ModelError> {
    let values = tensor.as_f32().map_err(|error| ModelError::invalid("cannot record").because(error))?;
    Ok(Recording { name: &tensor.name, shape: tensor.shape.clone(), values })
}

fn card(graph: &Graph, package: &PackageSection, source: &Path) -> String {
    let file = source.file_name().unwrap_or_default().to_string_lossy();
    let description = package.description.as_deref().unwrap_or("A network that was imported.");
    let summary = graph.summary().map(|text| format!("\n## Network\n\n```text\n{text}\n```\n")).unwrap_or_default();
    format!(
        "# {} {}\n\n{description}\n\nImported from `{file}`, ONNX opset {}.\n{summary}",
        package.name, package.version, graph.opset
    )
}

fn manifest(
    package: &PackageSection,
    graph: &Graph,
    contents: &Contents,
    examples: Option<u64>,
) -> Result<Manifest, ModelError> {
    let weights = graph.initializers.iter().filter(|initializer| initializer.element.is_float());
    let largest = weights.clone().max_by_key(|initializer| initializer.count());
    Ok(Manifest {
        format: FORMAT,
        name: package.name.clone(),
        version: package.version.clone(),
        description: package.description.clone(),
        license: package.license.clone(),
        authors: package.authors.clone(),
        signature: signature(graph)?,
        model: ModelInfo {
            structure: entry(STRUCTURE),
            weights: contents.shards(),
            parameters: weights.map(|initializer| initializer.count() as u64).sum(),
            datatype: largest.map_or(Ok(briq_spec::DataType::Fp32), |initializer| datatype(initializer.element))?,
            opset: graph.opset,
        },
        labels: contents.has(LABELS).then(|| entry(LABELS)),
        golden: examples.map(|examples| Golden {
            inputs: entry(GOLDEN_INPUTS),
            outputs: entry(GOLDEN_OUTPUTS),
            examples,
            tolerances: GoldenSection::default().tolerances,
        }),
        metrics: std::collections::BTreeMap::new(),
        lineage: Lineage::default(),
        entries: Vec::new(),
    })
}
