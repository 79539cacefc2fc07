//! Examples of a batch that are computed apart.
//!
//! A convolutional network turns one image into many megabytes, and a batch of them into more than any cache holds. Where
//! the examples have nothing to do with each other, each goes through the whole network by itself, on one thread: what a node
//! leaves is in that thread's cache when the next node reads it, and no node waits for the threads of the one before.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use briq_graph::Graph;
use burn::backend::DispatchDevice;

use crate::error::ModelError;
use crate::kernel;
use crate::operator::Run;
use crate::optimization::Optimization;
use crate::value::Value;

/// Bytes of an example's largest value from which examples are computed apart. Where they are smaller, a batch fits the caches,
/// and weights that are read once for all of it save more.
const LARGE: usize = 256 << 10;

/// What a computation of the network takes and gives.
type Compute<'a> = &'a (dyn Fn(Vec<Value>, &mut Run) -> Result<Vec<Value>, ModelError> + Sync);

/// What is known of the examples of a network that computes each by itself.
pub(crate) struct Examples {
    /// Numbers in the inputs of the largest example that was computed.
    seen: AtomicUsize,
    /// Bytes of its largest value.
    largest: AtomicUsize,
}

impl Examples {
    /// Whether a network computes each example by itself, and our kernels compute it.
    pub(crate) fn of(graph: &Graph, device: &DispatchDevice, optimization: &Optimization) -> Option<Self> {
        let apart = kernel::serves(device) && optimization.kernels && briq_graph::examples::are_apart(graph);
        apart.then(|| Self { seen: AtomicUsize::new(0), largest: AtomicUsize::new(0) })
    }

    /// Computes a batch: its examples apart, once they are known to be large.
    pub(crate) fn run(&self, inputs: Vec<Value>, compute: Compute<'_>) -> Result<Vec<Value>, ModelError> {
        let count = inputs.first().and_then(|input| input.shape().first().copied()).unwrap_or(0);
        if count > 1
            && self.largest.load(Ordering::Relaxed) >= LARGE
            && let Some(parts) = kernel::examples(&inputs, count)
        {
            return apart(parts, compute);
        }
        let numbers: usize = inputs.iter().map(|input| input.shape().iter().product::<usize>()).sum();
        let numbers = numbers.checked_div(count).unwrap_or(0);
        if numbers <= self.seen.load(Ordering::Relaxed) {
            return compute(inputs, &mut Run::default());
        }
        let mut run = Run { largest: Some(0), ..Run::default() };
        let outputs = compute(inputs, &mut run)?;
        self.seen.fetch_max(numbers, Ordering::Relaxed);
        if let Some(example) = run.largest.unwrap_or(0).checked_div(count)
            && outputs.iter().all(kernel::is_ours)
        {
            self.largest.fetch_max(example, Ordering::Relaxed);
        }
        Ok(outputs)
    }
}

/// Computes each example and joins what comes out.
fn apart(examples: Vec<Vec<Value>>, compute: Compute<'_>) -> Result<Vec<Value>, ModelError> {
    type Slot = Mutex<(Option<Vec<Value>>, Result<Vec<Value>, ModelError>)>;
    let slots: Vec<Slot> = examples.into_iter().map(|inputs| Mutex::new((Some(inputs), Ok(Vec::new())))).collect();
    briq_kernels::apart(slots.len(), |index| {
        let mut slot = slots[index].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(inputs) = slot.0.take() {
            slot.1 = compute(inputs, &mut Run::default());
        }
    });
    let results = slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner).1);
    let results: Vec<Vec<Value>> = results.collect::<Result<_, _>>()?;
    kernel::joined(results)
}
