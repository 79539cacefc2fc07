//! `briq list`: what the local store holds.

use std::io::Write;

use briq_spec::PackageName;
use briq_spec::reference::Selector;
use briq_store::{Store, VersionRecord};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer as _};

use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::locate;
use crate::output::bytes;

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
    let listing = Listing { store, names, selector };
    // There may be more lines than memory should hold: they are gone through twice, first to see how wide they are.
    let mut widths = HEADING.map(str::len);
    let mut count = 0_u64;
    listing.visit(|line| {
        count += 1;
        line.cells().iter().zip(&mut widths).for_each(|(cell, width)| *width = cell.chars().count().max(*width));
        Ok(())
    })?;
    if let (0, Some(reference)) = (count, &arguments.reference) {
        return Err(Failure::new(Code::NotFound, format!("the local store has no `{reference}`")).into());
    }
    context.output.stream(|out| match (context.output.is_json(), count) {
        (true, _) => listing.json(out),
        (false, 0) => Ok(writeln!(out, "nothing has been published here")?),
        (false, _) => listing.text(out, widths),
    })
}

/// What is to be listed.
struct Listing {
    store: Store,
    names: Vec<PackageName>,
    selector: Selector,
}

const HEADING: [&str; 5] = ["NAME", "VERSION", "SIZE", "ALIASES", "DIGEST"];

impl Listing {
    /// Goes through the lines, a few at a time.
    fn visit(&self, mut see: impl FnMut(Line) -> anyhow::Result<()>) -> anyhow::Result<()> {
        for name in &self.names {
            let aliases = self.store.aliases(name.clone())?;
            self.store.visit_versions(name.clone(), |record| {
                if !self.wants(&record) {
                    return Ok(());
                }
                let aliases = aliases.iter().filter(|(_, version)| **version == record.version);
                see(Line {
                    name: name.to_string(),
                    version: record.version.to_string(),
                    digest: record.digest.to_string(),
                    size: record.size,
                    yanked: record.yanked,
                    aliases: aliases.map(|(alias, _)| alias.clone()).collect(),
                })
            })?;
        }
        Ok(())
    }

    fn wants(&self, record: &VersionRecord) -> bool {
        match &self.selector {
            Selector::Any => true,
            Selector::Digest(digest) => record.digest == *digest,
            other => other.selects(&record.version),
        }
    }

    fn json(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut serializer = serde_json::Serializer::pretty(&mut *out);
        let mut lines = serializer.serialize_seq(None).map_err(std::io::Error::from)?;
        self.visit(|line| Ok(lines.serialize_element(&line).map_err(std::io::Error::from)?))?;
        SerializeSeq::end(lines).map_err(std::io::Error::from)?;
        Ok(writeln!(out)?)
    }

    fn text(&self, out: &mut dyn Write, widths: [usize; 5]) -> anyhow::Result<()> {
        let mut row = |cells: [String; 5]| -> anyhow::Result<()> {
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            Ok(writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?)
        };
        row(HEADING.map(str::to_owned))?;
        self.visit(|line| row(line.cells()))
    }
}

impl Line {
    fn cells(&self) -> [String; 5] {
        let version = if self.yanked { format!("{} (yanked)", self.version) } else { self.version.clone() };
        [self.name.clone(), version, bytes(self.size), self.aliases.join(","), self.digest.clone()]
    }
}
