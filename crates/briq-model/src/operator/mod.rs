//! ONNX operators on Burn: one function each, a family per file.

mod activation;
mod arithmetic;
mod convolution;
mod linear;
mod normalization;
mod pooling;
mod reduction;
mod shape;

use briq_graph::{Attribute, Node};

use crate::value::{DeviceTensor, HostTensor, Value};

/// One call of an operator: its node, its inputs in order, and what the run carries along.
pub(crate) struct Call<'a> {
    pub(crate) node: &'a Node,
    pub(crate) inputs: Vec<Option<Value>>,
    pub(crate) run: &'a mut Run,
}

/// What an operator may ask of, or leave to, the run that it is part of.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Present while training: dropout drops and batch statistics are used.
    pub(crate) training: Option<Training>,
}

/// The state of one training step.
#[derive(Debug)]
pub(crate) struct Training {
    /// Seeds the masks of this step; the same seed drops the same units on every backend.
    pub(crate) seed: u64,
    /// New values of running statistics, by parameter name, to be stored after the step.
    pub(crate) statistics: Vec<(String, DeviceTensor)>,
}

pub(crate) type Outcome = Result<Vec<Value>, Fault>;
pub(crate) type Operator = fn(&mut Call) -> Outcome;

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
}

/// Every operator by name: family after family.
const FAMILIES: [&[(&str, Operator)]; 8] = [
    activation::OPERATORS,
    arithmetic::OPERATORS,
    convolution::OPERATORS,
    linear::OPERATORS,
    normalization::OPERATORS,
    pooling::OPERATORS,
    reduction::OPERATORS,
    shape::OPERATORS,
];

/// The operator of the default domain with this name.
pub(crate) fn find(name: &str) -> Option<Operator> {
    let mut all = FAMILIES.iter().copied().flatten();
    all.find(|(known, _)| *known == name).map(|&(_, operator)| operator)
}

/// The names of all operators, sorted.
#[must_use]
pub fn operator_names() -> Vec<&'static str> {
    let mut names: Vec<_> = FAMILIES.iter().copied().flatten().map(|&(name, _)| name).collect();
    names.sort_unstable();
    names
}

impl Call<'_> {
    /// Takes a floating-point input.
    pub(crate) fn tensor(&mut self, index: usize) -> Result<DeviceTensor, Fault> {
        self.optional(index)?.ok_or(Fault::MissingInput(index))
    }

    /// Takes a floating-point input that the node may leave out.
    pub(crate) fn optional(&mut self, index: usize) -> Result<Option<DeviceTensor>, Fault> {
        match self.inputs.get_mut(index).and_then(Option::take) {
            None => Ok(None),
            Some(Value::Device(tensor)) => Ok(Some(tensor)),
            Some(Value::Host(_)) => Err(Fault::WrongKind { index, expected: "floating point" }),
        }
    }

    /// Takes whole numbers: a shape, axes.
    pub(crate) fn integers(&mut self, index: usize) -> Result<Option<HostTensor>, Fault> {
        match self.inputs.get_mut(index).and_then(Option::take) {
            None => Ok(None),
            Some(Value::Host(tensor)) => Ok(Some(tensor)),
            Some(Value::Device(_)) => Err(Fault::WrongKind { index, expected: "integers" }),
        }
    }

    pub(crate) fn int(&self, name: &'static str, default: i64) -> Result<i64, Fault> {
        match self.node.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => Err(Fault::WrongAttribute { name, expected: "an integer" }),
        }
    }

    pub(crate) fn float(&self, name: &'static str, default: f32) -> Result<f32, Fault> {
        match self.node.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => Err(Fault::WrongAttribute { name, expected: "a float" }),
        }
    }

    pub(crate) fn ints(&self, name: &'static str) -> Result<Option<Vec<i64>>, Fault> {
        match self.node.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values.clone())),
            Some(_) => Err(Fault::WrongAttribute { name, expected: "a list of integers" }),
        }
    }

    pub(crate) fn string(&self, name: &'static str) -> Result<Option<&str>, Fault> {
        match self.node.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::String(value)) => Ok(Some(value)),
            Some(_) => Err(Fault::WrongAttribute { name, expected: "a string" }),
        }
    }
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

pub(crate) fn one(tensor: DeviceTensor) -> Outcome {
    Ok(vec![Value::Device(tensor)])
}
