//! Pickle, as far as PyTorch needs it to describe tensors: protocols 2 to 5, read as data and never executed.
//!
//! A pickle is a program for a stack machine that may call any function of Python. Here it may call a handful that build
//! tensors ([`allowed`]); any other name is refused. Nothing is looked up, imported or run: a call leaves behind a
//! description of what it would have made. Objects live in one list and refer to each other by position, so neither
//! deep nesting nor a circle can exhaust the stack.

mod machine;
mod opcode;

use crate::ImportError;

/// The most objects of one pickle.
const MAX_OBJECTS: usize = 1 << 24;

/// The position of an object among those of its pickle.
pub(crate) type Id = usize;

/// What a pickle made.
#[derive(Debug, Clone)]
pub(crate) enum Object {
    Int(i64),
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A function or class: `module.name`.
    Global(String),
    /// A tuple that says where bytes are kept.
    Persistent(Id),
    /// A call of [`REBUILD`], with its arguments.
    Tensor(Vec<Id>),
    /// Something that may be there and is not looked into: other numbers, bytes, devices.
    Opaque,
}

/// The functions that describe a tensor over a storage, by offset, size and stride.
const REBUILD: [&str; 2] = ["torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"];

/// The functions whose result is their first argument.
const TRANSPARENT: [&str; 2] = ["torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"];

const ORDERED_DICT: &str = "collections.OrderedDict";

/// The classes and functions whose result is noted and not looked into.
const OPAQUE: [&str; 5] =
    ["torch.Size", "torch.device", "torch.serialization._get_layout", "builtins.set", "__builtin__.set"];

/// The kinds of storage, by class.
pub(crate) const STORAGES: [(&str, briq_graph::ElementType); 10] = {
    use briq_graph::ElementType as E;
    [
        ("torch.FloatStorage", E::F32),
        ("torch.DoubleStorage", E::F64),
        ("torch.HalfStorage", E::F16),
        ("torch.BFloat16Storage", E::BF16),
        ("torch.LongStorage", E::I64),
        ("torch.IntStorage", E::I32),
        ("torch.ShortStorage", E::I16),
        ("torch.CharStorage", E::I8),
        ("torch.ByteStorage", E::U8),
        ("torch.BoolStorage", E::Bool),
    ]
};

/// The names of element types, which newer files mention beside tensors.
const DTYPES: [&str; 10] = [
    "torch.float32",
    "torch.float64",
    "torch.float16",
    "torch.bfloat16",
    "torch.int64",
    "torch.int32",
    "torch.int16",
    "torch.int8",
    "torch.uint8",
    "torch.bool",
];

/// Whether a pickle may name this function or class.
fn allowed(name: &str) -> bool {
    let storage = STORAGES.iter().any(|(class, _)| *class == name);
    storage
        || name == ORDERED_DICT
        || [&REBUILD[..], &TRANSPARENT, &OPAQUE, &DTYPES].iter().any(|names| names.contains(&name))
}

/// A pickle that was read.
pub(crate) struct Pickle {
    objects: Vec<Object>,
    root: Id,
}

impl Pickle {
    /// Reads one pickle from the start of `bytes`, and says how long it is.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, usize), ImportError> {
        machine::Machine::new(bytes).run()
    }

    pub(crate) fn root(&self) -> Id {
        self.root
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        0..self.objects.len()
    }

    pub(crate) fn object(&self, id: Id) -> &Object {
        &self.objects[id]
    }

    pub(crate) fn int(&self, id: Id) -> Option<i64> {
        if let Object::Int(number) = self.object(id) { Some(*number) } else { None }
    }

    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        match self.object(id) {
            Object::Text(text) | Object::Global(text) => Some(text),
            _ => None,
        }
    }

    /// The integers of a tuple or list.
    pub(crate) fn ints(&self, id: Id) -> Option<Vec<i64>> {
        let (Object::Tuple(items) | Object::List(items)) = self.object(id) else { return None };
        items.iter().map(|&item| self.int(item)).collect()
    }

    pub(crate) fn items(&self, id: Id) -> Option<&[Id]> {
        let (Object::Tuple(items) | Object::List(items)) = self.object(id) else { return None };
        Some(items)
    }

    /// How many members a dict has, whatever their keys are.
    pub(crate) fn length(&self, id: Id) -> usize {
        if let Object::Dict(entries) = self.object(id) { entries.len() } else { 0 }
    }

    /// The members of a dict whose keys are text.
    pub(crate) fn members(&self, id: Id) -> Option<Vec<(&str, Id)>> {
        let Object::Dict(entries) = self.object(id) else { return None };
        Some(entries.iter().filter_map(|&(key, value)| Some((self.text(key)?, value))).collect())
    }
}
