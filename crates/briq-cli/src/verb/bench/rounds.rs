//! Rounds on demand, so that several runtimes can be measured in turns on one machine.

use std::io::BufRead as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use serde_json::json;

use super::Subject;
use super::memory::Memory;
use super::timing::Until;
use crate::context::Context;
use crate::exit::{Code, Failure};

/// Says what was loaded, then answers each line of standard input until it ends.
pub(super) fn answer(subject: Subject, until: Until, context: &Context) -> anyhow::Result<()> {
    say(context, &subject.loaded)?;
    for line in std::io::stdin().lock().lines() {
        let line = line.context("cannot read standard input")?;
        obey(&line, &subject, until, context)?;
    }
    Ok(())
}

fn obey(line: &str, subject: &Subject, until: Until, context: &Context) -> anyhow::Result<()> {
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["round"] => say(context, &subject.time(until)?),
        ["round", seconds] => say(context, &subject.time(Until::Elapsed(length(seconds)?))?),
        ["memory"] => say(context, &Memory { base: subject.loaded.memory.base, ..Memory::now() }),
        ["outputs", file] => say(context, &outputs(subject, Path::new(file))?),
        _ => Err(Failure::new(Code::Input, format!("`{line}` is nothing to do in a round"))
            .hint("use round [SECONDS], memory or outputs FILE")
            .into()),
    }
}

fn length(text: &str) -> anyhow::Result<Duration> {
    let seconds: Option<f64> = text.parse().ok();
    let length = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    length.ok_or_else(|| anyhow!(Failure::new(Code::Input, format!("`{text}` is no length of time in seconds"))))
}

/// Writes the bytes of all outputs, one after the other, and says what they are.
fn outputs(subject: &Subject, file: &Path) -> anyhow::Result<serde_json::Value> {
    let data: Vec<u8> = subject.outputs.iter().flat_map(|tensor| &tensor.data).copied().collect();
    briq_package::replace_file(file, &data).with_context(|| format!("cannot write {}", file.display()))?;
    let form = |tensor: &briq_engine::Tensor| json!({"name": tensor.name, "datatype": tensor.datatype.to_string(), "shape": tensor.shape});
    Ok(json!({"outputs": subject.outputs.iter().map(form).collect::<Vec<_>>()}))
}

fn say(context: &Context, value: &impl Serialize) -> anyhow::Result<()> {
    context.output.raw(&serde_json::to_string(value)?)
}
