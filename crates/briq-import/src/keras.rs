//! Keras models: `model.save("….h5")` and `model.save("….keras")`, of Keras 2 and 3.
//!
//! The configuration says the layers, the weights stand beside it; both become a graph of standard ONNX operators that
//! is called after the layers. Values keep the channels where Keras has them, which is last. Operators over images want
//! them first: a layer turns its input where the layer before has not left it turned already, so that a
//! chain of image layers turns once at its start and once at its end.

mod activation;
mod call;
mod emitter;
mod layers;
mod model;
mod weights;

use std::borrow::Cow;
use std::collections::HashMap;

use briq_graph::{ElementType, Graph};
use serde_json::Value;

use self::call::Call;
use self::emitter::{Emitter, Flow};
use self::model::{Joint, Layer, Model};
use self::weights::Weights;
use crate::archive::Archive;
use crate::hdf5::{File, Object};
use crate::{FileKind, ImportError, sniff};

/// The most layers that a model may have, calls of shared layers counted each.
const MAX_CALLS: usize = 10_000;

/// Reads a Keras model with its weights.
///
/// # Errors
/// When the file is of another kind or damaged, or has a layer or an option that is not carried: the error names the
/// layer.
pub fn read(bytes: &[u8]) -> Result<Graph, ImportError> {
    sniff::expect(bytes, FileKind::Keras)?;
    if bytes.starts_with(b"PK") { read_archive(bytes) } else { read_hdf5(bytes) }
}

fn read_hdf5(bytes: &[u8]) -> Result<Graph, ImportError> {
    let root = File::open(bytes)?.root()?;
    let first =
        |object: &Object<'_>, name| Ok::<_, ImportError>(object.texts(name)?.and_then(|t| t.into_iter().next()));
    let config = first(&root, "model_config")?.ok_or_else(|| ImportError::malformed("the file has no model"))?;
    let groups = root.at("model_weights")?.ok_or_else(|| ImportError::malformed("the file has no weights"))?;
    let version = first(&root, "keras_version")?.or(first(&groups, "keras_version")?);
    build(&config, version.as_deref(), Weights::Groups(groups))
}

fn read_archive(bytes: &[u8]) -> Result<Graph, ImportError> {
    let archive = Archive::open(bytes)?;
    let entry = |name: &str| {
        let missing = || ImportError::malformed(format!("the archive has no {name}"));
        archive.read(name)?.ok_or_else(missing)
    };
    let (config, weights) = (entry("config.json")?, entry("model.weights.h5")?);
    let metadata: Value = serde_json::from_slice(&entry("metadata.json").unwrap_or(Cow::Borrowed(b"{}")))
        .map_err(|error| ImportError::malformed("metadata.json is no JSON").because(error))?;
    let version = metadata["keras_version"].as_str();
    let root = File::open(&weights)?.root()?;
    build(&String::from_utf8_lossy(&config), version, Weights::Folder(root))
}

fn build(config: &str, version: Option<&str>, weights: Weights<'_>) -> Result<Graph, ImportError> {
    let malformed = |error| ImportError::malformed("the Keras configuration is no JSON").because(error);
    let model = Model::read(&serde_json::from_str(config).map_err(malformed)?, 0)?;
    let major = version.and_then(|version| version.split('.').next()?.parse().ok()).unwrap_or(3);
    let mut builder = Builder { emitter: Emitter::new(&model.name), keras: major, calls: 0 };
    let inputs = builder.inputs(&model)?;
    let outputs = builder.model(&model, &inputs, &weights, "")?;
    builder.emitter.finish(&outputs)
}

/// Carries out a model, call by call.
struct Builder {
    emitter: Emitter,
    /// The major version of Keras that wrote the file.
    keras: u32,
    calls: usize,
}

impl Builder {
    /// The inputs of the outermost model become those of the graph.
    fn inputs(&mut self, model: &Model) -> Result<Vec<Flow>, ImportError> {
        let input = |joint: &Joint| {
            let layer = model.layers.iter().find(|layer| layer.name == joint.layer);
            let layer = layer.ok_or_else(|| ImportError::malformed(format!("there is no layer `{}`", joint.layer)))?;
            let (shape, element) = declared(layer)?;
            Ok((layer.name.clone(), shape, element))
        };
        let declared: Vec<_> = model.inputs.iter().map(input).collect::<Result<_, ImportError>>()?;
        Ok(declared.into_iter().map(|(name, shape, element)| self.emitter.input(&name, shape, element)).collect())
    }

