//! The structure of a Keras model, out of its configuration.
//!
//! A configuration is JSON that Keras made with `get_config`: a chain of layers (*Sequential*), or layers that each say
//! what they are called on (*Functional*), written one way by Keras 2 and another by Keras 3.

use std::collections::HashMap;

use serde_json::Value;

use crate::ImportError;

/// How deep models may lie within one another.
const MAX_DEPTH: usize = 16;

/// A model: layers and how they are joined.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) layers: Vec<Layer>,
    pub(super) inputs: Vec<Joint>,
    pub(super) outputs: Vec<Joint>,
}

/// One layer and each of its calls.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) class: String,
    pub(super) config: Value,
    /// What each call is given.
    pub(super) calls: Vec<Vec<Joint>>,
    /// The model inside, where the layer is one.
    pub(super) inner: Option<Box<Model>>,
}

/// An output of a call of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Joint {
    pub(super) layer: String,
    pub(super) call: usize,
    pub(super) output: usize,
}

/// The classes that are models.
fn is_model(class: &str) -> bool {
    matches!(class, "Sequential" | "Functional" | "Model")
}

impl Model {
    /// Reads `{"class_name": …, "config": …}`.
    pub(super) fn read(value: &Value, depth: usize) -> Result<Self, ImportError> {
        let class = text(value, "class_name").unwrap_or_default();
        let config = &value["config"];
        if depth > MAX_DEPTH {
            return Err(ImportError::malformed(format!("the models lie more than {MAX_DEPTH} deep")));
        }
        match class {
            "Sequential" => Self::sequential(config, depth),
            "Functional" | "Model" => Self::functional(config, depth),
            _ => Err(ImportError::unsupported(format!(
                "the model is of class `{class}`, which only its own code builds"
            ))
            .advise("rebuild it as a Sequential or Functional model, or export it with tf2onnx")),
        }
    }

    fn sequential(config: &Value, depth: usize) -> Result<Self, ImportError> {
        // Before Keras 2.3 the configuration was the list itself.
        let list = config.as_array().or_else(|| config["layers"].as_array());
        let list = list.ok_or_else(|| malformed("a Sequential model has no layers"))?;
        let mut layers = list.iter().map(|value| Layer::read(value, depth)).collect::<Result<Vec<_>, _>>()?;
        if layers.first().is_none_or(|first| first.class != "InputLayer") {
            let first = layers.first().map(|layer| &layer.config).unwrap_or(&Value::Null);
            layers.insert(0, implied_input(config, first)?);
        }
        for at in 1..layers.len() {
            layers[at].calls = vec![vec![Joint::first(&layers[at - 1].name)]];
        }
        let (first, last) = (Joint::first(&layers[0].name), Joint::first(&layers[layers.len() - 1].name));
        let name = text(config, "name").unwrap_or("sequential").to_owned();
        Ok(Self { name, layers, inputs: vec![first], outputs: vec![last] })
    }

    fn functional(config: &Value, depth: usize) -> Result<Self, ImportError> {
        let list = config["layers"].as_array().ok_or_else(|| malformed("a Functional model has no layers"))?;
        let mut layers = Vec::new();
        for value in list {
            let mut layer = Layer::read(value, depth)?;
            if let Some(name) = text(value, "name") {
                name.clone_into(&mut layer.name);
            }
            layer.calls = calls(&value["inbound_nodes"])?;
            layers.push(layer);
        }
        let mut outputs = joints(&config["output_layers"])?;
        count_from_zero(&mut layers, &mut outputs);
        let name = text(config, "name").unwrap_or("model").to_owned();
        Ok(Self { name, layers, inputs: joints(&config["input_layers"])?, outputs })
    }
}

impl Layer {
    fn read(value: &Value, depth: usize) -> Result<Self, ImportError> {
        let class = text(value, "class_name").ok_or_else(|| malformed("a layer has no class"))?.to_owned();
        let config = value["config"].clone();
        let inner = if is_model(&class) { Some(Box::new(Model::read(value, depth + 1)?)) } else { None };
        let own = inner.as_ref().map(|inner| inner.name.as_str()).or_else(|| text(&config, "name"));
        let name = own.unwrap_or(&class).to_owned();
        Ok(Self { name, class, config, calls: Vec::new(), inner })
    }
}

impl Joint {
    fn first(layer: &str) -> Self {
        Self { layer: layer.to_owned(), call: 0, output: 0 }
    }

    /// `["layer", 0, 0]`, perhaps with more behind.
    fn read(value: &Value) -> Option<Self> {
        let [layer, call, output, ..] = value.as_array()?.as_slice() else { return None };
        let index = |value: &Value| usize::try_from(value.as_u64()?).ok();
        Some(Self { layer: layer.as_str()?.to_owned(), call: index(call)?, output: index(output)? })
    }
}

