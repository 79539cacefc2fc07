//! Each crate builds by itself, with its default features and nothing that a neighbour switched on.

use anyhow::Result;

use super::Findings;
use crate::process;
use crate::workspace::Workspace;

/// Checks one crate after the other, in the folder of the other builds: a dependency that has the same features there is
/// not compiled again.
pub(super) fn check(workspace: &Workspace) -> Result<Findings> {
    let mut findings = Vec::new();
    for package in workspace.published() {
        let mut command = workspace.cargo("check");
        command.args(["--release", "--quiet", "--package", &package.name]);
        if let Err(error) = process::run(&mut command) {
            findings.push(format!("{} does not build by itself: {error:#}", package.name));
        }
    }
    Ok(findings)
}
