//! Recurrent layers. Keras' kernels are `[in, gates · units]`; ONNX wants `[directions, gates · units, in]`, with the gates
//! in an order of its own, and the steps before the examples.

use briq_graph::Node;
use serde_json::Value;

use crate::ImportError;
use crate::keras::activation::Function;
use crate::keras::call::{Call, Emitted, Weight};

/// A kind of recurrent layer.
struct Kind {
    operator: &'static str,
    /// The position in Keras of each gate of ONNX.
    gates: &'static [usize],
    /// How many functions ONNX wants: those of the gates first.
    functions: usize,
}

const SIMPLE: Kind = Kind { operator: "RNN", gates: &[0], functions: 1 };

/// Update, reset, hidden in both.
const GRU: Kind = Kind { operator: "GRU", gates: &[0, 1, 2], functions: 2 };

/// Input, forget, cell, output in Keras; input, output, forget, cell in ONNX.
const LSTM: Kind = Kind { operator: "LSTM", gates: &[0, 3, 1, 2], functions: 3 };

/// The options of one direction.
struct Options {
    units: usize,
    sequences: bool,
    backwards: bool,
    reset_after: bool,
    bias: bool,
    functions: Vec<(&'static str, f32, f32)>,
}

/// The parameters of all directions, joined.
#[derive(Default)]
struct Joined {
    kernel: Vec<f32>,
    recurrent: Vec<f32>,
    bias: Vec<f32>,
    inputs: usize,
}

pub(super) fn simple(call: &mut Call<'_>) -> Emitted {
    alone(call, &SIMPLE)
}

pub(super) fn gru(call: &mut Call<'_>) -> Emitted {
    alone(call, &GRU)
}

pub(super) fn lstm(call: &mut Call<'_>) -> Emitted {
    alone(call, &LSTM)
}

fn alone(call: &mut Call<'_>, kind: &Kind) -> Emitted {
    let options = options(call, kind, call.config())?;
    let joined = joined(call, kind, &[&options])?;
    let value = recurrent(call, kind, &options, &joined, if options.backwards { "reverse" } else { "forward" })?;
    let input = call.input();
    if options.sequences {
        // [steps, 1, batch, units]
        let axes = call.integers("direction", &[1]);
        let value = call.node("Squeeze", &[&value, &axes], |node| node);
        let mut value = call.node("Transpose", &[&value], |node| node.with("perm", vec![1_i64, 0, 2]));
        if options.backwards {
            value = reversed(call, &value);
        }
        return Ok(vec![call.done(&value, vec![input.shape[0], input.shape[1], Some(options.units)], false)]);
    }
    let axes = call.integers("direction", &[0]);
    let value = call.node("Squeeze", &[&value, &axes], |node| node);
    Ok(vec![call.done(&value, vec![input.shape[0], Some(options.units)], false)])
}

/// What runs backwards gives its steps in the order in which it took them.
fn reversed(call: &mut Call<'_>, value: &str) -> String {
    let starts = call.integers("starts", &[-1]);
    let ends = call.integers("ends", &[i64::from(i32::MIN)]);
    let (axes, steps) = (call.integers("axes", &[1]), call.integers("strides", &[-1]));
    call.node("Slice", &[value, &starts, &ends, &axes, &steps], |node| node)
}

/// Two of a kind, one from either end.
pub(super) fn bidirectional(call: &mut Call<'_>) -> Emitted {
    let layer = call.option("layer").clone();
    let class = layer["class_name"].as_str().unwrap_or_default();
    let kind = match class {
        "SimpleRNN" => &SIMPLE,
        "GRU" => &GRU,
        "LSTM" => &LSTM,
        _ => return Err(call.unsupported(format!("its layer is of class `{class}`"))),
    };
    let options = options(call, kind, &layer["config"])?;
    let backward = call.option("backward_layer").clone();
    if options.backwards || (!backward.is_null() && backward["class_name"] != layer["class_name"]) {
        return Err(call.unsupported("its two layers do not run from either end"));
    }
    let joined = joined(call, kind, &[&options, &options])?;
    let value = recurrent(call, kind, &options, &joined, "bidirectional")?;
    let input = call.input();
    // Directions go right before the units: [batch, steps, 2, units] or [batch, 2, units].
    let order: Vec<i64> = if options.sequences { vec![2, 0, 1, 3] } else { vec![1, 0, 2] };
    let axis = order.len() as i64 - 2;
    let value = call.node("Transpose", &[&value], |node| node.with("perm", order));
    let before = if options.sequences { vec![input.shape[0], input.shape[1]] } else { vec![input.shape[0]] };
    let (value, width) = merged(call, &value, axis, options.units)?;
    Ok(vec![call.done(&value, [before, vec![Some(width)]].concat(), false)])
}

/// Both directions in one, as `merge_mode` says, and how wide that is.
fn merged(call: &mut Call<'_>, value: &str, axis: i64, units: usize) -> Result<(String, usize), ImportError> {
    let operator = match call.text("merge_mode") {
        Some("concat") => {
            let mut target = vec![0; axis as usize];
            target.push(2 * units as i64);
            let target = call.integers("shape", &target);
            return Ok((call.node("Reshape", &[value, &target], |node| node), 2 * units));
        }
        Some("sum") => "ReduceSum",
        Some("mul") => "ReduceProd",
        Some("ave") => "ReduceMean",
        _ => return Err(call.unsupported(format!("its merge_mode is {}", call.option("merge_mode")))),
    };
    let axes = call.integers("direction", &[axis]);
    Ok((call.node(operator, &[value, &axes], |node| node.with("keepdims", 0_i64)), units))
}

fn options(call: &Call<'_>, kind: &Kind, config: &Value) -> Result<Options, ImportError> {
    let flag = |key: &str, otherwise: bool| config[key].as_bool().unwrap_or(otherwise);
    let refused = [("return_state", "returns its state"), ("stateful", "keeps its state from call to call")];
    if let Some((_, what)) = refused.into_iter().find(|(key, _)| flag(key, false)) {
        return Err(call.unsupported(format!("it {what}")));
    }
    let units = config["units"].as_u64().and_then(|units| u32::try_from(units).ok()).filter(|units| *units > 0);
    let units = units.ok_or_else(|| call.malformed(format!("its units are {}", config["units"])))? as usize;
    let function = |key: &str| {
        let function = Function::read(&config[key], call.keras).map_err(|error| call.blame(error))?;
        function.recurrent().ok_or_else(|| call.unsupported(format!("its {key} is {}", config[key])))
    };
    let mut functions = vec![function("activation")?; kind.functions];
    if kind.functions > 1 {
        functions[0] = function("recurrent_activation")?;
    }
    // Before Keras 2.3 the reset came first, and the option did not exist.
    let reset_after = flag("reset_after", false);
    Ok(Options {
        units,
        sequences: flag("return_sequences", false),
        backwards: flag("go_backwards", false),
        reset_after,
        bias: flag("use_bias", true),
        functions,
    })
}

/// The weights of each direction in turn.
fn joined(call: &mut Call<'_>, kind: &Kind, directions: &[&Options]) -> Result<Joined, ImportError> {
    let mut joined = Joined::default();
    for options in directions {
        let width = kind.gates.len() * options.units;
        let kernel = call.weight("kernel", 2)?;
        let recurrent = call.weight("recurrent_kernel", 2)?;
        if kernel.shape[1] != width || recurrent.shape != [options.units, width] {
            return Err(call.malformed(format!("its kernels have shapes {:?} and {:?}", kernel.shape, recurrent.shape)));
        }
        if joined.inputs != 0 && joined.inputs != kernel.shape[0] {
            return Err(call.malformed("its two layers take inputs of different widths"));
        }
        joined.inputs = kernel.shape[0];
        joined.kernel.extend(rows(&kernel, kind, options.units));
        joined.recurrent.extend(rows(&recurrent, kind, options.units));
        if options.bias {
            joined.bias.extend(biases(call, kind, options)?);
        }
    }
    Ok(joined)
}

/// `[in, gates · units]` as rows of `[gates · units, in]`, the gates in ONNX' order.
fn rows(kernel: &Weight, kind: &Kind, units: usize) -> Vec<f32> {
    let turned = kernel.permuted(&[1, 0]);
    let width = kernel.shape[0];
    let gate = |&gate: &usize| &turned.values[gate * units * width..(gate + 1) * units * width];
    kind.gates.iter().flat_map(gate).copied().collect()
}

/// The bias of the input, then that of the state, which Keras has for a reset that comes after alone.
fn biases(call: &mut Call<'_>, kind: &Kind, options: &Options) -> Result<Vec<f32>, ImportError> {
    let width = kind.gates.len() * options.units;
    let bias = call.any_weight("bias")?;
    let two = match bias.shape[..] {
        [length] if length == width => [bias.values, vec![0.0; width]].concat(),
        [2, length] if length == width => bias.values,
        _ => return Err(call.malformed(format!("its bias has shape {:?}", bias.shape))),
    };
    let part = |part: &[f32]| -> Vec<f32> {
        kind.gates.iter().flat_map(|&gate| &part[gate * options.units..(gate + 1) * options.units]).copied().collect()
    };
    Ok([part(&two[..width]), part(&two[width..])].concat())
}

/// The operator: every step's output `[steps, directions, batch, units]`, or the last one's `[directions, batch, units]`.
fn recurrent(
    call: &mut Call<'_>,
    kind: &Kind,
    options: &Options,
    joined: &Joined,
    direction: &str,
) -> Result<String, ImportError> {
    let input = call.input();
    if input.rank() != 3 {
        return Err(call.malformed(format!("its input has {} axes, and a sequence has 3", input.rank())));
    }
    let directions = if direction == "bidirectional" { 2 } else { 1 };
    let width = kind.gates.len() * options.units;
    let weight = |shape: Vec<usize>, values: &Vec<f32>| Weight { shape, values: values.clone() };
    let kernel = call.parameter("kernel", &weight(vec![directions, width, joined.inputs], &joined.kernel));
    let state = vec![directions, width, options.units];
    let state = call.parameter("recurrent_kernel", &weight(state, &joined.recurrent));
    let bias = (!joined.bias.is_empty()).then(|| weight(vec![directions, 2 * width], &joined.bias));
    let bias = bias.map(|bias| call.parameter("bias", &bias));
    let x = call.emitter.plain(&input);
    let x = call.node("Transpose", &[&x], |node| node.with("perm", vec![1_i64, 0, 2]));
    let inputs: Vec<&str> = [x.as_str(), &kernel, &state].into_iter().chain(bias.as_deref()).collect();
    let name = call.part(&kind.operator.to_lowercase());
    let node = Node::new(name, kind.operator, &inputs, &[])
        .with("hidden_size", options.units as i64)
        .with("direction", direction);
    let node = functions(node, options, directions);
    let node =
        if kind.operator == "GRU" { node.with("linear_before_reset", i64::from(options.reset_after)) } else { node };
    let (all, last) = (call.part("steps"), call.part("last"));
    let wanted = if options.sequences { [all.clone(), String::new()] } else { [String::new(), last.clone()] };
    call.node_of(node, &wanted);
    Ok(if options.sequences { all } else { last })
}

/// The functions of each direction, with their numbers where one has any.
///
/// Some programs count the numbers by function, others by function that has one; a function without one is given that of
/// its neighbour, so that both find the same.
fn functions(node: Node, options: &Options, directions: usize) -> Node {
    use briq_graph::Attribute;
    let has_numbers = |function: &&(&str, f32, f32)| matches!(function.0, "HardSigmoid" | "Affine");
    let all = || options.functions.iter().cycle().take(options.functions.len() * directions);
    let node = node.with("activations", Attribute::Strings(all().map(|(name, ..)| (*name).to_owned()).collect()));
    let Some(neighbour) = options.functions.iter().find(has_numbers) else { return node };
    let numbers = || all().map(|function| if has_numbers(&function) { function } else { neighbour });
    let alphas = numbers().map(|(_, alpha, _)| *alpha).collect();
    let betas = numbers().map(|(.., beta)| *beta).collect();
    node.with("activation_alpha", Attribute::Floats(alphas)).with("activation_beta", Attribute::Floats(betas))
}
