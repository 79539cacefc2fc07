//! Burn's optimisers over parameters whose rank is known only at run time.
//!
//! Each of them works element by element, so a parameter is stepped as a vector and put back into its shape.

use std::collections::BTreeMap;

use briq_spec::recipe::Optimizer as Spec;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, Optimizer as BurnOptimizer, RecordState, SgdConfig, StateSink, StateSource};
use burn::tensor::{Device, Tensor, TensorData};

use crate::value::{DeviceTensor, dimensions, reshape};

/// One optimiser with the state that it keeps of every parameter.
pub(crate) trait Optimizer: Send {
    /// The parameter after one step against `gradient`, of the same shape.
    fn step(&mut self, name: &str, rate: f64, parameter: DeviceTensor, gradient: DeviceTensor) -> DeviceTensor;

    /// All state, as named tensors and JSON scalars, for a checkpoint.
    fn save(&self) -> Result<State, serde_json::Error>;

    /// Takes back what [`Optimizer::save`] gave.
    fn restore(&mut self, state: State, device: &Device) -> Result<(), serde_json::Error>;
}

/// The state of an optimiser outside the device.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) tensors: Vec<(String, TensorData)>,
    pub(crate) scalars: serde_json::Value,
    pub(crate) parameters: Vec<String>,
}

/// Builds the optimiser that a recipe asks for.
pub(crate) fn build(spec: &Spec) -> Box<dyn Optimizer> {
    match spec {
        Spec::Adam(adam) => {
            let config = AdamConfig::new()
                .with_beta_1(adam.beta1 as f32)
                .with_beta_2(adam.beta2 as f32)
                .with_epsilon(adam.epsilon as f32)
                .with_weight_decay(decay(adam.weight_decay));
            Box::new(Stateful::new(config.build()))
        }
        Spec::Sgd(sgd) => {
            let config = SgdConfig::new()
                .with_momentum(momentum(sgd.momentum, sgd.nesterov))
                .with_weight_decay(decay(sgd.weight_decay));
            Box::new(Stateful::new(config.build()))
        }
    }
}

fn decay(penalty: f64) -> Option<WeightDecayConfig> {
    (penalty > 0.0).then(|| WeightDecayConfig::new(penalty as f32))
}

/// Momentum as PyTorch and Keras define it: without dampening.
fn momentum(factor: f64, nesterov: bool) -> Option<MomentumConfig> {
    let config = MomentumConfig::new().with_momentum(factor).with_dampening(0.0);
    (factor > 0.0).then(|| config.with_nesterov(nesterov))
}

struct Stateful<O: BurnOptimizer> {
    optimizer: O,
    states: BTreeMap<String, O::State<1>>,
}

impl<O: BurnOptimizer> Stateful<O> {
    fn new(optimizer: O) -> Self {
        Self { optimizer, states: BTreeMap::new() }
    }
}

impl<O> Optimizer for Stateful<O>
where
    O: BurnOptimizer + Send,
    O::State<1>: RecordState,
{
    fn step(&mut self, name: &str, rate: f64, parameter: DeviceTensor, gradient: DeviceTensor) -> DeviceTensor {
        let shape = dimensions(&parameter);
        let state = self.states.remove(name);
        let (stepped, state) = self.optimizer.step::<1>(rate, vector(parameter), vector(gradient), state);
        if let Some(state) = state {
            self.states.insert(name.to_owned(), state);
        }
        reshape(stepped.into_dispatch(), &shape)
    }

    fn save(&self) -> Result<State, serde_json::Error> {
        let mut sink = StateSink::default();
        for (name, state) in &self.states {
            state.state_flatten(name, &mut sink);
        }
        let scalars: BTreeMap<_, _> = sink.scalars.into_iter().collect();
        Ok(State {
            tensors: sink.tensors,
            scalars: serde_json::to_value(scalars)?,
            parameters: self.states.keys().cloned().collect(),
        })
    }

    fn restore(&mut self, state: State, device: &Device) -> Result<(), serde_json::Error> {
        let mut source = StateSource::new(serde_json::from_value(state.scalars)?);
        for (name, data) in state.tensors {
            source.insert_tensor(name, data);
        }
        for name in state.parameters {
            let state = O::State::<1>::state_unflatten(&name, &mut source, device);
            let missing = || <serde_json::Error as serde::de::Error>::custom(format!("there is no state of `{name}`"));
            let state = state.ok_or_else(missing)?;
            self.states.insert(name, state);
        }
        Ok(())
    }
}

fn vector(tensor: DeviceTensor) -> Tensor<1> {
    let count = dimensions(&tensor).iter().product();
    Tensor::from_dispatch(reshape(tensor, &[count]))
}