    /// The outputs of a model on given inputs.
    fn model(
        &mut self,
        model: &Model,
        inputs: &[Flow],
        weights: &Weights<'_>,
        prefix: &str,
    ) -> Result<Vec<Flow>, ImportError> {
        if model.inputs.len() != inputs.len() {
            let message =
                format!("model `{}` has {} inputs and is given {}", model.name, model.inputs.len(), inputs.len());
            return Err(ImportError::malformed(message));
        }
        let mut known: HashMap<Joint, Flow> = model.inputs.iter().cloned().zip(inputs.iter().cloned()).collect();
        let mut waiting: Vec<(usize, usize)> = Vec::new();
        for (at, layer) in model.layers.iter().enumerate() {
            waiting.extend((0..layer.calls.len()).map(|call| (at, call)));
        }
        if waiting.len() > MAX_CALLS {
            return Err(too_many());
        }
        let ordinals = ordinals(model);
        // Layers stand in an order that can be carried out, but shared ones are listed at their first call.
        while let Some(&(first, _)) = waiting.first() {
            let before = waiting.len();
            let mut later = Vec::new();
            for (at, call) in waiting {
                let layer = &model.layers[at];
                let Some(given) = layer.calls[call].iter().map(|joint| known.get(joint).cloned()).collect() else {
                    later.push((at, call));
                    continue;
                };
                let own = weights.of(layer, ordinals[at])?;
                let outputs = self.layer(layer, call, given, &own, prefix)?.into_iter().enumerate();
                known.extend(outputs.map(|(output, flow)| (Joint { layer: layer.name.clone(), call, output }, flow)));
            }
            if later.len() == before {
                let name = &model.layers[first].name;
                return Err(ImportError::malformed(format!("layer `{name}` waits for what nothing computes")));
            }
            waiting = later;
        }
        let missing = |joint: &Joint| ImportError::malformed(format!("nothing computes output `{}`", joint.layer));
        model.outputs.iter().map(|joint| known.get(joint).cloned().ok_or_else(|| missing(joint))).collect()
    }

    fn layer(
        &mut self,
        layer: &Layer,
        call: usize,
        inputs: Vec<Flow>,
        weights: &Weights<'_>,
        prefix: &str,
    ) -> Result<Vec<Flow>, ImportError> {
        self.calls += 1;
        if self.calls > MAX_CALLS {
            return Err(too_many());
        }
        let parameters = format!("{prefix}{}", layer.name);
        let name = if call == 0 { parameters.clone() } else { format!("{parameters}.call{}", call + 1) };
        if let Some(inner) = &layer.inner {
            return self.model(inner, &inputs, weights, &format!("{name}."));
        }
        if inputs.is_empty() {
            return Err(ImportError::malformed(format!("layer `{name}` is called on nothing")));
        }
        let emit = layers::find(&layer.class).ok_or_else(|| unknown(layer))?;
        let tensors = weights.tensors()?;
        let mut call = Call::new(&mut self.emitter, layer, (name, parameters), inputs, tensors, self.keras);
        emit(&mut call)
    }
}

fn too_many() -> ImportError {
    ImportError::malformed(format!("the model has more than {MAX_CALLS} layers"))
}

fn unknown(layer: &Layer) -> ImportError {
    let message = format!("layer `{}` is of class `{}`, which is not carried", layer.name, layer.class);
    ImportError::unsupported(message).advise("export the model with tf2onnx and use `briq import onnx`")
}

/// How many layers of the same class stand before each.
fn ordinals(model: &Model) -> Vec<usize> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut ordinals = Vec::with_capacity(model.layers.len());
    for layer in &model.layers {
        let count = counts.entry(&layer.class).or_default();
        ordinals.push(*count);
        *count += 1;
    }
    ordinals
}

/// The shape and element type that an input layer declares. The first axis is the number of examples.
fn declared(layer: &Layer) -> Result<(Vec<Option<usize>>, ElementType), ImportError> {
    let refuse = |what: &str| ImportError::unsupported(format!("input `{}` {what}", layer.name));
    let shape = ["batch_shape", "batch_input_shape"].into_iter().find_map(|key| layer.config[key].as_array());
    let shape = shape.ok_or_else(|| refuse("has no shape"))?;
    let length = |value: &Value| value.as_u64().and_then(|length| usize::try_from(length).ok());
    let shape: Vec<Option<usize>> = shape.iter().map(length).collect();
    if layer.config["sparse"] == true || layer.config["ragged"] == true {
        return Err(refuse("is sparse or ragged"));
    }
    let element = match layer.config["dtype"].as_str() {
        None | Some("float32") => ElementType::F32,
        Some("int32") => ElementType::I32,
        Some("int64") => ElementType::I64,
        Some("uint8") => ElementType::U8,
        Some("bool") => ElementType::Bool,
        Some(other) => return Err(refuse(&format!("is of type {other}"))),
    };
    Ok((shape, element))
}
