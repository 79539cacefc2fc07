//! candle: `simple_eval` over the decoded model.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use briq_graph::onnx::Datum;
use briq_graph::{Data, ElementType, Graph, Initializer};
use candle_core::{DType, Device, Tensor};

const TYPES: [(ElementType, DType); 10] = [
    (ElementType::Bool, DType::U8),
    (ElementType::U8, DType::U8),
    (ElementType::U32, DType::U32),
    (ElementType::I16, DType::I16),
    (ElementType::I32, DType::I32),
    (ElementType::I64, DType::I64),
    (ElementType::BF16, DType::BF16),
    (ElementType::F16, DType::F16),
    (ElementType::F32, DType::F32),
    (ElementType::F64, DType::F64),
];

/// What candle has no type for, such as truth values, is compared in the type that the case expects.
pub(crate) fn run(model: &Path, graph: &Graph, inputs: &[Datum]) -> Result<Vec<Datum>> {
    let model = candle_onnx::read_file(model)?;
    let mut fed = HashMap::new();
    for (value, datum) in graph.inputs.iter().zip(inputs) {
        fed.insert(value.name.clone(), to_candle(datum)?);
    }
    let mut found = candle_onnx::simple_eval(&model, fed)?;
    let take = |value: &briq_graph::Value| {
        let tensor = found.remove(&value.name).ok_or_else(|| anyhow!("output `{}` is missing", value.name))?;
        from_candle(&tensor, value.element)
    };
    let mut take = take;
    graph.outputs.iter().map(&mut take).collect()
}

fn to_candle(datum: &Datum) -> Result<Tensor> {
    let Datum::Tensor(tensor) = datum else { bail!("candle has tensors alone, no sequences or options") };
    let bytes = tensor.inline().ok_or_else(|| anyhow!("a recorded tensor has its bytes"))?;
    let known = TYPES.iter().find(|(own, _)| *own == tensor.element);
    let (_, element) = known.ok_or_else(|| anyhow!("candle has no {}", tensor.element))?;
    Ok(Tensor::from_raw_buffer(bytes, *element, &tensor.shape, &Device::Cpu)?)
}

fn from_candle(tensor: &Tensor, expected: ElementType) -> Result<Datum> {
    let shape = tensor.dims().to_vec();
    let same = TYPES.iter().find(|(own, theirs)| *own == expected && *theirs == tensor.dtype());
    let own = same.or_else(|| TYPES.iter().find(|(_, theirs)| *theirs == tensor.dtype()));
    let (element, _) = own.ok_or_else(|| anyhow!("an output is {:?}", tensor.dtype()))?;
    let has_type = TYPES.iter().any(|(own, _)| *own == expected) && expected != ElementType::Bool;
    let element = if same.is_some() || has_type { *element } else { expected };
    let data = bytes(&tensor.flatten_all()?, element)?;
    Ok(Datum::Tensor(Initializer { name: String::new(), element, shape, data: Data::Inline(data) }))
}

/// Little-endian elements.
fn bytes(tensor: &Tensor, element: ElementType) -> Result<Vec<u8>> {
    use ElementType as E;
    let numbers = || Ok::<_, anyhow::Error>(tensor.to_dtype(DType::F64)?.to_vec1::<f64>()?);
    let integers = || Ok::<_, anyhow::Error>(tensor.to_dtype(DType::I64)?.to_vec1::<i64>()?);
    Ok(match element {
        E::F64 => numbers()?.iter().flat_map(|number| number.to_le_bytes()).collect(),
        E::F32 => tensor.to_vec1::<f32>()?.iter().flat_map(|number| number.to_le_bytes()).collect(),
        E::F16 => tensor.to_vec1::<half::f16>()?.iter().flat_map(|number| number.to_le_bytes()).collect(),
        E::BF16 => tensor.to_vec1::<half::bf16>()?.iter().flat_map(|number| number.to_le_bytes()).collect(),
        E::Text => bail!("candle has no texts"),
        E::Bool => integers()?.iter().map(|number| u8::from(*number != 0)).collect(),
        whole => {
            let size = whole.bits() / 8;
            integers()?.iter().flat_map(|number| number.to_le_bytes().into_iter().take(size)).collect()
        }
    })
}
