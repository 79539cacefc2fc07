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

use anyhow::Result;
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
pub(super) const BATCH: &str = "batch";

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
