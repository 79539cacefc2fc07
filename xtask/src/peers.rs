//! The programs that the tests compare Briq with: found, installed by name, or named as missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::process::{self, succeeds};
use crate::workspace;

/// A program of the system that a test may call.
struct Program {
    name: &'static str,
    debian: &'static [&'static str],
    found: fn() -> bool,
}

const PROGRAMS: [Program; 7] = [
    Program { name: "skopeo", debian: &["skopeo"], found: || succeeds("skopeo", &["--version"]) },
    Program {
        name: "docker-registry",
        debian: &["docker-registry"],
        found: || succeeds("docker-registry", &["--version"]),
    },
    Program { name: "unzip", debian: &["unzip"], found: || succeeds("unzip", &["-v"]) },
    Program { name: "curl", debian: &["curl", "ca-certificates"], found: || succeeds("curl", &["--version"]) },
    Program { name: "promtool", debian: &["prometheus"], found: || succeeds("promtool", &["--version"]) },
    Program { name: "software Vulkan", debian: &["mesa-vulkan-drivers", "libvulkan1"], found: software_vulkan },
    Program {
        name: "python3",
        debian: &["python3", "python3-venv"],
        found: || succeeds("python3", &["-m", "venv", "-h"]),
    },
];

/// Packages of PyPI that a test may use: what pip installs, and what is imported.
const PYTHON: [(&str, &str); 8] = [
    ("numpy", "numpy"),
    ("onnx==1.19.1", "onnx"), // the last whose wheel carries the backend tests as files
    ("onnxruntime", "onnxruntime"),
    ("safetensors", "safetensors"),
    ("tritonclient[http]", "tritonclient.http"),
    ("model-signing", "model_signing"),
    ("pyopenssl", "OpenSSL"), // model-signing imports it and does not ask for it
    ("cyclonedx-python-lib[json-validation]", "cyclonedx.validation.json, jsonschema"),
];

/// What was found, and what has to be done without.
pub(crate) struct Peers {
    /// The interpreter that has the Python peers.
    pub(crate) python: Option<PathBuf>,
    /// What is missing, by name.
    pub(crate) missing: Vec<String>,
}

/// Looks for every peer and, where `install` says so and this user may, installs those that are missing.
pub(crate) fn find(install: bool) -> Result<Peers> {
    let absent = || PROGRAMS.iter().filter(|program| !(program.found)());
    let packages: Vec<_> = absent().flat_map(|program| program.debian).copied().collect();
    if install && !packages.is_empty() {
        install_from_debian(&packages);
    }
    let mut missing: Vec<_> = absent().map(|program| program.name.to_owned()).collect();
    let python = python(&workspace::cache()?.join("peers").join("python"), install);
    if python.is_none() {
        missing.extend(PYTHON.map(|(package, _)| format!("{package} (Python)")));
    }
    Ok(Peers { python, missing })
}

impl Peers {
    /// Tells a test run where the peers are.
    pub(crate) fn announce(&self, command: &mut Command) {
        if let Some(python) = &self.python {
            command.env("BRIQ_PYTHON", python);
        }
    }
}

/// A failure here is not the end: what stays missing is named afterwards.
fn install_from_debian(packages: &[&str]) {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let sudo = !root && succeeds("sudo", &["-n", "true"]);
    if !root && !sudo {
        return eprintln!("peers: no right to install {}", packages.join(" "));
    }
    for arguments in [&["update"][..], &[&["install", "-y", "--no-install-recommends"], packages].concat()] {
        let mut command = Command::new(if sudo { "sudo" } else { "apt-get" });
        if sudo {
            command.args(["-n", "apt-get"]);
        }
        command.args(arguments).arg("-qq").env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        if let Err(error) = process::run(&mut command) {
            eprintln!("peers: {error:#}");
        }
    }
}

/// A virtual environment with the Python peers, made once and kept in the cache.
fn python(environment: &Path, install: bool) -> Option<PathBuf> {
    let python = environment.join("bin").join("python");
    let modules = PYTHON.map(|(_, module)| module).join(", ");
    let import = format!("import {modules}; assert onnx.__version__ == '1.19.1'");
    let ready = || Command::new(&python).args(["-c", &import]).output().is_ok_and(|output| output.status.success());
    if install && !ready() {
        let made = make_environment(environment, &python);
        made.inspect_err(|error| eprintln!("peers: {error:#}")).ok()?;
    }
    ready().then_some(python)
}

fn make_environment(environment: &Path, python: &Path) -> Result<()> {
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment).stdin(Stdio::null()))?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    process::run(Command::new(python).args(install).args(PYTHON.map(|(package, _)| package)).stdin(Stdio::null()))
}

/// Mesa's llvmpipe, by the file that tells the Vulkan loader of it.
fn software_vulkan() -> bool {
    let folders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("lvp_icd"))
}
