//! What a network is asked: JSON of the Open Inference Protocol, or rows of CSV.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use briq_data::{Dataset, LabelColumn, ReadOptions, Table};
use briq_engine::{DataType, Tensor, TensorSpec};
use serde::Deserialize;

use crate::exit::{Code, Failure};

/// Reads a table; an error of its content says line and column.
pub(crate) fn table(path: &Path, options: &ReadOptions) -> anyhow::Result<Dataset> {
    Table::read(path, options).with_context(|| format!("the data {} cannot be used", path.display()))
}

/// Reads the inputs of a network from `path`, or from standard input for `-`.
pub(crate) fn read(path: &Path, specs: &[TensorSpec]) -> anyhow::Result<Vec<Tensor>> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv" | "tsv" | "gz") => rows(path, specs),
        _ => json(&text(path)?, specs),
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
    data: serde_json::Value,
}

/// The request body of the Open Inference Protocol; its data may be flat or nested.
fn json(text: &str, specs: &[TensorSpec]) -> anyhow::Result<Vec<Tensor>> {
    let wrong = || {
        Failure::new(Code::Input, "the input is no request of the Open Inference Protocol")
            .hint(r#"give {"inputs": [{"name": …, "shape": […], "datatype": "FP32", "data": […]}]}, or a .csv file"#)
    };
    let request: Request = serde_json::from_str(text).map_err(|error| anyhow::Error::new(error).context(wrong()))?;
    let tensor = |input: RequestInput| {
        let mut values = Vec::new();
        flatten(&input.data, &mut values)
            .with_context(|| format!("input `{}` holds something else than numbers", input.name))?;
        let whole = |value: &f64| *value as i64;
        let tensor = match input.datatype.as_str() {
            "INT64" => Tensor::from_i64(&input.name, &input.shape, &values.iter().map(whole).collect::<Vec<_>>()),
            _ => Tensor::from_f32(
                &input.name,
                &input.shape,
                &values.iter().map(|value| *value as f32).collect::<Vec<_>>(),
            ),
        };
        anyhow::Ok(tensor)
    };
    let tensors = request.inputs.into_iter().map(tensor).collect::<Result<Vec<_>, _>>()?;
    check_types(&tensors, specs)?;
    Ok(tensors)
}

fn check_types(tensors: &[Tensor], specs: &[TensorSpec]) -> anyhow::Result<()> {
    for tensor in tensors {
        let spec = specs.iter().find(|spec| spec.name == tensor.name);
        if spec.is_some_and(|spec| spec.datatype != tensor.datatype && spec.datatype != DataType::Fp32) {
            return Err(Failure::new(Code::Input, format!("input `{}` has another datatype", tensor.name)).into());
        }
    }
    Ok(())
}

fn flatten(data: &serde_json::Value, into: &mut Vec<f64>) -> Option<()> {
    match data {
        serde_json::Value::Array(items) => items.iter().try_for_each(|item| flatten(item, into).ok_or(())).ok(),
        serde_json::Value::Bool(value) => {
            into.push(f64::from(u8::from(*value)));
            Some(())
        }
        other => {
            into.push(other.as_f64()?);
            Some(())
        }
    }
}
