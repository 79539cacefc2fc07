//! `briq predict`: asks a package, without a server.

use std::path::PathBuf;

use anyhow::Context as _;
use briq_engine::{Engine as _, Tensor};
use briq_model::Layered;
use serde::Serialize;
use serde_json::json;

use crate::compute::BackendArgument;
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::{input, locate};

/// Ask a package for its answer
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package
    #[arg(value_name = "REF")]
    reference: String,
    /// A file, or - for standard input: JSON of the Open Inference Protocol, .csv or .tsv rows
    #[arg(long, value_name = "IN")]
    input: PathBuf,
    /// Where the answer goes: - (JSON of the Open Inference Protocol) or a .json file
    #[arg(long, value_name = "OUT", default_value = "-")]
    output: PathBuf,
    #[command(flatten)]
    compute: BackendArgument,
    /// Threads that compute on the CPU [default: one for each processor]
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Serialize)]
struct Response {
    model_name: String,
    model_version: String,
    outputs: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<serde_json::Value>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let backend = arguments.compute.backend;
    let context = &context.on(backend);
    if let Some(threads) = arguments.threads {
        briq_model::limit_threads(threads);
    }
    let package = locate::package(context, &arguments.reference)?;
    let base = locate::base(context, &arguments.reference, &package)?;
    let engine = briq_model::engine(Layered::new(&package, base.as_ref()), backend)?;
    let inputs = input::read(&arguments.input, engine.inputs())?;
    let outputs = briq_engine::infer_checked(&engine, inputs).map_err(|error| {
        anyhow::Error::new(error).context(Failure::new(Code::Input, "the network does not take this input"))
    })?;
    let labels = briq_model::labels(&package)?;
    let response = Response {
        model_name: package.manifest().name.to_string(),
        model_version: package.manifest().version.to_string(),
        outputs: outputs.iter().map(output).collect::<anyhow::Result<_>>()?,
        parameters: labels.map(|labels| answers(&outputs, &labels)).transpose()?,
    };
    let text = serde_json::to_string(&response)?;
    if arguments.output == std::path::Path::new("-") {
        return context.output.raw(&text);
    }
    let output = &arguments.output;
    briq_package::replace_file(output, (text + "\n").as_bytes())
        .with_context(|| format!("cannot write {}", output.display()))
}

fn output(tensor: &Tensor) -> anyhow::Result<serde_json::Value> {
    let data = match tensor.datatype {
        briq_engine::DataType::Fp32 => json!(tensor.as_f32()?),
        briq_engine::DataType::Int64 => json!(tensor.as_i64()?),
        briq_engine::DataType::Bytes => {
            let text = |bytes: &&[u8]| String::from_utf8_lossy(bytes).into_owned();
            json!(tensor.as_byte_strings()?.iter().map(text).collect::<Vec<_>>())
        }
        _ => json!(tensor.to_f64()?),
    };
    Ok(json!({"name": tensor.name, "datatype": tensor.datatype.to_string(), "shape": tensor.shape, "data": data}))
}

/// The label of the largest score of each example.
fn answers(outputs: &[Tensor], labels: &[String]) -> anyhow::Result<serde_json::Value> {
    let scores = outputs.first().map(Tensor::as_f32).transpose()?.unwrap_or_default();
    let rows = scores.chunks(labels.len().max(1));
    let named: Vec<_> = rows.filter_map(|row| labels.get(briq_model::largest(row))).collect();
    Ok(json!({ "labels": named }))
}
