//! The network of a project: what its layers declare, or the graph of a package made fit for its data.

use std::collections::BTreeSet;

use briq_graph::layers::{self, LayerInput, Network as Layers, Normalize, Parameter};
use briq_graph::onnx::Datum;
use briq_graph::{Attribute, Dim, ElementType, Graph, Initializer, LOGITS_KEY, Node, brackets};
use briq_spec::Recipe;
use briq_spec::recipe::Loss;

use super::data::Prepared;
use super::tuning::Base;
use super::{RECIPE_FILE, head};
use crate::backend::Backend;
use crate::error::ModelError;
use crate::runner::Runner;
use crate::train::{attachment, matching, parameters};

const OFFSET: &str = "normalize.offset";
const SCALE: &str = "normalize.scale";

/// The network that the recipe's layers declare.
pub(super) fn declared(recipe: &Recipe, data: &Prepared) -> Result<Layers, ModelError> {
    if recipe.layers.is_empty() {
        let error = ModelError::invalid(format!("{RECIPE_FILE} declares no network"));
        return Err(error.advise("give [[layer]] tables, or start from a package with `briq train --from`"));
    }
    let input = LayerInput { name: "input".into(), shape: data.shape.clone() };
    let normalized = data.normalized.then_some(&data.normalization);
    Ok(layers::build(recipe.package.name.short(), &recipe.layers, &input, normalized)?)
}

/// The network of a package, which has to be the declared one where there are layers.
pub(super) fn taken(recipe: &Recipe, data: &Prepared, base: &Base, graph: Graph) -> Result<Layers, ModelError> {
    if !recipe.layers.is_empty() && !agrees(&declared(recipe, data)?, &graph) {
        let message = format!("the layers of {RECIPE_FILE} are not those of {} {}", base.name, base.version);
        let hint =
            "remove the [[layer]] tables to train the package's network, or make them and `normalize` as they were";
        return Err(ModelError::invalid(message).advise(hint));
    }
    fitted(graph, data, base.tuning.replace_head)
}

/// The names that the patterns of a fine-tuning match.
pub(super) fn frozen(layers: &Layers, base: Option<&Base>) -> Result<Vec<String>, ModelError> {
    let names: Vec<&str> = layers.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    matching(base.map_or(&[], |base| &base.tuning.freeze), &names)
}

/// Fits a graph to the data: any number of examples at once, normalised input where the recipe asks for it and the
/// graph does not do so itself, a new head where it is wanted.
fn fitted(mut graph: Graph, data: &Prepared, new_head: bool) -> Result<Layers, ModelError> {
    check_form(&graph)?;
    settle(&mut graph);
    open_batch(&mut graph, data)?;
    if data.normalized && graph.initializer(OFFSET).is_none() {
        normalize(&mut graph, &data.normalization)?;
    }
    let logits = attachment(&graph, Loss::CrossEntropy)?.to_owned();
    graph.metadata.insert(LOGITS_KEY.to_owned(), logits.clone());
    let mut output_shape = probe(&graph, data)?;
    let mut parameters = parameters(&graph)?;
    if new_head {
        let fresh = head::renew(&mut graph, &logits, data.outputs)?;
        parameters.iter_mut().for_each(|parameter| adopt(parameter, &fresh));
        output_shape = vec![data.outputs];
    }
    let axes = output_shape.iter().map(|&length| Dim::Fixed(length));
    graph.outputs[0].shape = std::iter::once(batch()).chain(axes).collect();
    // Shapes between the nodes are a service to readers; a graph that some operator's rule cannot follow goes without.
    let _ = briq_graph::shape::annotate(&mut graph);
    Ok(Layers { graph, parameters, logits, output_shape })
}

