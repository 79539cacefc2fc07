//! The entries of a package that is being made.

use std::collections::BTreeMap;

use briq_graph::{ElementType, Graph, Initializer, weights};
use briq_package::Draft;
use briq_spec::manifest::Manifest;
use briq_spec::{DataType, EntryPath, Signature, TensorSpec};

use crate::error::ModelError;

/// A shard's largest size: small enough to be pushed and pulled in parallel, large enough to stay under 400 layers.
const SHARD_BYTES: u64 = 256 << 20;

pub(crate) const STRUCTURE: &str = "model.onnx";
pub(crate) const LABELS: &str = "assets/labels.json";
pub(crate) const GOLDEN_INPUTS: &str = "golden/inputs.safetensors";
pub(crate) const GOLDEN_OUTPUTS: &str = "golden/outputs.safetensors";

/// Entries by path.
#[derive(Default)]
pub(crate) struct Contents {
    entries: BTreeMap<String, Vec<u8>>,
    shards: Vec<String>,
}

/// A tensor of `f32` that a golden example records.
pub(crate) struct Recording<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl Contents {
    pub(crate) fn bytes(&mut self, path: &str, bytes: Vec<u8>) {
        self.entries.insert(path.to_owned(), bytes);
    }

    pub(crate) fn text(&mut self, path: &str, text: String) {
        self.bytes(path, text.into_bytes());
    }

    pub(crate) fn json(&mut self, path: &str, value: &impl serde::Serialize) -> Result<(), ModelError> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| ModelError::invalid(format!("cannot write {path}")).because(error))?;
        text.push('\n');
        self.text(path, text);
        Ok(())
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }

    /// Structure and weights of a graph whose values are all in place; the named tensors go into shards, in this order,
    /// and an index of the shards goes beside them.
    pub(crate) fn network(&mut self, graph: &Graph, names: &[&str]) -> Result<(), ModelError> {
        let known = graph.initializers_by_name();
        let tensors: Vec<weights::Tensor<'_>> =
            names.iter().filter_map(|name| tensor(known.get(name).copied()?)).collect();
        let mut lean = graph.clone();
        let ranges = weights::shards(&tensors, SHARD_BYTES);
        let count = ranges.len();
        let mut shards = Vec::with_capacity(count);
        for (position, range) in ranges.into_iter().enumerate() {
            let name = weights::shard_name(position, count);
            let mut bytes = Vec::new();
            let placed = weights::write(&tensors[range], &BTreeMap::new(), &mut bytes)?;
            weights::externalize(&mut lean, &name, &placed)?;
            self.shard(&name, bytes);
            shards.push((name, placed));
        }
        if !shards.is_empty() {
            self.bytes(weights::INDEX, weights::index(&shards));
        }
        self.bytes(STRUCTURE, briq_graph::onnx::encode(&lean)?);
        Ok(())
    }

    /// A shard that is written already.
    pub(crate) fn shard(&mut self, path: &str, bytes: Vec<u8>) {
        self.bytes(path, bytes);
        self.shards.push(path.to_owned());
    }

    /// The shards, in order.
    pub(crate) fn shards(&self) -> Vec<EntryPath> {
        self.shards.iter().map(|name| entry(name)).collect()
    }

    pub(crate) fn recordings(&mut self, path: &str, recordings: &[Recording<'_>]) -> Result<(), ModelError> {
        let little_endian = |recording: &Recording<'_>| -> Vec<u8> {
            recording.values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        let data: Vec<Vec<u8>> = recordings.iter().map(little_endian).collect();
        let tensors: Vec<_> = recordings.iter().zip(&data).map(|(one, data)| recorded(one, data)).collect();
        let mut bytes = Vec::new();
        weights::write(&tensors, &BTreeMap::new(), &mut bytes)?;
        self.bytes(path, bytes);
        Ok(())
    }

    /// Whether a recording can hold a tensor: text has no fixed size.
    pub(crate) fn can_record(tensor: &briq_engine::Tensor) -> bool {
        ElementType::all().any(|element| crate::engine::datatype(element) == Some(tensor.datatype))
            && tensor.datatype != briq_engine::DataType::Bytes
    }

    /// Records whole tensors of any type but text.
    pub(crate) fn tensors(&mut self, path: &str, tensors: &[briq_engine::Tensor]) -> Result<(), ModelError> {
        let mut recorded = Vec::with_capacity(tensors.len());
        for tensor in tensors {
            let known = |element: &ElementType| crate::engine::datatype(*element) == Some(tensor.datatype);
            let unknown = || ModelError::invalid(format!("cannot record {} of `{}`", tensor.datatype, tensor.name));
            let element = ElementType::all().find(known).ok_or_else(unknown)?;
            recorded.push(weights::Tensor { name: &tensor.name, element, shape: &tensor.shape, data: &tensor.data });
        }
        let mut bytes = Vec::new();
        weights::write(&recorded, &BTreeMap::new(), &mut bytes)?;
        self.bytes(path, bytes);
        Ok(())
    }

    pub(crate) fn draft(self, manifest: Manifest) -> Result<Draft, ModelError> {
        let mut draft = Draft::new(manifest);
        for (path, bytes) in self.entries {
            draft.add_bytes(entry(&path), bytes).map_err(|error| unwritable(&path).because(error))?;
        }
        Ok(draft)
    }
}

fn recorded<'a>(recording: &'a Recording<'_>, data: &'a [u8]) -> weights::Tensor<'a> {
    weights::Tensor { name: recording.name, element: ElementType::F32, shape: &recording.shape, data }
}

fn unwritable(path: &str) -> ModelError {
    ModelError::invalid(format!("cannot pack {path}"))
}

fn tensor(found: &Initializer) -> Option<weights::Tensor<'_>> {
    Some(weights::Tensor { name: &found.name, element: found.element, shape: &found.shape, data: found.inline()? })
}

/// A path that this crate itself made up.
pub(crate) fn entry(path: &str) -> EntryPath {
    path.parse().expect("the paths of casting are well-formed")
}

/// The inputs and outputs that callers see; every dimension that is not fixed is -1.
pub(crate) fn signature(graph: &Graph) -> Result<Signature, ModelError> {
    let spec = |value: &briq_graph::Value| {
        let shape = value.shape.iter().map(|dim| dim.fixed().map_or(-1, |length| length as i64)).collect();
        Ok(TensorSpec { name: value.name.clone(), datatype: datatype(value.element)?, shape })
    };
    let specs = |values: &[briq_graph::Value]| values.iter().map(spec).collect::<Result<_, ModelError>>();
    Ok(Signature { inputs: specs(&graph.inputs)?, outputs: specs(&graph.outputs)? })
}

/// The name that the inference protocol has for an element type.
pub(crate) fn datatype(element: ElementType) -> Result<DataType, ModelError> {
    Ok(match element {
        ElementType::Bool => DataType::Bool,
        ElementType::U8 => DataType::Uint8,
        ElementType::U16 => DataType::Uint16,
        ElementType::U32 => DataType::Uint32,
        ElementType::U64 => DataType::Uint64,
        ElementType::I8 => DataType::Int8,
        ElementType::I16 => DataType::Int16,
        ElementType::I32 => DataType::Int32,
        ElementType::I64 => DataType::Int64,
        ElementType::F16 => DataType::Fp16,
        ElementType::BF16 => DataType::Bf16,
        ElementType::F32 => DataType::Fp32,
        ElementType::F64 => DataType::Fp64,
        ElementType::Text => DataType::Bytes,
        other => return Err(ModelError::invalid(format!("a manifest has no name for elements of {other}"))),
    })
}
