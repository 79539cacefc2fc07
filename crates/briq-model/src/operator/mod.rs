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
mod differentiation;
mod encoding;
mod fused;
mod generation;
mod gradient;
mod indexing;
mod learning;
mod linear;
mod linear_models;
mod mersenne_twister;
mod normalization;
mod optimization;
mod pooling;
mod quantization;
mod random;
mod rearranging;
mod recurrent;
mod reduction;
mod regions;
mod resampling;
mod sampling;
mod scattering;
mod scoring;
mod searching;
mod sequence;
mod shape;
mod signal;
mod slicing;
mod softmax;
mod space;
mod support_vectors;
mod terms;
mod text;
mod transposed_convolution;
mod tree_ensembles;
mod trees;
mod unary;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use briq_kernels::convolution::Tiling;

use crate::value::{DeviceTensor, HostTensor, Mapped, Value};

pub(crate) use call::{Call, fetch};
pub(crate) use convolution::Window;
pub(crate) use differentiation::with_bodies;
pub(crate) use pooling::pooled_shape;
pub(crate) use reduction::reduced;
pub(crate) use resampling::{Resampling, Taps, resized, upsampled};
pub(crate) use shape::bounded;

/// What an operator may ask of, or leave to, the run that it is part of.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Present while training: dropout drops and batch statistics are used.
    pub(crate) training: Option<Training>,
    /// Present while it is measured: how long each step took, in the order of the plan.
    pub(crate) times: Option<Vec<Duration>>,
    /// Present where it is to be known: the bytes of what each step gave, in the order of the plan.
    pub(crate) sizes: Option<Vec<usize>>,
    /// While kernels are prepared: the largest tiles that a convolution may be computed in.
    pub(crate) tiling: Tiling,
    /// While kernels are prepared: the second input, where it is multiplied when it is read.
    pub(crate) product: Option<Mapped>,
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
    random::OPERATORS,
    rearranging::OPERATORS,
    recurrent::OPERATORS,
    reduction::OPERATORS,
    regions::OPERATORS,
    resampling::OPERATORS,
    sampling::OPERATORS,
    scattering::OPERATORS,
    searching::OPERATORS,
    sequence::OPERATORS,
    shape::OPERATORS,
    signal::OPERATORS,
    slicing::OPERATORS,
    softmax::OPERATORS,
    terms::OPERATORS,
    text::OPERATORS,
    transposed_convolution::OPERATORS,
    unary::OPERATORS,
];

/// Every operator of classical machine learning.
const CLASSICAL: &[Family] = &[
    encoding::OPERATORS,
    learning::OPERATORS,
    linear_models::OPERATORS,
    support_vectors::OPERATORS,
    tree_ensembles::OPERATORS,
];

/// The domains, each with its families.
const DOMAINS: &[(&str, &[Family])] = &[
    ("ai.onnx", STANDARD),
    ("ai.onnx.ml", CLASSICAL),
    ("ai.onnx.preview.training", &[differentiation::OPERATORS, optimization::OPERATORS]),
];

/// The operator with this name; the standard domain has an empty name too.
pub(crate) fn find(domain: &str, name: &str) -> Option<Operator> {
    let domain = if domain.is_empty() { "ai.onnx" } else { domain };
    let fused: (&str, &[Family]) = (briq_graph::pass::FUSED_DOMAIN, &[fused::OPERATORS]);
    let (_, families) = DOMAINS.iter().copied().chain([fused]).find(|(known, _)| *known == domain)?;
    let mut all = families.iter().copied().flatten();
    all.find(|(known, _)| *known == name).map(|&(_, operator)| operator)
}

/// Every operator that a network may hold, as its domain and its name, sorted.
#[must_use]
pub fn operators() -> Vec<(&'static str, &'static str)> {
    let of = |&(domain, families): &(&'static str, &'static [Family])| {
        families.iter().copied().flatten().map(move |&(name, _)| (domain, name))
    };
    let mut all: Vec<_> = DOMAINS.iter().flat_map(of).collect();
    all.sort_unstable();
    all
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
