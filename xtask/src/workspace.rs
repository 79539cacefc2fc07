//! Where the workspace lies, and the one way in which it is built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::process;

/// The one profile and feature set of tests, demo and release: a second one would compile the backends again.
pub(crate) const BUILD: [&str; 4] = ["--release", "--workspace", "--features", "briq-cli/wgpu"];

/// The workspace as Cargo describes it, without its dependencies.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    metadata: Metadata,
}

impl Workspace {
    /// Asks Cargo for the workspace in the current directory or above it.
    pub(crate) fn load() -> Result<Self> {
        let metadata = MetadataCommand::new().no_deps().exec().context("read the workspace with cargo metadata")?;
        Ok(Self {
            root: metadata.workspace_root.clone().into_std_path_buf(),
            target: metadata.target_directory.clone().into_std_path_buf(),
            metadata,
        })
    }

    /// `cargo VERB` in the root of the workspace, without standard input.
    pub(crate) fn cargo(&self, verb: &str) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.arg(verb).current_dir(&self.root).stdin(Stdio::null());
        // What `cargo run` says of xtask is not meant for others: build scripts that watch it would run again.
        for (name, _) in std::env::vars_os().filter(|(name, _)| describes_a_package(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command
    }

    /// Builds the program `briq` and says where it lies.
    pub(crate) fn build_briq(&self) -> Result<PathBuf> {
        process::run(self.cargo("build").args(BUILD).args(["--bin", "briq"]))?;
        let program = self.target.join("release").join("briq");
        ensure!(program.is_file(), "cargo built briq, but not as {}", program.display());
        Ok(program)
    }

    /// The crates of the workspace, in alphabetical order.
    pub(crate) fn packages(&self) -> Vec<&Package> {
        let mut packages: Vec<_> = self.metadata.workspace_packages();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        packages
    }

    /// The crates of the workspace that are meant for crates.io.
    pub(crate) fn published(&self) -> Vec<&Package> {
        let meant = |package: &&Package| package.publish.as_ref().is_none_or(|registries| !registries.is_empty());
        self.packages().into_iter().filter(meant).collect()
    }

    /// A path of the workspace as a person would write it.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// Whether Cargo sets this variable for the package that it runs.
fn describes_a_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"].iter().any(|start| variable.starts_with(start))
}

/// `$XDG_CACHE_HOME/briq`: what may be deleted at any time, but is dear to make again.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    Ok(base.or_else(home).context("neither XDG_CACHE_HOME nor HOME is set")?.join("briq"))
}
