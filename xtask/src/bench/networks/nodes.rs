//! Trivial nodes in a row: what carrying out a node costs, apart from its arithmetic.

use anyhow::Result;
use briq_graph::{Dim, ElementType, Graph};

use super::batched;
use super::builder::Builder;

/// How many there are.
pub(in crate::bench) const COUNT: usize = 1_000;

/// `c - x` and the maximum of the last two values by turns: nothing that a pass could fold or fuse.
pub(super) fn build() -> Result<Graph> {
    let mut builder = Builder::new("nodes");
    let mut before = builder.input("input", ElementType::F32, &[Dim::Fixed(4)]);
    let mut last = before.clone();
    for position in 0..COUNT {
        let next = if position % 2 == 0 {
            let constant = builder.random(&[4], 0.0, 1.0);
            builder.node("Sub", &[&constant, &last])
        } else {
            builder.node("Max", &[&last, &before])
        };
        before = std::mem::replace(&mut last, next);
    }
    Ok(builder.finish(&last, batched(&[4])))
}
