//! `briq inspect`: what is in a package, without running it.

use briq_package::Package;
use briq_spec::Blake3Digest;
use briq_spec::lineage::Ancestry;
use briq_spec::manifest::{AdapterUpdate, Lineage, Manifest};
use serde::Serialize;

use crate::context::Context;
use crate::locate;
use crate::output::{bytes, table};

/// Show what is in a package
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package
    #[arg(value_name = "REF")]
    reference: String,
    /// Print the bill of materials instead: CycloneDX 1.6, as JSON
    #[arg(long)]
    sbom: bool,
    /// Show where it comes from instead: data, source file and, from the local store, the packages it was fine-tuned from
    #[arg(long, conflicts_with = "sbom")]
    lineage: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    digest: String,
    manifest: &'a Manifest,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let package = locate::package(context, &arguments.reference)?;
    if arguments.sbom {
        return context.output.raw(package.sbom().trim_end());
    }
    if arguments.lineage {
        let ancestry = ancestry(&package, context)?;
        return context.output.data(&ancestry, Ancestry::to_string);
    }
    let report = Report { digest: package.digest().to_string(), manifest: package.manifest() };
    let network = briq_model::structure(&package)?.summary()?;
    context.output.data(&report, |report| text(report, &package, &network))
}

/// The family tree of a package; bases are looked for in the local store alone.
fn ancestry(package: &Package, context: &Context) -> anyhow::Result<Ancestry> {
    let store = context.store()?;
    let mut find = |digest: &Blake3Digest| Some(store.package(digest).ok()?.manifest().clone());
    Ok(Ancestry::of(package.manifest(), package.digest(), &mut find))
}

/// What an adapter changes.
fn adapter(manifest: &Manifest) -> Vec<(&'static str, String)> {
    let Some(adapter) = &manifest.adapter else { return Vec::new() };
    let update = |update: &AdapterUpdate| {
        ("adapts", format!("{}, rank {}, scale {}", update.parameter, update.rank, update.scale))
    };
    let made_for = ("made for", format!("{} of the base", adapter.requirement));
    std::iter::once(made_for).chain(adapter.updates.iter().map(update)).collect()
}

/// Where a network comes from.
fn lineage(lineage: &Lineage) -> Vec<(&'static str, String)> {
    let base = lineage.base.iter().map(|base| match &lineage.base_version {
        Some(version) => ("base", format!("{base} ({version})")),
        None => ("base", base.clone()),
    });
    let frozen = (!lineage.frozen.is_empty()).then(|| ("frozen", lineage.frozen.join(", ")));
    let data = lineage.data.iter().map(|data| ("data", format!("{}, {} rows, {}", data.name, data.rows, data.blake3)));
    base.chain(frozen).chain(data).collect()
}

fn text(report: &Report<'_>, package: &Package, network: &str) -> String {
    let manifest = report.manifest;
    let mut facts = vec![("digest", report.digest.clone())];
    facts.extend(manifest.description.iter().map(|text| ("description", text.clone())));
    facts.extend(manifest.license.iter().map(|text| ("licence", text.clone())));
    facts.push(("parameters", manifest.model.parameters.to_string()));
    facts.extend(manifest.signature.inputs.iter().map(|spec| ("input", spec.to_string())));
    facts.extend(manifest.signature.outputs.iter().map(|spec| ("output", spec.to_string())));
    facts.extend(manifest.golden.iter().map(|golden| ("golden", format!("{} examples", golden.examples))));
    facts.extend(lineage(&manifest.lineage));
    facts.extend(adapter(manifest));
    facts.extend(manifest.metrics.iter().map(|(name, value)| ("metric", format!("{name} {value:.4}"))));
    let facts: Vec<_> = facts.into_iter().map(|(name, value)| vec![format!("  {name}"), value]).collect();
    let entries: Vec<_> =
        package.entries().iter().map(|entry| vec![format!("  {}", entry.path), bytes(entry.size)]).collect();
    format!("{} {}\n{}\n\n{network}\n\n{}", manifest.name, manifest.version, table(&facts), table(&entries))
}
