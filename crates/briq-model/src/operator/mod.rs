//! ONNX operators on Burn: one function each, a family per file.
//!
//! Single-precision tensors live on the device and are computed there, where Burn has a kernel; everything else, and
//! every other element type, is computed plainly on the host.

mod activation;
mod arithmetic;
mod attention;
mod call;
mod cast;
mod comparison;
mod control;
mod convolution;
mod fused;
mod generation;
mod gradient;
mod indexing;
mod learning;
mod linear;
mod normalization;
mod pooling;
mod quantization;
mod rearranging;
mod recurrent;
mod reduction;
mod resampling;
mod sampling;
mod scattering;
mod searching;
mod sequence;
mod shape;
mod signal;
mod slicing;
mod softmax;
mod space;
mod text;
mod transposed_convolution;
mod unary;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::value::{DeviceTensor, HostTensor, Value};

pub(crate) use call::{Call, fetch};
pub(crate) use convolution::Window;
pub(crate) use pooling::pooled_shape;

/// What an operator may ask of, or leave to, the run that it is part of.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Present while training: dropout drops and batch statistics are used.
    pub(crate) training: Option<Training>,
    /// Present while it is measured: how long each step took, in the order of the plan.
    pub(crate) times: Option<Vec<Duration>>,
}

/// The state of one training step.
#[derive(Debug)]
pub(crate) struct Training {
    /// Seeds the masks of this step; the same seed drops the same units on every backend.
    pub(crate) seed: u64,
    /// New values of running statistics, by parameter name, to be stored after the step.
    pub(crate) statistics: Vec<(String, DeviceTensor)>,
    /// Parameters that stay as they are, by name: running statistics among them are used instead of the batch's.
    pub(crate) frozen: Arc<BTreeSet<String>>,
}

pub(crate) type Outcome = Result<Vec<Value>, Fault>;
pub(crate) type Operator = fn(&mut Call) -> Outcome;

/// The operators of one family, by name.
type Family = &'static [(&'static str, Operator)];

/// Why an operator could not run; the caller adds the node.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("input {0} is absent")]
    MissingInput(usize),
    #[error("input {index} has to be {expected}")]
    WrongKind { index: usize, expected: &'static str },
    #[error("attribute `{name}` has to be {expected}")]
    WrongAttribute { name: &'static str, expected: &'static str },
    #[error("{0}")]
    Unsupported(String),
    #[error("its body failed")]
    Body(#[source] Box<crate::ModelError>),
}

impl Fault {
    pub(crate) fn because(reason: impl Into<String>) -> Self {
        Self::Unsupported(reason.into())
    }
}

/// Every operator of the standard domain by name: family after family.
const STANDARD: &[Family] = &[
    activation::OPERATORS,
    arithmetic::OPERATORS,
    attention::OPERATORS,
    cast::OPERATORS,
    comparison::OPERATORS,
    control::OPERATORS,
    convolution::OPERATORS,
    generation::OPERATORS,
    indexing::OPERATORS,
    linear::OPERATORS,
    normalization::OPERATORS,
    pooling::OPERATORS,
    quantization::OPERATORS,
    rearranging::OPERATORS,
    recurrent::OPERATORS,
    reduction::OPERATORS,
    resampling::OPERATORS,
    sampling::OPERATORS,
    scattering::OPERATORS,
    searching::OPERATORS,
    sequence::OPERATORS,
    shape::OPERATORS,
    signal::OPERATORS,
    slicing::OPERATORS,
    softmax::OPERATORS,
    text::OPERATORS,
    transposed_convolution::OPERATORS,
    unary::OPERATORS,
];

/// The families of a domain.
fn families(domain: &str) -> &'static [Family] {
    match domain {
        "" | "ai.onnx" => STANDARD,
        "ai.onnx.ml" => &[learning::OPERATORS],
        briq_graph::pass::FUSED_DOMAIN => &[fused::OPERATORS],
        _ => &[],
    }
}

/// The operator with this name.
pub(crate) fn find(domain: &str, name: &str) -> Option<Operator> {
    let mut all = families(domain).iter().copied().flatten();
    all.find(|(known, _)| *known == name).map(|&(_, operator)| operator)
}

/// The names of all operators of the standard domain, sorted.
#[must_use]
pub fn operator_names() -> Vec<&'static str> {
    let mut names: Vec<_> = STANDARD.iter().copied().flatten().map(|&(name, _)| name).collect();
    names.sort_unstable();
    names
}

/// An axis counted from the front, given one that may count from the back.
pub(crate) fn axis(given: i64, rank: usize) -> Result<usize, Fault> {
    let signed = i64::try_from(rank).unwrap_or(i64::MAX);
    let index = if given < 0 { given + signed } else { given };
    usize::try_from(index)
        .ok()
        .filter(|index| *index < rank)
        .ok_or_else(|| Fault::Unsupported(format!("axis {given} is outside rank {rank}")))
}

/// Several of them.
pub(crate) fn axes(given: &[i64], rank: usize) -> Result<Vec<usize>, Fault> {
    given.iter().map(|&given| axis(given, rank)).collect()
}

pub(crate) fn one(tensor: DeviceTensor) -> Outcome {
    Ok(vec![Value::Device(tensor)])
}

impl Call<'_> {
    /// A single result that was computed on the host.
    fn answer(&self, tensor: HostTensor) -> Outcome {
        Ok(vec![self.place(tensor)])
    }
}
