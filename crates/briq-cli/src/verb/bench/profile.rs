//! Which operators the time of a prediction goes to.

use std::collections::BTreeMap;
use std::fmt;

use briq_engine::Tensor;
use briq_model::BurnEngine;
use serde::Serialize;

/// Predictions that are measured; of each node the quickest counts.
const RUNS: usize = 10;

/// The part that an operator has in a prediction.
#[derive(Serialize)]
pub(super) struct Share {
    operator: String,
    /// Whether a kernel of Briq computes it.
    kernel: bool,
    nodes: usize,
    /// Of all nodes together.
    seconds: f64,
    /// Of the time of all operators.
    fraction: f64,
}

/// The parts of all operators, the largest first.
pub(super) fn shares(engine: &BurnEngine, inputs: &[Tensor]) -> anyhow::Result<Vec<Share>> {
    let mut best = engine.profile(inputs)?;
    for _ in 1..RUNS {
        for (best, node) in best.iter_mut().zip(engine.profile(inputs)?) {
            best.seconds = best.seconds.min(node.seconds);
        }
    }
    let total: f64 = best.iter().map(|node| node.seconds).sum();
    let mut sums: BTreeMap<(String, bool), (usize, f64)> = BTreeMap::new();
    for node in best {
        let sum = sums.entry((node.operator, node.kernel)).or_default();
        *sum = (sum.0 + 1, sum.1 + node.seconds);
    }
    let share =
        |((operator, kernel), (nodes, seconds))| Share { operator, kernel, nodes, seconds, fraction: seconds / total };
    let mut shares: Vec<Share> = sums.into_iter().map(share).collect();
    shares.sort_by(|left, right| right.seconds.total_cmp(&left.seconds));
    Ok(shares)
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator, kernel, nodes, seconds, fraction } = self;
        let by = if *kernel { "kernel" } else { "Burn" };
        let (percent, span) = (fraction * 100.0, super::span(*seconds));
        write!(f, "{percent:5.1} %  {span:>10}  {nodes:4} × {operator} ({by})")
    }
}