/// Keras 2 counts the calls of an inner model from 1, because building it was one.
fn count_from_zero(layers: &mut [Layer], outputs: &mut [Joint]) {
    let mut first: HashMap<String, usize> = HashMap::new();
    let inner = layers.iter().filter(|layer| layer.inner.is_some());
    first.extend(inner.map(|layer| (layer.name.clone(), usize::MAX)));
    let all = || layers.iter().flat_map(|layer| layer.calls.iter().flatten()).chain(outputs.iter());
    for joint in all() {
        if let Some(least) = first.get_mut(&joint.layer) {
            *least = joint.call.min(*least);
        }
    }
    let joints = layers.iter_mut().flat_map(|layer| layer.calls.iter_mut().flatten());
    for joint in joints.chain(outputs) {
        joint.call -= first.get(&joint.layer).copied().unwrap_or(0);
    }
}

/// The input of a Sequential model that does not list one: its first layer or the model says the shape.
fn implied_input(config: &Value, first: &Value) -> Result<Layer, ImportError> {
    let shapes = [&first["batch_input_shape"], &first["batch_shape"], &config["build_input_shape"]];
    let shape = shapes.into_iter().find(|shape| shape.is_array());
    let unknown = || {
        ImportError::unsupported("the model does not say the shape of its input")
            .advise("build it with keras.Input(shape=…) as its first layer, and save it again")
    };
    let shape = shape.ok_or_else(unknown)?;
    let dtype = text(first, "dtype").filter(|_| text(first, "input_dim").is_some()).unwrap_or("float32");
    let name = format!("{}_input", text(first, "name").unwrap_or("keras"));
    let config = serde_json::json!({"name": name, "batch_shape": shape, "dtype": dtype});
    Ok(Layer { name, class: "InputLayer".into(), config, calls: Vec::new(), inner: None })
}

/// The calls of a layer, in either form.
fn calls(value: &Value) -> Result<Vec<Vec<Joint>>, ImportError> {
    let nodes = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let call = |node: &Value| {
        let mut joints = Vec::new();
        match node {
            Value::Object(node) => {
                tensors(&node.get("args").cloned().unwrap_or_default(), 0, &mut joints)?;
                refuse_named(node.get("kwargs"))?;
            }
            _ => old_call(node, &mut joints)?,
        }
        Ok(joints)
    };
    nodes.iter().map(call).collect()
}

/// Keras 2: `[["layer", 0, 0, {…}], …]`.
fn old_call(node: &Value, joints: &mut Vec<Joint>) -> Result<(), ImportError> {
    for input in node.as_array().map(Vec::as_slice).unwrap_or_default() {
        joints.push(Joint::read(input).ok_or_else(|| malformed("a layer does not say what it is called on"))?);
        refuse_named(input.get(3))?;
    }
    Ok(())
}

/// Keras 3: every `__keras_tensor__` among the arguments, in order.
fn tensors(value: &Value, depth: usize, joints: &mut Vec<Joint>) -> Result<(), ImportError> {
    match value {
        _ if depth > MAX_DEPTH => return Err(malformed("the arguments of a layer lie too deep")),
        Value::Array(items) => {
            for item in items {
                tensors(item, depth + 1, joints)?;
            }
        }
        Value::Object(members) if text(value, "class_name") == Some("__keras_tensor__") => {
            let history = members.get("config").map(|config| &config["keras_history"]);
            let joint = history.and_then(Joint::read);
            joints.push(joint.ok_or_else(|| malformed("a tensor does not say where it comes from"))?);
        }
        Value::Object(members) => {
            for member in members.values() {
                tensors(member, depth + 1, joints)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Named arguments (masks, states, causality, training) change what a layer computes; only absent ones are taken.
fn refuse_named(named: Option<&Value>) -> Result<(), ImportError> {
    let is_absent = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    let named = named.and_then(Value::as_object).into_iter().flatten();
    match named.into_iter().find(|(_, value)| !is_absent(value)) {
        None => Ok(()),
        Some((name, _)) => {
            Err(ImportError::unsupported(format!("a layer is called with `{name}`, which is not carried"))
                .advise("export the model with tf2onnx and use `briq import onnx`"))
        }
    }
}

/// `["layer", 0, 0]`, a list of those, or a dict of them.
fn joints(value: &Value) -> Result<Vec<Joint>, ImportError> {
    if let Some(joint) = Joint::read(value) {
        return Ok(vec![joint]);
    }
    let items: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    };
    let joints: Option<Vec<Joint>> = items.into_iter().map(Joint::read).collect();
    joints.filter(|joints| !joints.is_empty()).ok_or_else(|| malformed("a model does not say its inputs and outputs"))
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

fn malformed(what: &str) -> ImportError {
    ImportError::malformed(format!("the Keras configuration is damaged: {what}"))
}
