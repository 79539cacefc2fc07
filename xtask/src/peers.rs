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

const PROGRAMS: [Program; 10] = [
    Program { name: "skopeo", debian: &["skopeo"], found: || succeeds("skopeo", &["--version"]) },
    Program {
        name: "docker-registry",
        debian: &["docker-registry"],
        found: || succeeds("docker-registry", &["--version"]),
    },
    Program { name: "unzip", debian: &["unzip"], found: || succeeds("unzip", &["-v"]) },
    Program { name: "mkfs.btrfs", debian: &["btrfs-progs"], found: || succeeds("mkfs.btrfs", &["--version"]) },
    Program { name: "mkfs.xfs", debian: &["xfsprogs"], found: || succeeds("mkfs.xfs", &["-V"]) },
    Program { name: "curl", debian: &["curl", "ca-certificates"], found: || succeeds("curl", &["--version"]) },
    Program { name: "promtool", debian: &["prometheus"], found: || succeeds("promtool", &["--version"]) },
    Program { name: "software Vulkan", debian: &["mesa-vulkan-drivers", "libvulkan1"], found: software_vulkan },
    Program {
        name: "python3",
        debian: &["python3", "python3-venv"],
        found: || succeeds("python3", &["-m", "venv", "-h"]),
    },
    Program {
        name: "PyTorch",
        debian: &["python3-torch"],
        found: || succeeds(SYSTEM_PYTHON, &["-c", "import torch, numpy"]),
    },
];

/// The interpreter that Debian's packages for Python belong to.
const SYSTEM_PYTHON: &str = "/usr/bin/python3";

/// A virtual environment: what pip installs into it, and what it has to be able to do then.
struct Environment {
    folder: &'static str,
    /// The interpreter that it is made of, whose own packages it then has too; of the usual one, it has none of them.
    base: Option<&'static str>,
    packages: &'static [&'static str],
    check: &'static str,
}

/// What Briq's answers are compared with.
const PYTHON: Environment = Environment {
    folder: "python",
    base: None,
    packages: &[
        "numpy",
        "onnx==1.19.1", // the last whose wheel carries the backend tests as files
        "onnxruntime",
        "safetensors",
        "tritonclient[http]",
        "model-signing",
        "pyopenssl", // model-signing imports it and does not ask for it
        "cyclonedx-python-lib[json-validation]",
    ],
    check: "import numpy, onnx, onnxruntime, safetensors, tritonclient.http, model_signing, OpenSSL, cyclonedx.validation.json, \
            jsonschema; assert onnx.__version__ == '1.19.1'",
};

/// What imported networks come from. TensorFlow wants another numpy than others do, so it stands apart.
const FRAMEWORKS: Environment = Environment {
    folder: "frameworks",
    base: None,
    packages: &["tensorflow-cpu", "tf_keras", "h5py", "scikit-learn", "skl2onnx", "tf2onnx", "onnxruntime"],
    check: "import keras, tf_keras, h5py, sklearn, skl2onnx, tf2onnx, onnxruntime",
};

/// Debian's PyTorch, and the loader of Hugging Face that goes by an index of shards.
const TORCH: Environment = Environment {
    folder: "torch",
    base: Some(SYSTEM_PYTHON),
    packages: &["huggingface_hub", "safetensors"],
    check: "import torch, numpy, huggingface_hub, safetensors.torch",
};

/// The runtime that speed is compared with beside ONNX Runtime; it stands apart because tests need none of it.
const TRACT: Environment =
    Environment { folder: "tract", base: None, packages: &["numpy", "tract==0.23.9"], check: "import numpy, tract" };

/// What packing is compared with; it stands apart because tests need none of it.
const PACKAGING: Environment = Environment {
    folder: "packaging",
    base: None,
    packages: &["numpy", "safetensors", "mlflow-skinny", "pandas"],
    check: "import numpy, safetensors.numpy, mlflow.pyfunc",
};

/// What was found, and what has to be done without.
pub(crate) struct Peers {
    /// The interpreter that has the Python peers.
    pub(crate) python: Option<PathBuf>,
    /// The interpreter that has Keras and scikit-learn.
    frameworks: Option<PathBuf>,
    /// The interpreter that has PyTorch.
    torch: Option<PathBuf>,
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
    let folder = workspace::cache()?.join("peers");
    let [python, frameworks, torch] = [&PYTHON, &FRAMEWORKS, &TORCH].map(|environment| {
        let python = environment.python(&folder, install);
        if python.is_none() {
            missing.extend(environment.packages.iter().map(|package| format!("{package} (Python)")));
        }
        python
    });
    Ok(Peers { python, frameworks, torch, missing })
}

impl Peers {
    /// Tells a test run where the peers are.
    pub(crate) fn announce(&self, command: &mut Command) {
        let found = [
            ("BRIQ_PYTHON", &self.python),
            ("BRIQ_KERAS_PYTHON", &self.frameworks),
            ("BRIQ_TORCH_PYTHON", &self.torch),
        ];
        for (variable, python) in found {
            if let Some(python) = python {
                command.env(variable, python);
            }
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

/// The interpreter that has tract, installed where it is missing.
pub(crate) fn tract() -> Result<Option<PathBuf>> {
    Ok(TRACT.python(&workspace::cache()?.join("peers"), true))
}

/// The interpreter that has safetensors and MLflow, installed where it is missing.
pub(crate) fn packaging() -> Result<Option<PathBuf>> {
    Ok(PACKAGING.python(&workspace::cache()?.join("peers"), true))
}

impl Environment {
    /// Its interpreter, made once and kept in the cache.
    fn python(&self, folder: &Path, install: bool) -> Option<PathBuf> {
        let environment = folder.join(self.folder);
        let python = environment.join("bin").join("python");
        let checked = || Command::new(&python).args(["-c", self.check]).output();
        let ready = || checked().is_ok_and(|output| output.status.success());
        if install && !ready() {
            let made = self.make(&environment, &python);
            made.inspect_err(|error| eprintln!("peers: {error:#}")).ok()?;
        }
        ready().then_some(python)
    }

    fn make(&self, environment: &Path, python: &Path) -> Result<()> {
        let mut venv = Command::new(self.base.unwrap_or("python3"));
        venv.args(["-m", "venv", "--clear"]).args(self.base.map(|_| "--system-site-packages"));
        process::run(venv.arg(environment).stdin(Stdio::null()))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        process::run(Command::new(python).args(install).args(self.packages).stdin(Stdio::null()))
    }
}

/// Mesa's llvmpipe, by the file that tells the Vulkan loader of it.
fn software_vulkan() -> bool {
    let folders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("lvp_icd"))
}
