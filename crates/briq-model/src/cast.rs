//! Casting: from a trained project to the contents of a package.

use std::collections::BTreeMap;

use briq_engine::Engine as _;
use briq_graph::layers::Network as Layers;
use briq_graph::{ElementType, Graph, Initializer, weights};
use briq_package::Draft;
use briq_spec::manifest::{DataDigest, FORMAT, Golden, Lineage, Manifest, ModelInfo};
use briq_spec::{DataType, EntryPath, Signature, TensorSpec};

use crate::backend::Backend;
use crate::engine::BurnEngine;
use crate::error::ModelError;
use crate::picture;
use crate::project::{Outcome, Project};
use crate::train::HostParameters;

/// A shard's largest size: small enough to be pushed and pulled in parallel, large enough to stay under 400 layers.
const SHARD_BYTES: u64 = 256 << 20;

const STRUCTURE: &str = "model.onnx";
const LABELS: &str = "assets/labels.json";
const RECIPE: &str = "train/briq.toml";
const GOLDEN_INPUTS: &str = "golden/inputs.safetensors";
const GOLDEN_OUTPUTS: &str = "golden/outputs.safetensors";

/// Casts what training gave into a draft that is ready to be written.
///
/// The draft is a function of recipe, data and trained parameters: casting twice gives the same bytes.
///
/// # Errors
/// When the network cannot be written as ONNX, or does not answer its golden examples.
pub fn cast(project: &Project, outcome: &Outcome) -> Result<Draft, ModelError> {
    let mut contents = Contents::default();
    let graph = contents.network(&project.layers, &outcome.trained.parameters)?;
    contents.golden(project, &graph)?;
    contents.assets(project)?;
    contents.training(project, outcome)?;
    contents.text("README.md", crate::card::card(project, outcome)?);
    let manifest = manifest(project, outcome, &graph, &contents);
    contents.draft(manifest)
}

/// Entries by path.
#[derive(Default)]
struct Contents {
    entries: BTreeMap<String, Vec<u8>>,
    shards: Vec<String>,
    examples: u64,
}

impl Contents {
    fn text(&mut self, path: &str, text: String) {
        self.entries.insert(path.to_owned(), text.into_bytes());
    }

    fn json(&mut self, path: &str, value: &impl serde::Serialize) -> Result<(), ModelError> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| ModelError::invalid(format!("cannot write {path}")).because(error))?;
        text.push('\n');
        self.text(path, text);
        Ok(())
    }

    /// Structure and weights; gives the graph with its parameters in place.
    fn network(&mut self, layers: &Layers, parameters: &HostParameters) -> Result<Graph, ModelError> {
        let mut filled = layers.graph.clone();
        for (name, shape, values) in parameters {
            let slot = filled.initializer_mut(name).ok_or_else(|| ModelError::no_such_value(name))?;
            *slot = Initializer::from_f32(name, shape.clone(), values);
        }
        let mut lean = filled.clone();
        self.shards(&filled, parameters, &mut lean)?;
        self.entries.insert(STRUCTURE.into(), briq_graph::onnx::encode(&lean)?);
        Ok(filled)
    }

    fn shards(&mut self, filled: &Graph, parameters: &HostParameters, lean: &mut Graph) -> Result<(), ModelError> {
        let tensors: Vec<weights::Tensor<'_>> =
            parameters.iter().filter_map(|(name, ..)| tensor(filled, name)).collect();
        let ranges = weights::shards(&tensors, SHARD_BYTES);
        let count = ranges.len();
        for (position, range) in ranges.into_iter().enumerate() {
            let name = weights::shard_name(position, count);
            let mut bytes = Vec::new();
            let placed = weights::write(&tensors[range], &BTreeMap::new(), &mut bytes)?;
            weights::externalize(lean, &name, &placed)?;
            self.entries.insert(name.clone(), bytes);
            self.shards.push(name);
        }
        Ok(())
    }

    /// The first examples of the test part, answered on the CPU default.
    fn golden(&mut self, project: &Project, graph: &Graph) -> Result<(), ModelError> {
        let wanted = usize::try_from(project.recipe.golden.examples).unwrap_or(usize::MAX);
        let part = project.parts.held_out();
        let rows: Vec<usize> = (0..part.len().min(wanted)).collect();
        self.examples = rows.len() as u64;
        if rows.is_empty() {
            return Ok(());
        }
        let engine = BurnEngine::new(graph, Backend::Flex, |unset| Err(ModelError::no_such_value(&unset.name)))?;
        let features = part.select(&rows).features;
        let answers = engine.answer(&features, rows.len())?;
        let inputs = whole_shape(&engine.inputs()[0].shape, rows.len());
        let outputs = whole_shape(&engine.outputs()[0].shape, rows.len());
        self.recording(GOLDEN_INPUTS, &engine.inputs()[0].name, &inputs, &features)?;
        self.recording(GOLDEN_OUTPUTS, &engine.outputs()[0].name, &outputs, &answers)
    }

    fn recording(&mut self, path: &str, name: &str, shape: &[usize], values: &[f32]) -> Result<(), ModelError> {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor = weights::Tensor { name, element: ElementType::F32, shape, data: &data };
        let mut bytes = Vec::new();
        weights::write(&[tensor], &BTreeMap::new(), &mut bytes)?;
        self.entries.insert(path.to_owned(), bytes);
        Ok(())
    }

    fn assets(&mut self, project: &Project) -> Result<(), ModelError> {
        if !project.classes.is_empty() {
            self.json(LABELS, &project.classes)?;
        }
        self.json("stats/features.json", &project.statistics())
    }

    fn training(&mut self, project: &Project, outcome: &Outcome) -> Result<(), ModelError> {
        self.text(RECIPE, project.text.clone());
        self.json("train/history.json", &outcome.trained.history)?;
        self.json("train/environment.json", &outcome.environment)?;
        self.json("train/evaluation.json", &outcome.evaluation)?;
        self.text("train/curves.svg", picture::curves(&outcome.trained.history));
        if let Some(confusion) = &outcome.evaluation.confusion {
            self.text("train/confusion.svg", picture::confusion(confusion));
        }
        Ok(())
    }

    fn draft(self, manifest: Manifest) -> Result<Draft, ModelError> {
        let mut draft = Draft::new(manifest);
        for (path, bytes) in self.entries {
            draft.add_bytes(entry(&path), bytes).map_err(|error| unwritable(&path).because(error))?;
        }
        Ok(draft)
    }
}

