//! What goes into a network and what comes out of it.

use std::error::Error;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The inputs and outputs of a network, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// What a caller sends.
    pub inputs: Vec<TensorSpec>,
    /// What a caller gets.
    pub outputs: Vec<TensorSpec>,
}

/// One named tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// Its name, unique among the inputs or among the outputs.
    pub name: String,
    /// The type of its elements.
    pub datatype: DataType,
    /// Its extent in each dimension; -1 stands for any.
    pub shape: Vec<i64>,
}

/// The type of a tensor's elements, under the names of the Open Inference Protocol v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the variants are the protocol's own names")]
pub enum DataType {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Bf16,
    Fp32,
    Fp64,
    Bytes,
}

impl DataType {
    /// Bytes of one element; `None` for `BYTES`, whose elements vary.
    pub fn size(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 | Self::Bf16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }

    /// The protocol's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Bf16 => "BF16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for TensorSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.shape.iter().map(|&dim| dimension(dim)).collect();
        write!(f, "{} {} [{}]", self.name, self.datatype, dims.join(", "))
    }
}

fn dimension(dim: i64) -> String {
    if dim < 0 { "?".to_owned() } else { dim.to_string() }
}

impl Signature {
    /// Whether a caller written against `older` can go on unchanged with `self`.
    ///
    /// Every input that the caller sends must still be accepted and no new one be asked for; every output that it
    /// reads must still come, in the same type and in a shape it expects. Further outputs are compatible.
    ///
    /// # Errors
    /// The first difference that would break such a caller.
    pub fn compatible_with(&self, older: &Self) -> Result<(), Incompatibility> {
        for before in &older.inputs {
            let now = find(&self.inputs, before).ok_or_else(|| Incompatibility::new("input", Some(before), None))?;
            same(accepts(now, before), "input", before, now)?;
        }
        for before in &older.outputs {
            let now = find(&self.outputs, before).ok_or_else(|| Incompatibility::new("output", Some(before), None))?;
            same(accepts(before, now), "output", before, now)?;
        }
        match self.inputs.iter().find(|now| find(&older.inputs, now).is_none()) {
            Some(now) => Err(Incompatibility::new("input", None, Some(now))),
            None => Ok(()),
        }
    }
}

fn find<'a>(among: &'a [TensorSpec], wanted: &TensorSpec) -> Option<&'a TensorSpec> {
    among.iter().find(|spec| spec.name == wanted.name)
}

/// Whether every tensor of the form `given` is also of the form `wanted`.
fn accepts(wanted: &TensorSpec, given: &TensorSpec) -> bool {
    let fits = |(&wanted, &given): (&i64, &i64)| wanted < 0 || wanted == given;
    wanted.datatype == given.datatype
        && wanted.shape.len() == given.shape.len()
        && wanted.shape.iter().zip(&given.shape).all(fits)
}

fn same(holds: bool, role: &'static str, before: &TensorSpec, now: &TensorSpec) -> Result<(), Incompatibility> {
    if holds { Ok(()) } else { Err(Incompatibility::new(role, Some(before), Some(now))) }
}

/// A difference between two signatures that breaks callers of the older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incompatibility(Box<Difference>);

/// Behind a pointer, so that a `Result` stays small.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Difference {
    role: &'static str,
    before: Option<TensorSpec>,
    now: Option<TensorSpec>,
}

impl Incompatibility {
    fn new(role: &'static str, before: Option<&TensorSpec>, now: Option<&TensorSpec>) -> Self {
        Self(Box::new(Difference { role, before: before.cloned(), now: now.cloned() }))
    }

    /// The tensor as callers know it; `None` when it is new.
    pub fn before(&self) -> Option<&TensorSpec> {
        self.0.before.as_ref()
    }

    /// The tensor as it would be; `None` when it is gone.
    pub fn now(&self) -> Option<&TensorSpec> {
        self.0.now.as_ref()
    }
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.0.role;
        match (&self.0.before, &self.0.now) {
            (Some(before), Some(now)) => write!(f, "{role} was {before} and is {now}"),
            (Some(before), None) => write!(f, "{role} {before} is gone"),
            (None, Some(now)) => write!(f, "{role} {now} is new, and callers do not send it"),
            (None, None) => write!(f, "{role} differs"),
        }
    }
}

impl Error for Incompatibility {}
