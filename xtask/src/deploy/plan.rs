//! What a release does, as data.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use briq_spec::Recipe;

use super::Arguments;
use crate::workspace::Workspace;

/// What is released, and where to.
pub(super) struct Release {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) deployment: String,
    /// The folder with `briq.toml`.
    pub(super) project: PathBuf,
    /// The project is made from the template first.
    pub(super) from_template: bool,
    /// The folder of what the release makes.
    pub(super) folder: PathBuf,
    /// The packed file in it.
    pub(super) file: PathBuf,
}

/// Steps, in their order.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
}

/// One step.
pub(super) struct Step {
    pub(super) title: &'static str,
    pub(super) action: Action,
}

/// What a step does.
pub(super) enum Action {
    /// Formatting, lints, tidy, tests.
    Checks,
    /// The program itself, optimised.
    Build,
    /// A verb of the program.
    Briq(Vec<String>),
    /// SHA-256 of the package.
    Checksums,
    /// Health, and the version that answers; where it does not hold, the rollout may be undone.
    Gates { roll_back: bool },
}

impl Release {
    /// Reads from the recipe what is to be released.
    pub(super) fn read(workspace: &Workspace, arguments: &Arguments) -> Result<Self> {
        let template = workspace.target.join("deploy").join("digits");
        let project = arguments.package.clone().unwrap_or(template);
        let from_template = arguments.package.is_none() && !project.join("briq.toml").exists();
        let (name, version) = if from_template { ("digits".into(), "1.0.0".into()) } else { identity(&project)? };
        let short = name.rsplit('/').next().unwrap_or(&name).to_owned();
        let folder = workspace.target.join("deploy").join(format!("{short}-{version}"));
        Ok(Self {
            deployment: arguments.name.clone().unwrap_or_else(|| short.clone()),
            file: folder.join(format!("{short}-{version}.briq")),
            name,
            version,
            project,
            from_template,
            folder,
        })
    }
}

fn identity(project: &Path) -> Result<(String, String)> {
    let path = project.join("briq.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let recipe = Recipe::parse(&text).with_context(|| format!("read {}", path.display()))?;
    Ok((recipe.package.name.to_string(), recipe.package.version.to_string()))
}

impl Plan {
    /// From source to a gated rollout.
    pub(super) fn release(release: &Release, arguments: &Arguments) -> Self {
        let project = release.project.display().to_string();
        let file = release.file.display().to_string();
        let exact = format!("{}@={}", release.name, release.version);
        let mut steps = Vec::new();
        if !arguments.no_checks {
            steps.push(Step { title: "Checks", action: Action::Checks });
        }
        steps.push(Step { title: "Release build", action: Action::Build });
        if release.from_template {
            steps.push(briq("Project", &["new", &project, "--template", "digits"]));
        }
        let http = arguments.http.map(|address| address.to_string());
        let mut deploy = vec!["deploy", &exact, "--to", &arguments.to, "--name", &release.deployment];
        deploy.extend(http.iter().flat_map(|address| ["--http", address]));
        steps.extend([
            briq("Train", &["train", &project]),
            briq("Package", &["pack", &project, "-o", &file]),
            briq("Verify", &["verify", &file]),
            Step { title: "Checksums", action: Action::Checksums },
            briq("Publish", &["publish", &file]),
            briq("Roll out", &deploy),
            Step { title: "Gates", action: Action::Gates { roll_back: true } },
        ]);
        Self { steps }
    }

    /// Back to the revision before this one.
    pub(super) fn rollback(release: &Release) -> Self {
        let build = Step { title: "Release build", action: Action::Build };
        let gates = Step { title: "Gates", action: Action::Gates { roll_back: false } };
        Self { steps: vec![build, briq("Roll back", &["rollback", &release.deployment]), gates] }
    }
}

fn briq(title: &'static str, words: &[&str]) -> Step {
    Step { title, action: Action::Briq(words.iter().copied().map(str::to_owned).collect()) }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Step { title, action }) in self.steps.iter().enumerate() {
            writeln!(f, "{:>2}  {title:<14} {action}", index + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checks => f.write_str("cargo fmt, cargo clippy, cargo xtask tidy --quick, cargo xtask test"),
            Self::Build => f.write_str("cargo build --release --bin briq"),
            Self::Briq(words) => write!(f, "briq {}", words.join(" ")),
            Self::Checksums => f.write_str("sha256sum"),
            Self::Gates { roll_back: true } => f.write_str("ready, and the right version answers; else briq rollback"),
            Self::Gates { roll_back: false } => f.write_str("ready"),
        }
    }
}
