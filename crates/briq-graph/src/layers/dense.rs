//! Dense layers, and dropout between them.

use briq_spec::recipe::{Dense, Dropout};

use super::Init;
use super::builder::Builder;
use crate::{GraphError, GraphErrorKind, Initializer, Node};

impl Builder {
    /// Over `[features]` one `Gemm`; over `[steps, features]` a `MatMul` and an `Add`, the same for each step.
    pub(super) fn dense(&mut self, layer: &Dense, rectified: bool) -> Result<(), GraphError> {
        self.length("number of units", layer.units)?;
        let (fan_in, rank) = match self.shape.as_slice() {
            [features] => (*features, 1),
            [_, features] => (*features, 2),
            _ => return Err(self.wants("[features] or [steps, features]").advise("put a `flatten` layer before it")),
        };
        let init = weight_init(fan_in, layer.units, rectified);
        let weight = self.parameter("weight", &[fan_in, layer.units], init)?;
        let bias = layer.bias.then(|| self.parameter("bias", &[layer.units], Init::Zeros)).transpose()?;
        let mut shape = self.shape.clone();
        shape[rank - 1] = layer.units;
        if rank == 1 {
            let inputs: Vec<String> = std::iter::once(weight).chain(bias).collect();
            self.emit(Node::new(&self.name, "Gemm", &[], &[]), &inputs, shape)?;
        } else {
            self.each_step(weight, bias, shape)?;
        }
        self.activate(layer.activation)
    }

    fn each_step(&mut self, weight: String, bias: Option<String>, shape: Vec<usize>) -> Result<(), GraphError> {
        let Some(bias) = bias else {
            return self.emit(Node::new(&self.name, "MatMul", &[], &[]), &[weight], shape);
        };
        self.emit(Node::new(format!("{}.matmul", self.name), "MatMul", &[], &[]), &[weight], shape.clone())?;
        self.emit(Node::new(&self.name, "Add", &[], &[]), &[bias], shape)
    }

    /// The operator passes its input through unless it is told to train; the rate stays in the graph, so that a graph
    /// that was read back can be trained further.
    pub(super) fn dropout(&mut self, layer: &Dropout) -> Result<(), GraphError> {
        if !(0.0..1.0).contains(&layer.rate) {
            let reason = format!("its rate is {}, from 0 up to but not including 1 is wanted", layer.rate);
            return Err(self.refuse(GraphErrorKind::Malformed, reason));
        }
        let ratio = Initializer::from_f32(format!("{}.ratio", self.name), vec![], &[layer.rate as f32]);
        let ratio = self.constant(ratio);
        self.emit(Node::new(&self.name, "Dropout", &[], &[]), &[ratio], self.shape.clone())
    }
}

pub(super) fn weight_init(fan_in: usize, fan_out: usize, rectified: bool) -> Init {
    if rectified { Init::KaimingUniform { fan_in } } else { Init::GlorotUniform { fan_in, fan_out } }
}
