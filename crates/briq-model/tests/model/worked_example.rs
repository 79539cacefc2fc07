//! One neuron by hand: forward, backward and one step of gradient descent.
//!
//! x = [0.5, 0.7, 0.2], w = [0.1, 0.3, 0.2], b = 0.5, y = tanh(w·x + b), E = (y − t)² with t = 0.7, rate 0.1.

use briq_graph::layers::{self, LayerInput};
use briq_model::{Backend, Examples, HostParameters, Silent, Task, train};
use briq_spec::recipe::{ActivationFunction, Dense, Layer, Loss, Optimizer, Schedule, Sgd, TrainSection};

use crate::backends::each;

const X: [f64; 3] = [0.5, 0.7, 0.2];
const W: [f64; 3] = [0.1, 0.3, 0.2];
const B: f64 = 0.5;
const TARGET: f64 = 0.7;
const RATE: f64 = 0.1;

fn neuron() -> layers::Network {
    let dense = Dense { units: 1, activation: Some(ActivationFunction::Tanh), bias: true };
    let input = LayerInput { name: "x".into(), shape: vec![3] };
    layers::build("neuron", &[Layer::Dense(dense)], &input, None).unwrap()
}

fn section() -> TrainSection {
    TrainSection {
        epochs: 1,
        batch_size: 1,
        optimizer: Optimizer::Sgd(Sgd { learning_rate: RATE, ..Sgd::default() }),
        schedule: Schedule::Constant,
        loss: Loss::Mse,
        metrics: Vec::new(),
        early_stopping: None,
        checkpoint_every: 1,
        seed: 0,
    }
}

fn start(layers: &layers::Network) -> HostParameters {
    let values = |parameter: &layers::Parameter| {
        let values = if parameter.shape.iter().product::<usize>() == 3 { W.to_vec() } else { vec![B] };
        (parameter.name.clone(), parameter.shape.clone(), values.iter().map(|value| *value as f32).collect())
    };
    layers.parameters.iter().map(values).collect()
}

/// Loss of the step, then weights and bias after it.
fn step(backend: Backend) -> (f64, Vec<f64>) {
    let layers = neuron();
    let start = start(&layers);
    let examples = Examples {
        features: X.map(|value| value as f32).to_vec(),
        width: 3,
        targets: vec![TARGET as f32],
        outputs: 1,
        classes: Vec::new(),
    };
    let task = Task {
        layers: &layers,
        section: &section(),
        train: &examples,
        validation: &Examples::default(),
        start: Some(&start),
        frozen: &[],
        device: backend.device().unwrap(),
        checkpoint: None,
        fingerprint: String::new(),
    };
    let trained = train(&task, &mut Silent).unwrap();
    let mut values: Vec<f64> = Vec::new();
    for (_, shape, parameter) in &trained.parameters {
        let at = if shape.iter().product::<usize>() == 3 { 0 } else { values.len() };
        values.splice(at..at, parameter.iter().map(|value| f64::from(*value)));
    }
    (trained.history.epochs[0].train_loss, values)
}

#[test]
fn one_neuron_steps_to_the_values_worked_out_by_hand() {
    let z: f64 = X.iter().zip(W).map(|(x, w)| x * w).sum::<f64>() + B;
    let y = z.tanh();
    assert!((z - 0.80).abs() < 1e-12 && (y - 0.664_036_8).abs() < 1e-6);
    let slope = 2.0 * (y - TARGET) * (1.0 - y * y);
    for backend in each() {
        let (loss, values) = step(backend);
        assert!((loss - (y - TARGET).powi(2)).abs() < 1e-6, "{backend}: loss {loss}");
        for (index, x) in X.iter().enumerate() {
            let expected = W[index] - RATE * slope * x;
            assert!((values[index] - expected).abs() < 1e-6, "{backend}: w{index} {} is not {expected}", values[index]);
        }
        let expected = B - RATE * slope;
        assert!((values[3] - expected).abs() < 1e-6, "{backend}: b {} is not {expected}", values[3]);
    }
}
