//! `briq backends`: what this machine can compute with.

use briq_model::{Backend, BackendReport};
use serde::Serialize;

use crate::context::Context;
use crate::output::bytes;

/// List the backends of this build and machine
#[derive(clap::Args)]
pub(crate) struct Arguments {}

#[derive(Serialize)]
struct Report {
    auto: String,
    backends: Vec<BackendReport>,
}

pub(crate) fn run(_: &Arguments, context: &Context) -> anyhow::Result<()> {
    let report = Report { auto: Backend::Auto.resolved().to_string(), backends: briq_model::backends() };
    context.output.data(&report, |report| {
        let mut text: Vec<_> = report.backends.iter().map(line).collect();
        text.push(format!("auto      is {} here", report.auto));
        text.join("\n")
    })
}

fn line(report: &BackendReport) -> String {
    let mut text = format!("{:8}  {}", report.backend, report.device);
    let mut add = |label: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("\n          {label:8} {value}"));
        }
    };
    add("driver", report.driver.clone());
    add("memory", report.memory.map(bytes).unwrap_or_default());
    add("buffers", report.buffer.map(|buffer| format!("up to {}", bytes(buffer))).unwrap_or_default());
    add("features", report.features.join(", "));
    add("hint", report.hint.clone().unwrap_or_default());
    text
}
