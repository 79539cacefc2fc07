//! Small engines that really compute, and the models made of them.

use std::sync::{Arc, Condvar, Mutex};

use briq_engine::{DataType, Engine, EngineError, GoldenExample, LoadedModel, Tensor, TensorSpec, Tolerance};

/// What an engine computes.
type Compute = Box<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>, EngineError> + Send + Sync>;

/// An engine of one function.
pub(crate) struct Function {
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    compute: Compute,
}

impl Engine for Function {
    fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }

    fn backend(&self) -> &str {
        "plain"
    }

    fn infer(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, EngineError> {
        (self.compute)(inputs)
    }
}

/// A model without golden examples around an engine.
pub(crate) fn model(name: &str, version: &str, engine: Function) -> LoadedModel {
    LoadedModel {
        name: name.to_owned(),
        version: version.to_owned(),
        digest: digest(version),
        engine: Box::new(engine),
        labels: None,
        golden: Vec::new(),
        tolerance: Tolerance { absolute: 1e-6, relative: 1e-6 },
    }
}

/// A digest of the right form that tells versions apart.
pub(crate) fn digest(version: &str) -> String {
    let hex: String = version.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("blake3:{hex:0<64}")
}

/// An engine from `x` to `y`, both FP32 `[n, 2]`.
pub(crate) fn map(f: impl Fn(f32) -> f32 + Send + Sync + 'static) -> Function {
    let compute = move |inputs: &[Tensor]| {
        let y: Vec<f32> = inputs[0].as_f32()?.into_iter().map(&f).collect();
        Ok(vec![Tensor::from_f32("y", &inputs[0].shape, &y)])
    };
    Function {
        inputs: vec![TensorSpec::new("x", DataType::Fp32, &[-1, 2])],
        outputs: vec![TensorSpec::new("y", DataType::Fp32, &[-1, 2])],
        compute: Box::new(compute),
    }
}

/// `y = a * x + b`, with a golden example that it computes itself.
pub(crate) fn affine(version: &str, a: f32, b: f32) -> LoadedModel {
    let inputs = vec![Tensor::from_f32("x", &[1, 2], &[1.0, -2.0])];
    let outputs = vec![Tensor::from_f32("y", &[1, 2], &[a + b, -2.0 * a + b])];
    let golden = vec![GoldenExample { inputs, outputs }];
    LoadedModel { golden, ..model("affine", version, map(move |x| a * x + b)) }
}

/// Joins the byte strings of one input: BYTES `[n]` to BYTES `[1]`.
pub(crate) fn join() -> LoadedModel {
    let compute = |inputs: &[Tensor]| {
        let text = inputs[0].as_byte_strings()?.concat();
        let data = [&(text.len() as u32).to_le_bytes()[..], &text].concat();
        Ok(vec![Tensor::new("text", DataType::Bytes, &[1], data)?])
    };
    let engine = Function {
        inputs: vec![TensorSpec::new("words", DataType::Bytes, &[-1])],
        outputs: vec![TensorSpec::new("text", DataType::Bytes, &[1])],
        compute: Box::new(compute),
    };
    model("join", "1.0.0", engine)
}

/// Softmax over three classes that have names.
pub(crate) fn softmax() -> LoadedModel {
    let compute = |inputs: &[Tensor]| {
        let powers: Vec<f32> = inputs[0].as_f32()?.iter().map(|x| x.exp()).collect();
        let sum: f32 = powers.iter().sum();
        let shares: Vec<f32> = powers.iter().map(|power| power / sum).collect();
        Ok(vec![Tensor::from_f32("p", &[1, 3], &shares)])
    };
    let engine = Function {
        inputs: vec![TensorSpec::new("x", DataType::Fp32, &[1, 3])],
        outputs: vec![TensorSpec::new("p", DataType::Fp32, &[1, 3])],
        compute: Box::new(compute),
    };
    let labels = Some(["cat", "dog", "owl"].map(str::to_owned).to_vec());
    LoadedModel { labels, ..model("softmax", "1.0.0", engine) }
}

/// The models of these tests, by locator.
pub(crate) fn load(locator: &str) -> Result<LoadedModel, EngineError> {
    match locator {
        "v1" => Ok(affine("1.0.0", 2.0, 1.0)),
        "v2" => Ok(affine("1.1.0", 3.0, 0.0)),
        // Its examples were made by another function than the one it computes.
        "mistaken" => Ok(LoadedModel { golden: affine("", 2.0, 1.5).golden, ..affine("1.2.0", 2.0, 1.0) }),
        "join" => Ok(join()),
        "softmax" => Ok(softmax()),
        "damaged" => Err(EngineError::load("weights of `affine` are truncated")),
        "explosive" => panic!("a loader with a bug"),
        other => by_digest(other),
    }
}

fn by_digest(locator: &str) -> Result<LoadedModel, EngineError> {
    match locator {
        _ if locator == digest("1.0.0") => load("v1"),
        _ if locator == digest("1.1.0") => load("v2"),
        _ if locator == digest("1.2.0") => load("mistaken"),
        _ => Err(EngineError::not_found(format!("no model `{locator}`"))),
    }
}

/// A gate at which an engine waits, so that a test decides when a request is under way and when it ends.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    change: Condvar,
}

#[derive(Default)]
struct GateState {
    waiting: usize,
    open: bool,
}

impl Gate {
    /// Waits until the gate is open.
    pub(crate) fn pass(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        self.change.notify_all();
        drop(self.change.wait_while(state, |state| !state.open).unwrap());
    }

    pub(crate) fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.change.notify_all();
    }

    /// Waits until `count` passers came, without holding up the runtime.
    pub(crate) async fn reached(self: &Arc<Self>, count: usize) {
        let gate = Arc::clone(self);
        let wait = move || {
            let state = gate.state.lock().unwrap();
            drop(gate.change.wait_while(state, |state| state.waiting < count).unwrap());
        };
        tokio::task::spawn_blocking(wait).await.unwrap();
    }
}

/// A model named `name` whose requests wait at the gate when their first element is 1.
pub(crate) fn gated(name: &str, gate: &Arc<Gate>) -> LoadedModel {
    let gate = Arc::clone(gate);
    let pass = move |x: f32| {
        if x == 1.0 {
            gate.pass();
        }
        x
    };
    model(name, "1.0.0", map(pass))
}
