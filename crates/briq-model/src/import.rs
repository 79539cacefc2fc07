//! Importing: from a graph of another framework to the contents of a package.

use std::path::Path;

use briq_engine::Engine as _;
use briq_graph::{Data, Graph, Initializer};
use briq_package::Draft;
use briq_spec::manifest::{FORMAT, Golden, Lineage, Manifest, ModelInfo, SourceFile};
use briq_spec::recipe::{GoldenSection, PackageSection};

use crate::backend::Backend;
use crate::contents::{Contents, GOLDEN_INPUTS, GOLDEN_OUTPUTS, LABELS, STRUCTURE, datatype, entry, signature};
use crate::engine::BurnEngine;
use crate::error::{ModelError, ModelErrorKind};
use crate::{provenance, sample};

/// Tensors of at least so many bytes go into shards; smaller ones stay in the structure.
const SHARDED_BYTES: usize = 1024;

/// What an import gives.
pub struct Imported {
    /// Ready to be written.
    pub draft: Draft,
    /// Why there are no golden examples, where there are none: such a package passes no proof when it is deployed.
    pub unproven: Option<String>,
}

/// What is said of a network that was imported.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    /// Name, version and the like.
    pub package: &'a PackageSection,
    /// The file that it came from.
    pub source: SourceFile,
    /// The names of the classes, in the order of the output; may be empty.
    pub labels: &'a [String],
}

/// Casts an ONNX file into a draft. External data is read from beside the file.
///
/// # Errors
/// As [`import_graph`]; and when the file cannot be read or is no ONNX model.
pub fn import_onnx(file: &Path, package: &PackageSection, labels: &[String]) -> Result<Imported, ModelError> {
    let bytes = std::fs::read(file).map_err(|error| ModelError::io("read", file, error))?;
    let source = source_file("onnx", file, &bytes);
    import_graph(&onnx_graph(file, &bytes)?, &Origin { package, source, labels })
}

/// The graph of an ONNX file, with what lies beside it.
pub(crate) fn onnx_graph(file: &Path, bytes: &[u8]) -> Result<Graph, ModelError> {
    let mut graph = briq_graph::onnx::decode(bytes)?;
    inline_external(&mut graph, file.parent().unwrap_or(Path::new(".")))?;
    Ok(graph)
}

/// The file of another framework, as the lineage of a package names it.
#[must_use]
pub fn source_file(framework: &str, file: &Path, bytes: &[u8]) -> SourceFile {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let blake3 = briq_spec::Blake3Digest::from_bytes(*blake3::hash(bytes).as_bytes());
    SourceFile { framework: framework.to_owned(), name, blake3 }
}

/// Casts a graph, whose tensors are all in place, into a draft.
///
/// Golden examples are recorded on the CPU default, on seeded random inputs, where every input is a tensor of `f32`, or
/// of integers that index a table of known length, and no dimension but the first is open.
///
/// # Errors
/// When the graph cannot be carried, or uses operators that do not run: the error names all of them.
pub fn import_graph(graph: &Graph, origin: &Origin<'_>) -> Result<Imported, ModelError> {
    check_operators(graph)?;
    let engine = BurnEngine::new(graph, Backend::Flex, |unset| Err(ModelError::no_such_value(&unset.name)))?;
    let mut contents = Contents::default();
    contents.network(graph, &sharded(graph))?;
    if !origin.labels.is_empty() {
        contents.json(LABELS, &origin.labels)?;
    }
    let proof = record(&mut contents, graph, &engine)?;
    contents.text("README.md", card(graph, origin));
    let manifest = manifest(origin, graph, &contents, proof.as_ref().ok().copied())?;
    let mut draft = contents.draft(manifest)?;
    draft.record_build(provenance::import(&origin.source));
    Ok(Imported { draft, unproven: proof.err() })
}

/// Refuses a graph with operators that do not run, all of them at once.
fn check_operators(graph: &Graph) -> Result<(), ModelError> {
    let unknown = |node: &&briq_graph::Node| crate::operator::find(&node.domain, &node.operator).is_none();
    let name = |node: &briq_graph::Node| match node.domain.as_str() {
        "" => node.operator.clone(),
        domain => format!("{domain}.{}", node.operator),
    };
    let names: std::collections::BTreeSet<String> = graph.nodes.iter().filter(unknown).map(name).collect();
    if names.is_empty() {
        return Ok(());
    }
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    Err(ModelError::new(ModelErrorKind::Unsupported, format!("the network uses operators that do not run: {names}"))
        .advise("export it with other options, or from its inference form, so that it consists of standard operators"))
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

/// The tensors of a graph that go into shards.
pub(crate) fn sharded(graph: &Graph) -> Vec<&str> {
    let large = |initializer: &&Initializer| initializer.byte_length() >= SHARDED_BYTES;
    graph.initializers.iter().filter(large).map(|initializer| initializer.name.as_str()).collect()
}

/// Records golden examples and says how many; the inner error says why there can be none.
pub(crate) fn record(
    contents: &mut Contents,
    graph: &Graph,
    engine: &BurnEngine,
) -> Result<Result<u64, String>, ModelError> {
    let inputs = match sample::inputs(graph, engine.inputs()) {
        Ok(inputs) => inputs,
        Err(reason) => return Ok(Err(reason)),
    };
    let answered = briq_engine::infer_checked(engine, inputs.clone());
    let outputs = answered.map_err(|error| ModelError::invalid("the network does not answer").because(error))?;
    let rows = inputs.first().and_then(|tensor| tensor.shape.first()).copied();
    let (Some(rows), true) = (rows, outputs.iter().all(|tensor| tensor.shape.first().copied() == rows)) else {
        return Ok(Err("the outputs are not one row for each example".into()));
    };
    if let Some(other) = inputs.iter().chain(&outputs).find(|tensor| !Contents::can_record(tensor)) {
        return Ok(Err(format!("`{}` is {}", other.name, other.datatype)));
    }
    contents.tensors(GOLDEN_INPUTS, &inputs)?;
    contents.tensors(GOLDEN_OUTPUTS, &outputs)?;
    Ok(Ok(rows as u64))
}

fn card(graph: &Graph, origin: &Origin<'_>) -> String {
    let (package, source) = (origin.package, &origin.source);
    let description = package.description.as_deref().unwrap_or("A network that was imported.");
    let summary = graph.summary().map(|text| format!("\n## Network\n\n```text\n{text}\n```\n")).unwrap_or_default();
    format!(
        "# {} {}\n\n{description}\n\nImported from `{}` ({}), ONNX opset {}.\n{summary}",
        package.name, package.version, source.name, source.framework, graph.opset
    )
}

fn manifest(
    origin: &Origin<'_>,
    graph: &Graph,
    contents: &Contents,
    examples: Option<u64>,
) -> Result<Manifest, ModelError> {
    let package = origin.package;
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
        adapter: None,
        variant: None,
        labels: contents.has(LABELS).then(|| entry(LABELS)),
        golden: examples.map(golden),
        metrics: std::collections::BTreeMap::new(),
        lineage: Lineage { source: Some(origin.source.clone()), ..Lineage::default() },
        entries: Vec::new(),
    })
}

/// Golden examples that were recorded, with the usual tolerances.
pub(crate) fn golden(examples: u64) -> Golden {
    Golden {
        inputs: entry(GOLDEN_INPUTS),
        outputs: entry(GOLDEN_OUTPUTS),
        examples,
        tolerances: GoldenSection::default().tolerances,
    }
}
