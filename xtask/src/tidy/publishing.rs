//! Every crate could be published as it stands.

use anyhow::Result;
use cargo_metadata::Package;

use super::Findings;
use crate::process;
use crate::workspace::Workspace;

/// What crates.io asks for, and what a reader looks for first.
pub(super) fn check_metadata(workspace: &Workspace) -> Result<Findings> {
    let mut findings = Vec::new();
    for package in workspace.published() {
        findings.extend(missing(package).into_iter().map(|what| format!("{} has no {what}", package.name)));
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let unversioned = dependency.req == cargo_metadata::semver::VersionReq::STAR;
            if unversioned && dependency.kind != cargo_metadata::DependencyKind::Development {
                findings.push(format!("{} depends on {} without a version", package.name, dependency.name));
            }
        }
    }
    Ok(findings)
}

fn missing(package: &Package) -> Vec<&'static str> {
    let manifest = std::fs::read_to_string(&package.manifest_path).unwrap_or_default();
    let readme = package.readme().is_some_and(|path| path.is_file());
    let present = [
        ("description", package.description.is_some()),
        ("licence", package.license.is_some()),
        ("repository", package.repository.is_some()),
        ("keywords", !package.keywords.is_empty()),
        ("categories", !package.categories.is_empty()),
        ("rust-version", package.rust_version.is_some()),
        ("README.md", readme),
        ("lints of the workspace", manifest.contains("[lints]\nworkspace = true")),
    ];
    present.into_iter().filter(|(_, present)| !present).map(|(what, _)| what).collect()
}

/// `cargo package` makes an archive of every crate; what is in it was compiled by the other checks.
pub(super) fn check_packaging(workspace: &Workspace) -> Result<Findings> {
    let mut command = workspace.cargo("package");
    command.args(["--no-verify", "--allow-dirty", "--quiet"]);
    for package in workspace.published() {
        command.args(["--package", &package.name]);
    }
    Ok(process::read(&mut command).err().map(|error| format!("{error:#}")).into_iter().collect())
}
