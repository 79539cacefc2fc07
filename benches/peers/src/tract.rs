//! tract: typed, optimised and run, as its own tests do.

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use briq_graph::onnx::Datum;
use briq_graph::{Data, ElementType, Graph, Initializer};
use tract_onnx::prelude::*;

const TYPES: [(ElementType, DatumType); 13] = [
    (ElementType::Bool, DatumType::Bool),
    (ElementType::U8, DatumType::U8),
    (ElementType::U16, DatumType::U16),
    (ElementType::U32, DatumType::U32),
    (ElementType::U64, DatumType::U64),
    (ElementType::I8, DatumType::I8),
    (ElementType::I16, DatumType::I16),
    (ElementType::I32, DatumType::I32),
    (ElementType::I64, DatumType::I64),
    (ElementType::F16, DatumType::F16),
    (ElementType::F32, DatumType::F32),
    (ElementType::F64, DatumType::F64),
    (ElementType::Text, DatumType::String),
];

/// With every input given at run time; where that fails, with shapes, axes and other small integers as constants, and
/// last with all but the first, which tract asks for at several operators and its own tests give.
pub(crate) fn run(model: &Path, _: &Graph, inputs: &[Datum]) -> Result<Vec<Datum>> {
    let tensors = inputs.iter().map(to_tract).collect::<Result<Vec<_>>>()?;
    let none: Vec<bool> = tensors.iter().map(|_| false).collect();
    let small: Vec<bool> = tensors.iter().map(|tensor| tensor.rank() <= 1 && !tensor.datum_type().is_float()).collect();
    let rest: Vec<bool> = (0..tensors.len()).map(|index| index > 0).collect();
    let first = attempt(model, &tensors, &none);
    [small, rest]
        .iter()
        .filter(|mask| **mask != none)
        .fold(first, |outcome, mask| outcome.or_else(|error| attempt(model, &tensors, mask).map_err(|_| error)))
}

fn attempt(model: &Path, tensors: &[Tensor], constant: &[bool]) -> Result<Vec<Datum>> {
    let framework = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_output_types(true);
    let mut model = framework.model_for_path(model)?;
    let own: Vec<OutletId> = model.input_outlets()?.to_vec();
    let mut fed = Vec::new();
    for ((outlet, tensor), constant) in own.iter().zip(tensors).zip(constant) {
        if *constant {
            let node = model.node_mut(outlet.node);
            node.op = Box::new(tract_onnx::tract_hir::ops::konst::Const::new(tensor.clone().into_arc_tensor())?);
            node.outputs[0].fact = InferenceFact::from(tensor.clone());
        } else {
            let node = outlet.node;
            model.set_outlet_fact(*outlet, InferenceFact::dt_shape(tensor.datum_type(), tensor.shape()))?;
            fed.push((node, tensor.clone()));
        }
    }
    let kept: Vec<OutletId> = fed.iter().map(|(node, _)| OutletId::new(*node, 0)).collect();
    model.set_input_outlets(&kept)?;
    let runnable = model.into_typed()?.into_optimized()?.into_runnable()?;
    let inputs = fed.into_iter().map(|(_, tensor)| tensor.into_tvalue()).collect();
    runnable.run(inputs)?.iter().map(|value| from_tract(value)).collect()
}

fn to_tract(datum: &Datum) -> Result<Tensor> {
    let Datum::Tensor(tensor) = datum else { bail!("tract has tensors alone, no sequences or options") };
    let bytes = tensor.inline().ok_or_else(|| anyhow!("a recorded tensor has its bytes"))?;
    let (_, element) = TYPES
        .iter()
        .find(|(own, _)| *own == tensor.element)
        .ok_or_else(|| anyhow!("tract has no {}", tensor.element))?;
    if tensor.element == ElementType::Text {
        let texts = tensor1(&texts(bytes)?);
        return Ok(texts.into_shape(&tensor.shape)?);
    }
    // SAFETY: the element is a plain number, and the recorded bytes are as many as the shape asks for.
    Ok(unsafe { Tensor::from_raw_dt(*element, &tensor.shape, bytes)? })
}

fn texts(mut bytes: &[u8]) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (text, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        texts.push(std::str::from_utf8(text)?.to_owned());
        bytes = rest;
    }
    Ok(texts)
}

fn from_tract(tensor: &Tensor) -> Result<Datum> {
    let mut tensor = tensor.clone();
    if tensor.datum_type() == DatumType::TDim {
        tensor = tensor.cast_to::<i64>()?.into_owned();
    }
    let plain = tensor.datum_type().unquantized();
    let (element, _) =
        TYPES.iter().find(|(_, theirs)| *theirs == plain).ok_or_else(|| anyhow!("an output is {plain:?}"))?;
    let data = if plain == DatumType::String {
        tensor.try_as_plain_ram()?.as_slice::<String>()?.iter().flat_map(|text| counted(text)).collect()
    } else {
        // SAFETY: the elements are plain numbers.
        tensor.try_as_plain_ram()?.as_bytes().to_vec()
    };
    let shape = tensor.shape().to_vec();
    Ok(Datum::Tensor(Initializer { name: String::new(), element: *element, shape, data: Data::Inline(data) }))
}

fn counted(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), text.as_bytes()].concat()
}
