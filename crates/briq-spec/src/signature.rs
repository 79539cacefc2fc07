//! What goes into a network and what comes out of it.

use std::error::Error;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bump::Bump;

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
    /// Everything in which `self` differs from `older`, the breaking differences first.
    ///
    /// The order of tensors carries no meaning: they are known by name.
    pub fn differences(&self, older: &Self) -> Vec<Difference> {
        let roles = [(Role::Input, &older.inputs, &self.inputs), (Role::Output, &older.outputs, &self.outputs)];
        let mut found: Vec<Difference> =
            roles.into_iter().flat_map(|(role, before, now)| role.differences(before, now)).collect();
        found.sort_by_key(|difference| std::cmp::Reverse(difference.demands()));
        found
    }

    /// Whether a caller written against `older` can go on unchanged with `self`.
    ///
    /// Every input that the caller sends must still be accepted and no new one be asked for; every output that it
    /// reads must still come, in the same type and in a shape it expects. Further outputs are compatible.
    ///
    /// # Errors
    /// The first difference that would break such a caller.
    pub fn compatible_with(&self, older: &Self) -> Result<(), Incompatibility> {
        let first = self.differences(older).into_iter().find(Difference::is_breaking);
        first.map_or(Ok(()), |difference| Err(Incompatibility(Box::new(difference))))
    }

    /// By how much a version has to be raised when its signature becomes `self`: [`Bump::Patch`] where nothing differs.
    pub fn least_bump(&self, older: &Self) -> Bump {
        self.differences(older).first().map_or(Bump::Patch, Difference::demands)
    }
}

impl Role {
    /// What differs among the tensors of one side, in the order of the older ones, new ones last.
    fn differences(self, before: &[TensorSpec], now: &[TensorSpec]) -> Vec<Difference> {
        let kept = before.iter().map(|spec| (Some(spec), find(now, spec)));
        let new = now.iter().filter(|spec| find(before, spec).is_none()).map(|spec| (None, Some(spec)));
        let differing = kept.chain(new).filter(|(before, now)| before != now);
        differing.map(|(before, now)| Difference { role: self, before: before.cloned(), now: now.cloned() }).collect()
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

/// Which side of a network a tensor is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sent by the caller.
    Input,
    /// Read by the caller.
    Output,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}

/// One tensor in which two signatures differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    role: Role,
    before: Option<TensorSpec>,
    now: Option<TensorSpec>,
}

impl Difference {
    /// Whether it is an input or an output.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The tensor as callers of the older signature know it; `None` when it is new.
    pub fn before(&self) -> Option<&TensorSpec> {
        self.before.as_ref()
    }

    /// The tensor as it is in the newer signature; `None` when it is gone.
    pub fn now(&self) -> Option<&TensorSpec> {
        self.now.as_ref()
    }

    /// Whether it breaks callers of the older signature.
    pub fn is_breaking(&self) -> bool {
        match (self.role, &self.before, &self.now) {
            (Role::Input, Some(before), Some(now)) => !accepts(now, before),
            (Role::Output, Some(before), Some(now)) => !accepts(before, now),
            (Role::Output, None, _) => false,
            (Role::Input, None, _) | (_, Some(_), None) => true,
        }
    }

    /// By how much it alone has a version raised: what breaks nobody is still seen, so it is no mere patch.
    pub fn demands(&self) -> Bump {
        if self.is_breaking() { Bump::Major } else { Bump::Minor }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role;
        match (&self.before, &self.now) {
            (Some(before), Some(now)) => write!(f, "{role} was {before} and is {now}"),
            (Some(before), None) => write!(f, "{role} {before} is gone"),
            (None, Some(now)) if role == Role::Input => write!(f, "{role} {now} is new, and callers do not send it"),
            (None, Some(now)) => write!(f, "{role} {now} is new"),
            (None, None) => write!(f, "{role} differs"),
        }
    }
}

/// A difference between two signatures that breaks callers of the older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incompatibility(Box<Difference>); // behind a pointer, so that a `Result` stays small

impl Incompatibility {
    /// The tensor as callers know it; `None` when it is new.
    pub fn before(&self) -> Option<&TensorSpec> {
        self.0.before()
    }

    /// The tensor as it would be; `None` when it is gone.
    pub fn now(&self) -> Option<&TensorSpec> {
        self.0.now()
    }
}

impl fmt::Display for Incompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Incompatibility {}
