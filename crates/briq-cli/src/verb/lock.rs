//! `briq lock`: writes down which package a requirement was resolved to.

use std::path::PathBuf;

use anyhow::Context as _;
use briq_model::Backend;
use briq_spec::Reference;
use briq_spec::lock::Lock;
use briq_spec::reference::Selector;
use serde::Serialize;

use crate::compute;
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::locate;

/// Resolve requirements and write them to briq.lock
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Packages with requirements, such as digits@^1
    #[arg(value_name = "REF", required = true)]
    references: Vec<String>,
    /// The lock file
    #[arg(long, default_value = "briq.lock", value_name = "FILE")]
    file: PathBuf,
    /// Choose among variants for a machine that computes with this [default: what this machine has]
    #[arg(long, value_parser = compute::parser(), default_value = "auto", hide_default_value = true)]
    backend: Backend,
}

#[derive(Serialize)]
struct Line {
    name: String,
    requirement: String,
    version: String,
    digest: String,
    /// All that were locked, for other machines to choose from; empty where there is one alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    variants: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let context = &context.on(arguments.backend);
    let mut lock = read(&arguments.file)?;
    let mut lines = Vec::new();
    for text in &arguments.references {
        let selector = selector(text)?;
        let resolved = locate::resolve(context, text)?;
        let Some(locked) = resolved.locked(&selector) else { continue };
        let build = locked.build.as_ref().map(|build| format!("+{build}")).unwrap_or_default();
        lines.push(Line {
            name: resolved.name.to_string(),
            requirement: format!("{}{build}", locked.requirement),
            version: resolved.version.to_string(),
            digest: resolved.digest.to_string(),
            variants: locked.variants.iter().map(|variant| variant.version.to_string()).collect(),
        });
        lock.upsert(locked);
    }
    write(&arguments.file, &lock)?;
    context.output.data(&lines, |lines| {
        let text = |line: &Line| {
            let others = if line.variants.is_empty() { "" } else { "  (with its other variants)" };
            format!("{} {} is {}  {}{others}", line.name, line.requirement, line.version, line.digest)
        };
        lines.iter().map(text).collect::<Vec<_>>().join("\n")
    })
}

/// The selector of a reference, if it is one that can be locked.
fn selector(text: &str) -> anyhow::Result<Selector> {
    match locate::reference(text)? {
        Reference::Package { selector, .. } if Lock::requirement(&selector).is_some() => Ok(selector),
        _ => Err(Failure::new(Code::Input, format!("`{text}` has no requirement to lock"))
            .hint("give one, such as digits@^1")
            .into()),
    }
}

fn read(path: &PathBuf) -> anyhow::Result<Lock> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Lock::parse(&text).with_context(|| format!("cannot read {}", path.display()))?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Lock::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// The new file takes the old one's place in one step.
fn write(path: &std::path::Path, lock: &Lock) -> anyhow::Result<()> {
    briq_package::replace_file(path, lock.print().as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}
