//! 784-128-10: the network that tutorials read handwritten digits with.

use anyhow::Result;
use briq_graph::{Attribute, Dim, ElementType, Graph};

use super::batched;
use super::builder::Builder;

pub(super) fn build() -> Result<Graph> {
    let mut builder = Builder::new("mlp");
    let x = builder.input("input", ElementType::F32, &[Dim::Fixed(784)]);
    let hidden = builder.linear(&x, [784, 128]);
    let hidden = builder.node("Relu", &[&hidden]);
    let scores = builder.linear(&hidden, [128, 10]);
    let y = builder.node_with("Softmax", &[&scores], vec![("axis", Attribute::from(1_i64))]);
    Ok(builder.finish(&y, batched(&[10])))
}
