//! What a network is asked: JSON of the Open Inference Protocol, or rows of CSV.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use briq_data::{Dataset, LabelColumn, ReadOptions, Table};
use briq_engine::{DataType, Tensor, TensorSpec};
use serde::Deserialize;
use serde_json::Value;

use crate::exit::{Code, Failure};

/// Reads a table; an error of its content says line and column.
pub(crate) fn table(path: &Path, options: &ReadOptions) -> anyhow::Result<Dataset> {
    Table::read(path, options).with_context(|| format!("the data {} cannot be used", path.display()))
}

/// Reads the inputs of a network from `path`, or from standard input for `-`.
pub(crate) fn read(path: &Path, specs: &[TensorSpec]) -> anyhow::Result<Vec<Tensor>> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv" | "tsv" | "gz") => rows(path, specs),
        Some("npy" | "npz" | "png" | "jpg" | "jpeg") => {
            let message = format!("{} is in a format that is not read yet", path.display());
            Err(Failure::new(Code::Input, message)
                .hint("give JSON of the Open Inference Protocol, or rows of CSV")
                .into())
        }
        _ => json(&text(path)?),
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn only(specs: &[TensorSpec]) -> anyhow::Result<&TensorSpec> {
    match specs {
        [spec] => Ok(spec),
        _ => {
            let names: Vec<_> = specs.iter().map(|spec| spec.name.as_str()).collect();
            let message =
                format!("the network has {} inputs ({}), and the file holds one", specs.len(), names.join(", "));
            Err(Failure::new(Code::Input, message).hint("give JSON with every input").into())
        }
    }
}

/// Each row of the file is one example.
fn rows(path: &Path, specs: &[TensorSpec]) -> anyhow::Result<Vec<Tensor>> {
    let spec = only(specs)?;
    let options = ReadOptions { label: LabelColumn::None, ..ReadOptions::default() };
    let data = table(path, &options)?;
    Ok(vec![batch(spec, data.columns, &data.features)?])
}

/// A batch of examples of `width` numbers each.
fn batch(spec: &TensorSpec, width: usize, values: &[f32]) -> anyhow::Result<Tensor> {
    let example: Vec<usize> = spec.shape.iter().skip(1).filter_map(|&length| usize::try_from(length).ok()).collect();
    let needed: usize = example.iter().product();
    if needed != width {
        let message = format!("a row has {width} numbers, and `{}` takes {needed} for each example", spec.name);
        return Err(Failure::new(Code::Input, message).into());
    }
    let shape: Vec<usize> = std::iter::once(values.len() / width.max(1)).chain(example).collect();
    Ok(Tensor::from_f32(&spec.name, &shape, values))
}

#[derive(Deserialize)]
struct Request {
    inputs: Vec<RequestInput>,
}

#[derive(Deserialize)]
struct RequestInput {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    data: Value,
}

/// The request body of the Open Inference Protocol; its data may be flat or nested.
fn json(text: &str) -> anyhow::Result<Vec<Tensor>> {
    let wrong = || {
        Failure::new(Code::Input, "the input is no request of the Open Inference Protocol")
            .hint(r#"give {"inputs": [{"name": …, "shape": […], "datatype": "FP32", "data": […]}]}, or a .csv file"#)
    };
    let request: Request = serde_json::from_str(text).map_err(|error| anyhow::Error::new(error).context(wrong()))?;
    request.inputs.iter().map(tensor).collect()
}

fn tensor(input: &RequestInput) -> anyhow::Result<Tensor> {
    let unread = || {
        Failure::new(Code::Input, format!("input `{}` is {}", input.name, input.datatype))
            .hint("numbers and BOOL are taken; FP16 and BF16 are not, as JSON has no such numbers")
    };
    let wrong =
        || Failure::new(Code::Input, format!("input `{}` holds something else than {}", input.name, input.datatype));
    let datatype: DataType = input.datatype.parse().map_err(|_| unread())?;
    let write = little_endian(datatype).ok_or_else(unread)?;
    let elements = flatten(&input.data, &write).ok_or_else(wrong)?;
    let tensor = Tensor::new(&input.name, datatype, &input.shape, elements.concat());
    tensor.map_err(|error| anyhow::Error::new(error).context(Failure::new(Code::Input, "the input is not whole")))
}

/// The bytes of one JSON number; nothing where the type cannot hold it.
type ToBytes = fn(&Value) -> Option<Vec<u8>>;

/// How an element of a type is read off JSON; nothing for types that JSON has no form for.
fn little_endian(datatype: DataType) -> Option<ToBytes> {
    macro_rules! integer {
        ($kind:ty, $read:ident) => {
            |value| Some(<$kind>::try_from(value.$read()?).ok()?.to_le_bytes().to_vec())
        };
    }
    Some(match datatype {
        DataType::Fp32 => |value| Some((value.as_f64()? as f32).to_le_bytes().to_vec()),
        DataType::Fp64 => |value| Some(value.as_f64()?.to_le_bytes().to_vec()),
        DataType::Int64 => integer!(i64, as_i64),
        DataType::Int32 => integer!(i32, as_i64),
        DataType::Int16 => integer!(i16, as_i64),
        DataType::Int8 => integer!(i8, as_i64),
        DataType::Uint64 => integer!(u64, as_u64),
        DataType::Uint32 => integer!(u32, as_u64),
        DataType::Uint16 => integer!(u16, as_u64),
        DataType::Uint8 => integer!(u8, as_u64),
        DataType::Bool => |value| value.as_bool().map(|flag| vec![u8::from(flag)]),
        _ => return None,
    })
}

/// The elements of nested lists, in order; none when one of them is something else.
fn flatten<T>(data: &Value, read: &impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    match data {
        Value::Array(items) => {
            let parts = items.iter().map(|item| flatten(item, read)).collect::<Option<Vec<_>>>()?;
            Some(parts.into_iter().flatten().collect())
        }
        other => Some(vec![read(other)?]),
    }
}
