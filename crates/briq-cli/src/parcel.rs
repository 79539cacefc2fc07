//! Files as people name them: a package, or a parcel that becomes one.

use std::path::Path;

use anyhow::Context as _;
use briq_package::Package;
use briq_package::parcel::Parcel;

use crate::context::Context;
use crate::output::bytes;

/// Opens a package file; a parcel is expanded first, into the cache.
pub(crate) fn open(context: &Context, path: &Path) -> anyhow::Result<Package> {
    if !Parcel::is_parcel(path)? {
        return Ok(Package::open(path)?);
    }
    let parcel = Parcel::open(path)?;
    // Another parcel of the same package may bring other seals.
    let name = Path::new(&parcel_id(path)?).with_extension("briq");
    let target = context.home.cache().join("expanded").join(name);
    if let Some(package) = kept(&target, &parcel) {
        return Ok(package);
    }
    expand(context, &parcel, None, &target)?;
    context.output.note(format!("expanded {} to {}", path.display(), target.display()));
    Ok(Package::open(&target)?)
}

/// Writes the package of a parcel. Where it is told from a base that is not given, the store is asked for it.
pub(crate) fn expand(context: &Context, parcel: &Parcel, base: Option<Package>, target: &Path) -> anyhow::Result<u64> {
    let base = match (base, parcel.base()) {
        (None, Some(needed)) => stored(context, &needed.digest)?,
        (given, _) => given,
    };
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    Ok(parcel.expand(base.as_ref(), target)?.size)
}

/// What a parcel saves, in words.
pub(crate) fn saving(parcel: u64, package: u64) -> String {
    let percent = 100.0 * parcel as f64 / package.max(1) as f64;
    format!("{} ({percent:.1} % of {})", bytes(parcel), bytes(package))
}

/// Absent is no error here: the parcel says better what it needs.
fn stored(context: &Context, digest: &briq_package::briq_spec::Blake3Digest) -> anyhow::Result<Option<Package>> {
    match context.store()?.package(digest) {
        Err(error) if error.is_not_found() => Ok(None),
        other => Ok(Some(other?)),
    }
}

/// A package that was expanded before, if it is whole.
fn kept(target: &Path, parcel: &Parcel) -> Option<Package> {
    Package::open(target).ok().filter(|package| package.digest() == parcel.digest())
}

fn parcel_id(path: &Path) -> anyhow::Result<String> {
    let file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hasher.finalize().to_hex().to_string())
}