fn unwritable(path: &str) -> ModelError {
    ModelError::invalid(format!("cannot pack {path}"))
}

fn tensor<'g>(graph: &'g Graph, name: &str) -> Option<weights::Tensor<'g>> {
    let found = graph.initializer(name)?;
    Some(weights::Tensor { name: &found.name, element: found.element, shape: &found.shape, data: found.inline()? })
}

fn whole_shape(shape: &[i64], rows: usize) -> Vec<usize> {
    shape.iter().map(|&length| usize::try_from(length).unwrap_or(rows)).collect()
}

fn entry(path: &str) -> EntryPath {
    path.parse().expect("the paths of casting are well-formed")
}

fn manifest(project: &Project, outcome: &Outcome, graph: &Graph, contents: &Contents) -> Manifest {
    let package = &project.recipe.package;
    let parameters = outcome.trained.parameters.iter().map(|(_, _, values)| values.len() as u64).sum();
    Manifest {
        format: FORMAT,
        name: package.name.clone(),
        version: package.version.clone(),
        description: package.description.clone(),
        license: package.license.clone(),
        authors: package.authors.clone(),
        signature: signature(graph),
        model: ModelInfo {
            structure: entry(STRUCTURE),
            weights: contents.shards.iter().map(|name| entry(name)).collect(),
            parameters,
            datatype: DataType::Fp32,
            opset: graph.opset,
        },
        labels: contents.entries.contains_key(LABELS).then(|| entry(LABELS)),
        golden: golden(project, contents),
        metrics: outcome.evaluation.metrics.clone(),
        lineage: lineage(project, outcome),
        entries: Vec::new(),
    }
}

fn golden(project: &Project, contents: &Contents) -> Option<Golden> {
    (contents.examples > 0).then(|| Golden {
        inputs: entry(GOLDEN_INPUTS),
        outputs: entry(GOLDEN_OUTPUTS),
        examples: contents.examples,
        tolerances: project.recipe.golden.tolerances.clone(),
    })
}

fn lineage(project: &Project, outcome: &Outcome) -> Lineage {
    let data = DataDigest { name: project.data_name(), rows: project.rows as u64, blake3: project.data_digest };
    Lineage { base: None, data: vec![data], recipe: Some(entry(RECIPE)), seed: Some(outcome.seed) }
}

/// The inputs and outputs that callers see; every dimension that is not fixed is -1.
fn signature(graph: &Graph) -> Signature {
    let spec = |value: &briq_graph::Value| TensorSpec {
        name: value.name.clone(),
        datatype: DataType::Fp32,
        shape: value.shape.iter().map(|dim| dim.fixed().map_or(-1, |length| length as i64)).collect(),
    };
    Signature { inputs: graph.inputs.iter().map(spec).collect(), outputs: graph.outputs.iter().map(spec).collect() }
}
