//! `briq lock`: writes down which package a requirement was resolved to.

use std::path::PathBuf;

use anyhow::Context as _;
use briq_spec::Reference;
use briq_spec::lock::Lock;
use briq_spec::reference::Selector;
use serde::Serialize;

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
}

#[derive(Serialize)]
struct Line {
    name: String,
    requirement: String,
    version: String,
    digest: String,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let mut lock = read(&arguments.file)?;
    let mut lines = Vec::new();
    for text in &arguments.references {
        let requirement = requirement(text)?;
        let resolved = locate::resolve(context, text)?;
        lines.push(Line {
            name: resolved.name.to_string(),
            requirement: requirement.to_string(),
            version: resolved.version.to_string(),
            digest: resolved.digest.to_string(),
        });
        lock.upsert(resolved.locked(&requirement));
    }
    write(&arguments.file, &lock)?;
    context.output.data(&lines, |lines| {
        let text = |line: &Line| format!("{} {} is {}  {}", line.name, line.requirement, line.version, line.digest);
        lines.iter().map(text).collect::<Vec<_>>().join("\n")
    })
}

fn requirement(text: &str) -> anyhow::Result<semver::VersionReq> {
    match locate::reference(text)? {
        Reference::Package { selector: Selector::Requirement(requirement), .. } => Ok(requirement),
        Reference::Package { selector: Selector::Any, .. } => Ok(semver::VersionReq::STAR),
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
