//! Examples of a batch that are computed apart.
//!
//! A convolutional network turns one image into many megabytes, and a batch of them into more than any cache holds. Where
//! the examples have nothing to do with each other, each goes through the first part of the network by itself, on one thread:
//! what a node leaves is in that thread's cache when the next node reads it, and no node waits for the threads of the one
//! before. Further on images are small and weights large: there the batch goes on as a whole, so that weights are read once
//! for all of it.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use briq_graph::Graph;
use burn::backend::DispatchDevice;

use crate::error::ModelError;
use crate::kernel;
use crate::network::{Network, Values};
use crate::operator::Run;
use crate::optimization::Optimization;
use crate::value::Value;

/// Bytes of what a step gives for one example, from which examples are computed apart at all. Where they are fewer, a batch fits
/// the caches.
const LARGE: usize = 256 << 10;

/// What is known of the examples of a network that computes each by itself.
pub(crate) struct Examples {
    /// Whether each slot is for a value whose first axis is the batch.
    carries: Vec<bool>,
    /// Bytes of the parameters that each step reads.
    weights: Vec<usize>,
    /// Numbers in the inputs of the largest example that was computed.
    seen: AtomicUsize,
    /// For such examples: the steps that are carried out apart, from the first on.
    steps: AtomicUsize,
}

impl Examples {
    /// The values whose first axis is the batch, where a network computes each example by itself and our kernels compute it.
    pub(crate) fn names(
        graph: &Graph,
        device: &DispatchDevice,
        optimization: &Optimization,
    ) -> Option<HashSet<String>> {
        if kernel::serves(device) && optimization.kernels { briq_graph::examples::apart(graph) } else { None }
    }

    /// Of a network in which the values of these `names` have the batch.
    pub(crate) fn new(network: &Network, names: &HashSet<String>) -> Self {
        Self {
            carries: network.are_among(names),
            weights: network.weights(),
            seen: AtomicUsize::new(0),
            steps: AtomicUsize::new(0),
        }
    }

    /// Computes a batch: its examples apart, once they are known to be large.
    pub(crate) fn run(
        &self,
        network: &Network,
        parameters: &[Value],
        inputs: Vec<Value>,
    ) -> Result<Vec<Value>, ModelError> {
        let count = inputs.first().and_then(|input| input.shape().first().copied()).unwrap_or(0);
        let steps = self.steps.load(Ordering::Relaxed);
        if count > 1
            && steps > 0
            && let Some(examples) = kernel::examples(&inputs, count)
        {
            let begun = examples.into_iter().map(|inputs| network.begin(parameters, inputs)).collect();
            return self.apart(network, begun, steps);
        }
        let numbers: usize = inputs.iter().map(|input| input.shape().iter().product::<usize>()).sum();
        let numbers = numbers.checked_div(count).unwrap_or(0);
        if numbers <= self.seen.load(Ordering::Relaxed) {
            return network.run(parameters, inputs, &mut Run::default());
        }
        let mut run = Run { sizes: Some(Vec::new()), ..Run::default() };
        let outputs = network.run(parameters, inputs, &mut run)?;
        self.seen.fetch_max(numbers, Ordering::Relaxed);
        let sizes = run.sizes.unwrap_or_default().into_iter().map(|bytes| bytes.checked_div(count).unwrap_or(0));
        self.steps.store(steps_apart(&sizes.collect::<Vec<_>>(), &self.weights), Ordering::Relaxed);
        Ok(outputs)
    }

    /// Carries out the first steps for each example, and the others for what they all gave.
    fn apart(&self, network: &Network, begun: Vec<Values>, steps: usize) -> Result<Vec<Value>, ModelError> {
        let examples = each(begun, |values| network.advance(values, 0..steps, &mut Run::default()))?;
        let all = self.weights.len();
        if let Some(mut values) = self.joined(&examples) {
            drop(examples);
            network.advance(&mut values, steps..all, &mut Run::default())?;
            return network.wanted(&values);
        }
        // Values that are no tensors of ours stay with their examples to the end.
        let examples = each(examples, |values| network.advance(values, steps..all, &mut Run::default()))?;
        let foreign = || ModelError::invalid("the network gives no tensor of single precision");
        network.wanted(&self.joined(&examples).ok_or_else(foreign)?)
    }

    /// The values of all examples; nothing if those that have the batch are no tensors of ours.
    fn joined(&self, examples: &[Values]) -> Option<Values> {
        let first = examples.first()?;
        let join = |(slot, value): (usize, &Option<Value>)| match value {
            Some(_) if self.carries[slot] => {
                let parts = examples.iter().map(|values| values[slot].clone()).collect::<Option<_>>()?;
                kernel::joined(parts).map(Some)
            }
            other => Some(other.clone()),
        };
        first.iter().enumerate().map(join).collect()
    }
}

/// Carries out `work` for each example, on several threads.
fn each(
    examples: Vec<Values>,
    work: impl Fn(&mut Values) -> Result<(), ModelError> + Sync,
) -> Result<Vec<Values>, ModelError> {
    let slots: Vec<_> = examples.into_iter().map(|values| Mutex::new((values, Ok(())))).collect();
    briq_kernels::apart(slots.len(), |index| {
        let mut slot = slots[index].lock().unwrap_or_else(PoisonError::into_inner);
        let (values, result) = &mut *slot;
        *result = work(values);
    });
    let done = slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    done.map(|(values, result)| result.map(|()| values)).collect()
}

/// After how many steps examples are put together, given the bytes that each step gives for one example and those of its
/// weights.
///
/// What a step gives is written and read; of a whole batch, that is from and to a far cache. Of single examples it stays in a
/// near one, but weights come from afar for each.
fn steps_apart(sizes: &[usize], weights: &[usize]) -> usize {
    if sizes.iter().max().is_none_or(|&largest| largest < LARGE) {
        return 0;
    }
    let mut traffic: usize = sizes.iter().map(|bytes| 2 * bytes).sum();
    let mut least = (traffic, 0);
    for (step, (given, read)) in sizes.iter().zip(weights).enumerate() {
        traffic = traffic + read - 2 * given;
        least = least.min((traffic, step + 1));
    }
    least.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_put_together_where_weights_outweigh_them() {
        let mega = 1 << 20;
        assert_eq!(steps_apart(&[mega, mega, mega / 8, 10], &[100, mega, mega, mega]), 2);
        assert_eq!(steps_apart(&[mega, mega], &[0, 0]), 2, "to the end where there are no weights");
        assert_eq!(steps_apart(&[LARGE - 1, 10], &[10, 10]), 0, "small examples go together");
        assert_eq!(steps_apart(&[mega], &[8 * mega]), 0, "and so do large weights");
        assert_eq!(steps_apart(&[], &[]), 0);
    }
}
