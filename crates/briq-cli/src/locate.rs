//! From a reference to a package.

use briq_package::Package;
use briq_registry::{Progress, Resolved};
use briq_spec::manifest::Manifest;
use briq_spec::reference::Selector;
use briq_spec::variant::same_version;
use briq_spec::{Blake3Digest, PackageName, Reference};
use briq_store::VersionRecord;
use semver::{Comparator, Op, Version};

use crate::context::Context;
use crate::exit::{Code, Failure};

/// Reads a reference; the error says what is wrong with it.
pub(crate) fn reference(text: &str) -> anyhow::Result<Reference> {
    Ok(text.parse::<Reference>()?)
}

/// The one package that a reference means.
pub(crate) fn resolve(context: &Context, text: &str) -> anyhow::Result<Resolved> {
    let reference = reference(text)?;
    let store = context.store()?;
    Ok(context
        .wait(async { briq_registry::resolve(&reference, &store, &|| briq_model::machine(context.backend)).await })??)
}

/// The package itself, fetched first when it is in a registry.
pub(crate) fn package(context: &Context, text: &str) -> anyhow::Result<Package> {
    fetched(context, text, &crate::progress::transfer("pulling"))
}

fn fetched(context: &Context, text: &str, progress: &Progress) -> anyhow::Result<Package> {
    if let Reference::File(path) = reference(text)? {
        return crate::parcel::open(context, &path);
    }
    let resolved = resolve(context, text)?;
    let store = context.store()?;
    Ok(context.wait(async { briq_registry::open(&resolved, &store, progress).await })??)
}

/// A package in the local store: one that lies in a file or a registry is brought there first.
pub(crate) fn stored(context: &Context, text: &str) -> anyhow::Result<Package> {
    stored_with(context, text, &crate::progress::transfer("pulling"))
}

/// As [`stored`], for those who want to know how it was brought.
pub(crate) fn stored_with(context: &Context, text: &str, progress: &Progress) -> anyhow::Result<Package> {
    let package = fetched(context, text, progress)?;
    if let Reference::File(_) = reference(text)? {
        context.store()?.publish(&package)?;
    }
    Ok(package)
}

/// The base of a package that is an adapter. It is in the local store, or comes from where the adapter came from.
pub(crate) fn base(context: &Context, text: &str, package: &Package) -> anyhow::Result<Option<Package>> {
    let manifest = package.manifest();
    let Some((name, digest)) = manifest.base().filter(|_| manifest.adapter.is_some()) else { return Ok(None) };
    match context.store()?.package(&digest) {
        Ok(base) => Ok(Some(base)),
        Err(error) if !error.is_not_found() => Err(error.into()),
        Err(_) => match beside(text, manifest, &name)? {
            Some(host) => self::package(context, &format!("{host}@{digest}")).map(Some),
            None => Err(missing(manifest, &name, &digest).into()),
        },
    }
}

/// The repository of a base in the registry that an adapter's reference names: in the folder where the adapter lies.
fn beside(text: &str, adapter: &Manifest, base: &PackageName) -> anyhow::Result<Option<String>> {
    let Reference::Package { registry: Some(host), name, .. } = reference(text)? else { return Ok(None) };
    let folder = name.as_str().strip_suffix(adapter.name.as_str()).unwrap_or_default();
    Ok(Some(format!("{host}/{folder}{base}")))
}

fn missing(adapter: &Manifest, base: &PackageName, digest: &Blake3Digest) -> Failure {
    let version = adapter.lineage.base_version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let what = format!("{} is an adapter of {base}{version}, which the local store does not have", adapter.name);
    Failure::new(Code::NotFound, what).hint(format!("briq pull HOST/{base}@{digest}, or briq publish its file"))
}

/// The parts of a reference that names a package without a registry, as aliasing and yanking need it.
pub(crate) fn local(text: &str) -> anyhow::Result<(PackageName, Selector)> {
    match reference(text)? {
        Reference::Package { registry: None, name, selector } => Ok((name, selector)),
        _ => Err(Failure::new(Code::Input, format!("`{text}` does not name a package of the local store"))
            .hint("use NAME@VERSION")
            .into()),
    }
}

/// The versions that are to be changed: here a bare `1.2.3` is exactly that, with all its variants, `1.2.3+f16` one of
/// them, and a range is refused.
pub(crate) fn exact(
    versions: &[VersionRecord],
    name: &PackageName,
    selector: &Selector,
) -> anyhow::Result<Vec<Version>> {
    let ambiguous = || Failure::new(Code::Input, "a change needs one version").hint(format!("use {name}@1.2.3"));
    let (requirement, build) = match selector {
        Selector::Requirement(requirement) => (requirement, None),
        Selector::Variant(requirement, build) => (requirement, Some(build)),
        Selector::Any | Selector::Alias(_) | Selector::Digest(_) => return Err(ambiguous().into()),
    };
    let [one] = requirement.comparators.as_slice() else { return Err(ambiguous().into()) };
    let wanted = version_of(one).ok_or_else(ambiguous)?;
    let meant =
        |version: &&Version| same_version(version, &wanted) && build.is_none_or(|build| version.build == *build);
    let found: Vec<Version> = versions.iter().map(|record| &record.version).filter(meant).cloned().collect();
    if found.is_empty() {
        let build = build.map(|build| format!("+{build}")).unwrap_or_default();
        return Err(Failure::new(Code::NotFound, format!("the local store has no {name} {wanted}{build}")).into());
    }
    Ok(found)
}

fn version_of(comparator: &Comparator) -> Option<Version> {
    let plain = matches!(comparator.op, Op::Exact | Op::Caret);
    let (minor, patch) = (comparator.minor?, comparator.patch?);
    let version = Version { pre: comparator.pre.clone(), ..Version::new(comparator.major, minor, patch) };
    plain.then_some(version)
}
