//! The networks that runtimes are compared on: known architectures in the form that exporters write, with seeded random
//! weights, scaled so that activations stay finite.

mod builder;
mod digits;
mod lstm;
mod mobilenet_v2;
mod mobilenet_v3;
mod nodes;
mod perceptron;
mod random;
mod resnet50;
mod transformer;

use anyhow::{Result, bail};
use briq_graph::{Dim, ElementType, Graph, Value};

pub(super) use self::nodes::COUNT as NODES;

/// A network and how it is fed.
pub(super) struct Network {
    pub(super) name: &'static str,
    /// One line for the table.
    pub(super) about: &'static str,
    build: fn() -> Result<Graph>,
    /// Lengths of open dimensions other than `batch`.
    pub(super) dimensions: &'static [(&'static str, usize)],
    /// Integers that an input is drawn from: first, end.
    pub(super) ranges: &'static [(&'static str, i64, i64)],
}

/// The symbol of the dimension that counts examples.
const BATCH: &str = "batch";

/// The network of trivial nodes: not part of the comparison of networks, but of what a node costs.
pub(super) const TRIVIAL: &str = "nodes";

const fn network(name: &'static str, about: &'static str, build: fn() -> Result<Graph>) -> Network {
    Network { name, about, build, dimensions: &[], ranges: &[] }
}

/// Every network, small ones first.
pub(super) const NETWORKS: [Network; 10] = [
    network("digits-mlp", "64-64-10", digits::mlp),
    network("digits-cnn", "two convolutions on 8×8", digits::cnn),
    network("mlp", "784-128-10", perceptron::build),
    network(TRIVIAL, "1,000 nodes on 4 numbers", nodes::build),
    network("lstm", "2 layers of 128, 100 steps of 64", lstm::lstm),
    network("gru", "2 layers of 256, 100 steps of 64", lstm::gru),
    network("mobilenet-v3-small", "224×224, hard swish, squeeze and excite", mobilenet_v3::build),
    network("mobilenet-v2", "224×224, depthwise, ReLU6", mobilenet_v2::build),
    Network {
        dimensions: &[("sequence", transformer::SEQUENCE)],
        ranges: &[("input_ids", 0, transformer::VOCABULARY as i64)],
        ..network("transformer", "encoder, 6 layers of 384, 12 heads, 128 tokens", transformer::build)
    },
    network("resnet-50", "224×224", resnet50::build),
];

impl Network {
    /// The graph; the same on every machine.
    pub(super) fn graph(&self) -> Result<Graph> {
        (self.build)()
    }

    /// The shape of an input where `batch` examples are asked.
    pub(super) fn shape(&self, input: &Value, batch: usize) -> Result<Vec<usize>> {
        input.shape.iter().map(|dim| self.length(dim, batch)).collect()
    }

    fn length(&self, dim: &Dim, batch: usize) -> Result<usize> {
        let symbol = match dim {
            Dim::Fixed(length) => return Ok(*length),
            Dim::Dynamic(symbol) if symbol == BATCH => return Ok(batch),
            Dim::Dynamic(symbol) => symbol,
        };
        match self.dimensions.iter().find(|(name, _)| name == symbol) {
            Some((_, length)) => Ok(*length),
            None => bail!("network {} does not say how long its dimension {symbol} is", self.name),
        }
    }
}

/// An open first dimension, then these lengths.
fn batched(lengths: &[usize]) -> Vec<Dim> {
    let open = Dim::Dynamic(BATCH.to_owned());
    std::iter::once(open).chain(lengths.iter().map(|&length| Dim::Fixed(length))).collect()
}

/// An output of single-precision numbers.
fn output(name: &str, shape: Vec<Dim>) -> Value {
    Value::new(name, ElementType::F32, shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_can_be_planned_and_fed() {
        for network in &NETWORKS {
            let graph = network.graph().expect(network.name);
            briq_graph::plan::Plan::new(&graph).expect(network.name);
            for input in &graph.inputs {
                assert!(network.shape(input, 2).expect(network.name).starts_with(&[2]), "{}", network.name);
            }
        }
    }
}
