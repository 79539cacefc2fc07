//! `briq gc`: gives back the disk space of what nothing names or uses.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use briq_deploy::{Deployment, Ledger};
use briq_spec::Blake3Digest;
use briq_spec::lock::Lock;
use briq_store::{GcOptions, Repository, Store};
use serde::Serialize;

use crate::context::Context;
use crate::output::bytes;

/// Remove blobs of the local store that nothing names
///
/// Versions and aliases name what they stand for, adapters their bases, deployments every revision that they could go back
/// to. Lock files lie anywhere: `--lock` says which of them count. Packed weights in the cache go too, where no server
/// uses them.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Keep what this lock file names, although its version was removed; may be given several times
    #[arg(long = "lock", value_name = "FILE")]
    locks: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    blobs: u64,
    bytes: u64,
    /// Bytes of packed weights in the cache.
    weights: u64,
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let store = context.store()?;
    let mut keep = deployed(context.home.path(), &store)?;
    keep.extend(adapted(&store)?);
    for file in &arguments.locks {
        keep.extend(locked(file)?);
    }
    let options = GcOptions { dry_run: arguments.dry_run, keep, ..GcOptions::default() };
    let collected = store.gc(&options)?;
    let weights = briq_model::clear_weights(&context.home.weights(), arguments.dry_run);
    let report = Report { blobs: collected.blobs, bytes: collected.bytes, weights, dry_run: arguments.dry_run };
    context.output.data(&report, |report| {
        let verb = if report.dry_run { "would remove" } else { "removed" };
        let weights =
            if report.weights == 0 { String::new() } else { format!("; packed weights, {}", bytes(report.weights)) };
        format!("{verb} {} blobs, {}{weights}", report.blobs, bytes(report.bytes))
    })
}

/// Every revision of every deployment, from whatever repository it came.
fn deployed(home: &Path, store: &Store) -> anyhow::Result<BTreeSet<(Repository, Blake3Digest)>> {
    let repositories = store.repositories()?;
    let mut keep = BTreeSet::new();
    for name in Deployment::all(home)? {
        let ledger = Ledger::of(&Deployment::at(home, name).history()?);
        for revision in ledger.revisions().values().map(|entry| &entry.desired.revision) {
            let of = repositories.iter().filter(|repository| repository.name == revision.package);
            keep.extend(of.map(|repository| (repository.clone(), revision.digest)));
        }
    }
    Ok(keep)
}

/// The base of every adapter, in the registry that the adapter came from. What cannot be opened needs no base.
fn adapted(store: &Store) -> anyhow::Result<Vec<(Repository, Blake3Digest)>> {
    let mut bases = Vec::new();
    for repository in store.repositories()? {
        for version in store.versions(repository.clone())? {
            let Ok(package) = store.package(&version.digest) else { continue };
            let named = package.manifest().base().filter(|_| package.manifest().adapter.is_some());
            bases.extend(named.map(|(name, digest)| (Repository { name, ..repository.clone() }, digest)));
        }
    }
    Ok(bases)
}

fn locked(file: &Path) -> anyhow::Result<Vec<(Repository, Blake3Digest)>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let packages = Lock::parse(&text).with_context(|| format!("cannot read {}", file.display()))?.packages;
    let named = |package: &briq_spec::lock::LockedPackage| {
        let repository = Repository { registry: package.registry.clone(), name: package.name.clone() };
        package.digests().map(|digest| (repository.clone(), digest)).collect::<Vec<_>>()
    };
    Ok(packages.iter().flat_map(named).collect())
}
