//! Casting: from a trained project to the contents of a package.

use briq_engine::Engine as _;
use briq_graph::layers::Network as Layers;
use briq_graph::{Graph, Initializer};
use briq_package::Draft;
use briq_spec::DataType;
use briq_spec::manifest::{DataDigest, FORMAT, Golden, Lineage, Manifest, ModelInfo};

use crate::backend::Backend;
use crate::contents::{Contents, GOLDEN_INPUTS, GOLDEN_OUTPUTS, LABELS, Recording, STRUCTURE, entry, signature};
use crate::engine::BurnEngine;
use crate::error::ModelError;
use crate::import::sharded;
use crate::picture;
use crate::project::{Base, Outcome, Project};
use crate::provenance;
use crate::train::HostParameters;

const RECIPE: &str = "train/briq.toml";

/// How a network was fine-tuned, which the manifest tells in part.
pub(crate) const TUNING: &str = "train/tuning.json";

/// Where and with what it was trained.
pub(crate) const ENVIRONMENT: &str = "train/environment.json";

/// Casts what training gave into a draft that is ready to be written.
///
/// On one machine the draft is a function of recipe, data and trained parameters: casting twice gives the same bytes.
/// Golden examples are answered here, and processors with other vector units round their last digits otherwise.
///
/// # Errors
/// When the network cannot be written as ONNX, or does not answer its golden examples.
pub fn cast(project: &Project, outcome: &Outcome) -> Result<Draft, ModelError> {
    let parameters = &outcome.trained.parameters;
    let graph = filled(&project.layers, parameters)?;
    let mut names: Vec<&str> = parameters.iter().map(|(name, ..)| name.as_str()).collect();
    if project.base.is_some() {
        let more: Vec<&str> = sharded(&graph).into_iter().filter(|name| !names.contains(name)).collect();
        names.extend(more);
    }
    let mut contents = Contents::default();
    contents.network(&graph, &names)?;
    let examples = golden_examples(&mut contents, project, &graph)?;
    assets(&mut contents, project)?;
    training(&mut contents, project, outcome)?;
    contents.text("README.md", crate::card::card(project, outcome)?);
    let manifest = manifest(project, outcome, &graph, &contents, examples)?;
    let mut draft = contents.draft(manifest)?;
    draft.record_build(provenance::training(&outcome.environment));
    Ok(draft)
}

/// The graph with trained parameters in place.
fn filled(layers: &Layers, parameters: &HostParameters) -> Result<Graph, ModelError> {
    let mut graph = layers.graph.clone();
    for (name, shape, values) in parameters {
        let slot = graph.initializer_mut(name).ok_or_else(|| ModelError::no_such_value(name))?;
        *slot = Initializer::from_f32(name, shape.clone(), values);
    }
    Ok(graph)
}

/// Records the first examples of the held-out part as the CPU default answers them; says how many.
fn golden_examples(contents: &mut Contents, project: &Project, graph: &Graph) -> Result<u64, ModelError> {
    let wanted = usize::try_from(project.recipe.golden.examples).unwrap_or(usize::MAX);
    let (_, part) = project.parts.held_out();
    let rows: Vec<usize> = (0..part.len().min(wanted)).collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let engine = BurnEngine::new(graph, Backend::Flex, |unset| Err(ModelError::no_such_value(&unset.name)))?;
    let features = part.select(&rows).features;
    let answers = engine.answer(&features, rows.len())?;
    let (input, output) = (&engine.inputs()[0], &engine.outputs()[0]);
    let input = Recording { name: &input.name, shape: whole_shape(&input.shape, rows.len()), values: features };
    let output = Recording { name: &output.name, shape: whole_shape(&output.shape, rows.len()), values: answers };
    contents.recordings(GOLDEN_INPUTS, &[input])?;
    contents.recordings(GOLDEN_OUTPUTS, &[output])?;
    Ok(rows.len() as u64)
}

fn whole_shape(shape: &[i64], rows: usize) -> Vec<usize> {
    shape.iter().map(|&length| usize::try_from(length).unwrap_or(rows)).collect()
}

fn assets(contents: &mut Contents, project: &Project) -> Result<(), ModelError> {
    if !project.classes.is_empty() {
        contents.json(LABELS, &project.classes)?;
    }
    contents.json("stats/features.json", &project.statistics())
}

fn training(contents: &mut Contents, project: &Project, outcome: &Outcome) -> Result<(), ModelError> {
    contents.text(RECIPE, project.text.clone());
    contents.json("train/history.json", &outcome.trained.history)?;
    contents.json(ENVIRONMENT, &outcome.environment)?;
    contents.json("train/evaluation.json", &outcome.evaluation)?;
    if let Some(base) = &project.base {
        contents.json(TUNING, &base.tuning)?;
    }
    contents.text("train/curves.svg", picture::curves(&outcome.trained.history));
    if let Some(confusion) = &outcome.evaluation.confusion {
        contents.text("train/confusion.svg", picture::confusion(confusion));
    }
    Ok(())
}

fn manifest(
    project: &Project,
    outcome: &Outcome,
    graph: &Graph,
    contents: &Contents,
    examples: u64,
) -> Result<Manifest, ModelError> {
    let package = &project.recipe.package;
    let parameters = outcome.trained.parameters.iter().map(|(_, _, values)| values.len() as u64).sum();
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
            parameters,
            datatype: DataType::Fp32,
            opset: graph.opset,
        },
        adapter: None,
        variant: None,
        labels: contents.has(LABELS).then(|| entry(LABELS)),
        golden: golden(project, examples),
        metrics: outcome.evaluation.metrics.clone(),
        lineage: lineage(project, outcome),
        entries: Vec::new(),
    })
}

fn golden(project: &Project, examples: u64) -> Option<Golden> {
    (examples > 0).then(|| Golden {
        inputs: entry(GOLDEN_INPUTS),
        outputs: entry(GOLDEN_OUTPUTS),
        examples,
        tolerances: project.recipe.golden.tolerances.clone(),
    })
}

fn lineage(project: &Project, outcome: &Outcome) -> Lineage {
    let data = DataDigest { name: project.data_name(), rows: project.rows as u64, blake3: project.data_digest };
    let base = project.base.as_ref();
    Lineage {
        base: base.map(Base::reference),
        base_version: base.map(|base| base.version.clone()),
        frozen: base.map(|base| base.tuning.freeze.clone()).unwrap_or_default(),
        data: vec![data],
        recipe: Some(entry(RECIPE)),
        seed: Some(outcome.seed),
        ..Lineage::default()
    }
}
