//! From a reference to a package.

use briq_package::Package;
use briq_registry::Resolved;
use briq_spec::Reference;
use briq_spec::reference::Selector;

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
    Ok(context.wait(async { briq_registry::resolve(&reference, &store).await })??)
}

/// The package itself, fetched first when it is in a registry.
pub(crate) fn package(context: &Context, text: &str) -> anyhow::Result<Package> {
    if let Reference::File(path) = reference(text)? {
        return Ok(Package::open(&path)?);
    }
    let resolved = resolve(context, text)?;
    let store = context.store()?;
    let progress = crate::progress::transfer("pulling");
    Ok(context.wait(async { briq_registry::open(&resolved, &store, &progress).await })??)
}

/// A package in the local store: one that lies in a file or a registry is brought there first.
pub(crate) fn stored(context: &Context, text: &str) -> anyhow::Result<Package> {
    let package = package(context, text)?;
    if let Reference::File(_) = reference(text)? {
        context.store()?.publish(&package)?;
    }
    Ok(package)
}

/// The parts of a reference that names a package without a registry, as aliasing and yanking need it.
pub(crate) fn local(text: &str) -> anyhow::Result<(briq_spec::PackageName, Selector)> {
    match reference(text)? {
        Reference::Package { registry: None, name, selector } => Ok((name, selector)),
        _ => Err(Failure::new(Code::Input, format!("`{text}` does not name a package of the local store"))
            .hint("use NAME@VERSION")
            .into()),
    }
}
