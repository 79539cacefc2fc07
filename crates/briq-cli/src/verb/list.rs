//! `briq list`: what the local store holds.

use serde::Serialize;

use crate::context::Context;
use crate::locate;
use crate::output::{bytes, table};

/// List the packages and versions of the local store
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only this package
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
    let names = match &arguments.reference {
        None => store.names()?,
        Some(reference) => vec![locate::local(reference)?.0],
    };
    let mut lines = Vec::new();
    for name in names {
        let aliases = store.aliases(name.clone())?;
        for record in store.versions(name.clone())? {
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
