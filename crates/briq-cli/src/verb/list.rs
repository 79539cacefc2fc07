//! `briq list`: what the local store holds.

use briq_spec::reference::Selector;
use briq_store::VersionRecord;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::locate;
use crate::output::{bytes, table};

/// List the packages and versions of the local store
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only these: a package, or versions of it such as digits@^1
    #[arg(value_name = "REF")]
    reference: Option<String>,
}

#[derive(Serialize)]
struct Line {
    name: String,
    version: String,
    digest: String,
    size: u64,
    yanked: bool,
    aliases: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let store = context.store()?;
    let (names, selector) = match &arguments.reference {
        None => (store.names()?, Selector::Any),
        Some(reference) => {
            let (name, selector) = locate::local(reference)?;
            (vec![name], selector)
        }
    };
    let wanted = |record: &VersionRecord| match &selector {
        Selector::Any => true,
        Selector::Digest(digest) => record.digest == *digest,
        other => other.selects(&record.version),
    };
    let mut lines = Vec::new();
    for name in names {
        let aliases = store.aliases(name.clone())?;
        for record in store.versions(name.clone())?.into_iter().filter(wanted) {
            let aliases = aliases.iter().filter(|(_, version)| **version == record.version);
            lines.push(Line {
                name: name.to_string(),
                version: record.version.to_string(),
                digest: record.digest.to_string(),
                size: record.size,
                yanked: record.yanked,
                aliases: aliases.map(|(alias, _)| alias.clone()).collect(),
            });
        }
    }
    if let (true, Some(reference)) = (lines.is_empty(), &arguments.reference) {
        return Err(Failure::new(Code::NotFound, format!("the local store has no `{reference}`")).into());
    }
    context.output.data(&lines, |lines| text(lines))
}

fn text(lines: &[Line]) -> String {
    if lines.is_empty() {
        return "nothing has been published here".into();
    }
    let heading = ["NAME", "VERSION", "SIZE", "ALIASES", "DIGEST"].map(str::to_owned).to_vec();
    let row = |line: &Line| {
        let version = if line.yanked { format!("{} (yanked)", line.version) } else { line.version.clone() };
        vec![line.name.clone(), version, bytes(line.size), line.aliases.join(","), line.digest.clone()]
    };
    table(&std::iter::once(heading).chain(lines.iter().map(row)).collect::<Vec<_>>())
}