/// The statistics that a graph normalises its own input with, where it was made by layers that do.
pub(super) fn own_normalization(graph: &Graph) -> Option<Normalize> {
    let numbers = |name| -> Option<Vec<f32>> {
        let bytes = graph.initializer(name)?.inline()?;
        Some(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    };
    Some(Normalize { offset: numbers(OFFSET)?, scale: numbers(SCALE)? })
}

/// Whether the layers of a recipe declare the very network that a graph is; only values may differ.
fn agrees(layers: &Layers, graph: &Graph) -> bool {
    let tensors = |graph: &Graph| -> BTreeSet<(String, Vec<usize>)> {
        graph.initializers.iter().map(|tensor| (tensor.name.clone(), tensor.shape.clone())).collect()
    };
    layers.graph.nodes == graph.nodes && tensors(&layers.graph) == tensors(graph)
}

fn batch() -> Dim {
    Dim::Dynamic(briq_graph::layers::BATCH.to_owned())
}

fn check_form(graph: &Graph) -> Result<(), ModelError> {
    let ([input], [output]) = (graph.inputs.as_slice(), graph.outputs.as_slice()) else {
        let (inputs, outputs) = (graph.inputs.len(), graph.outputs.len());
        let message = format!("the network has {inputs} inputs and {outputs} outputs, and a table trains one of each");
        return Err(ModelError::invalid(message));
    };
    for value in [input, output] {
        if value.element != ElementType::F32 {
            let message = format!("`{}` is of {}, and a table trains networks of f32", value.name, value.element);
            return Err(ModelError::invalid(message));
        }
    }
    Ok(())
}

/// Takes the mark of training off nodes that were exported with it: whether they train is the run's to say.
fn settle(graph: &mut Graph) {
    let read: BTreeSet<String> = graph.nodes.iter().flat_map(Node::reads).map(str::to_owned).collect();
    for node in &mut graph.nodes {
        let keeps = match node.operator.as_str() {
            "BatchNormalization" => usize::MAX,
            "Dropout" => 2,
            _ => continue,
        };
        node.attributes.remove("training_mode");
        node.inputs.truncate(keeps);
        while node.outputs.len() > 1 && node.outputs.last().is_some_and(|name| !read.contains(name)) {
            node.outputs.pop();
        }
    }
}

/// Leaves the number of examples open and checks that an example fits.
fn open_batch(graph: &mut Graph, data: &Prepared) -> Result<(), ModelError> {
    let input = &mut graph.inputs[0];
    let known: Option<Vec<usize>> = input.shape.iter().skip(1).map(Dim::fixed).collect();
    let example = known.unwrap_or_else(|| data.shape.clone());
    let width = data.parts.train.width;
    if input.shape.is_empty() || example.iter().product::<usize>() != width {
        let message = format!(
            "the network's input `{}` is {}, and an example has {width} features",
            input.name,
            brackets(&input.shape)
        );
        return Err(ModelError::invalid(message).advise("name the columns that the network was made for in [data]"));
    }
    input.shape = std::iter::once(batch()).chain(example.into_iter().map(Dim::Fixed)).collect();
    graph.values.clear();
    Ok(())
}

/// `(x - offset) / scale` before everything else.
fn normalize(graph: &mut Graph, statistics: &Normalize) -> Result<(), ModelError> {
    let input = graph.inputs[0].name.clone();
    let bodies =
        |node: &Node| node.attributes.values().filter_map(Attribute::as_graph).any(|body| !body.captures.is_empty());
    if graph.nodes.iter().any(bodies) {
        let message = "the input of a network whose loops and branches read from around them cannot be normalised";
        return Err(ModelError::invalid(message).advise("set `normalize = \"none\"` in [data]"));
    }
    for name in graph.nodes.iter_mut().flat_map(|node| &mut node.inputs).filter(|name| **name == input) {
        "normalize.div".clone_into(name);
    }
    let example: Vec<usize> = graph.inputs[0].shape.iter().skip(1).filter_map(Dim::fixed).collect();
    for (name, numbers) in [(OFFSET, &statistics.offset), (SCALE, &statistics.scale)] {
        let shape = if numbers.len() == 1 { vec![1] } else { example.clone() };
        graph.initializers.push(Initializer::from_f32(name, shape, numbers));
    }
    graph.nodes.push(Node::new("normalize.sub", "Sub", &[&input, OFFSET], &["normalize.sub"]));
    graph.nodes.push(Node::new("normalize.div", "Div", &["normalize.sub", SCALE], &["normalize.div"]));
    Ok(())
}

/// The shape of an answer, found by asking: two examples at once show whether a batch size was built in.
fn probe(graph: &Graph, data: &Prepared) -> Result<Vec<usize>, ModelError> {
    let rows: Vec<usize> = (0..data.parts.train.len().min(2)).collect();
    let examples = data.parts.train.select(&rows);
    let example = graph.inputs[0].shape.iter().skip(1).filter_map(Dim::fixed);
    let shape = std::iter::once(rows.len()).chain(example).collect();
    let runner = Runner::new(graph, Backend::Flex, |unset| Err(ModelError::no_such_value(&unset.name)))?;
    let input = Datum::Tensor(Initializer::from_f32(&graph.inputs[0].name, shape, &examples.features));
    let Some(Datum::Tensor(output)) = runner.run(vec![input])?.into_iter().next() else {
        return Err(ModelError::invalid("the network's output is not a tensor"));
    };
    if output.shape.first() != Some(&rows.len()) {
        let message = format!("the network answers {} examples with {}", rows.len(), brackets(&output.shape));
        return Err(ModelError::invalid(message).advise("export it with an open first dimension"));
    }
    Ok(output.shape[1..].to_vec())
}

/// A parameter of the new head starts as the head says.
fn adopt(parameter: &mut Parameter, fresh: &[Parameter]) {
    if let Some(own) = fresh.iter().find(|own| own.name == parameter.name) {
        (parameter.shape, parameter.init) = (own.shape.clone(), own.init);
    }
}
