//! What every comparison needs: the program, the peers, and each network as an ONNX file and as a package.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::Arguments;
use super::contender::Contender;
use super::subject::{Dimension, Range, Source, Subject};
use crate::peers::{self, Peers};
use crate::process::{self, succeeds};
use crate::workspace::Workspace;

/// What speaks for a peer.
const PEER: &str = include_str!("peer.py");

/// How Briq is called in tables.
pub(super) const OURS: &str = "briq";

/// The programs and where networks are kept.
pub(super) struct Stage {
    program: PathBuf,
    backend: String,
    folder: PathBuf,
    /// Of networks in files, for as long as they are measured.
    files: TempDir,
    /// Each peer by name, with the interpreter that has it.
    peers: Vec<(String, PathBuf)>,
    pinned: bool,
    versions: RefCell<BTreeMap<String, String>>,
    peer_environment: Peers,
}

/// A network on disk.
pub(super) struct Prepared {
    pub(super) subject: Subject,
    pub(super) onnx: PathBuf,
    pub(super) package: PathBuf,
}

impl Stage {
    /// Builds briq, and finds or installs the peers.
    pub(super) fn set(workspace: &Workspace, arguments: &Arguments) -> Result<Self> {
        let program = match &arguments.program {
            Some(program) => program.clone(),
            None => workspace.build_briq()?,
        };
        let peer_environment = peers::find(true)?;
        let find = |name: &String| Ok((name.clone(), interpreter(name, &peer_environment)?));
        let peers = arguments.peers.iter().filter(|name| !name.is_empty()).map(find).collect::<Result<_>>()?;
        let folder = workspace.target.join("bench");
        std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let files = tempfile::tempdir_in(&folder).context("make a folder for packages")?;
        let pinned = succeeds("taskset", &["--version"]);
        let versions = RefCell::default();
        Ok(Self {
            program,
            backend: arguments.backend.clone(),
            folder,
            files,
            peers,
            pinned,
            versions,
            peer_environment,
        })
    }

    /// Writes a network of ours and checks it, and imports what is not imported yet.
    pub(super) fn prepare(&self, subject: Subject) -> Result<Prepared> {
        let file = |ending: &str| format!("{}.{ending}", subject.name);
        let (onnx, package) = match &subject.source {
            Source::Ours(graph) => {
                let [onnx, package] = ["onnx", "briq"].map(|ending| self.folder.join(file(ending)));
                let bytes = briq_graph::onnx::encode(graph)?;
                if std::fs::read(&onnx).ok().as_deref() != Some(&bytes[..]) || !package.exists() {
                    std::fs::write(&onnx, &bytes).with_context(|| format!("write {}", onnx.display()))?;
                    self.check(&onnx)?;
                    self.import(&subject.name, &onnx, &package)?;
                }
                (onnx, package)
            }
            Source::File(onnx) => {
                // A file's tensors may lie beside it, so that it is imported each time.
                let package = self.files.path().join(file("briq"));
                self.import("measured", onnx, &package)?;
                (onnx.clone(), package)
            }
        };
        Ok(Prepared { subject, onnx, package })
    }

    /// Asks the reference implementation whether the file is a model.
    fn check(&self, onnx: &Path) -> Result<()> {
        let Some(python) = &self.peer_environment.python else { return Ok(()) };
        let check = "import onnx, sys; onnx.checker.check_model(sys.argv[1], full_check=True)";
        process::read(Command::new(python).args(["-c", check]).arg(onnx)).map(drop)
    }

    fn import(&self, name: &str, onnx: &Path, package: &Path) -> Result<()> {
        let mut command = Command::new(&self.program);
        command
            .args(["import", "onnx"])
            .arg(onnx)
            .args(["--name", name, "--version", "1.0.0", "--output"])
            .arg(package);
        process::read(&mut command).map(drop)
    }

    /// The names of the peers.
    pub(super) fn peers(&self) -> impl Iterator<Item = &str> {
        self.peers.iter().map(|(name, _)| name.as_str())
    }

    /// What was measured, by name; peers become known when they start.
    pub(super) fn versions(&self) -> BTreeMap<String, String> {
        self.versions.borrow().clone()
    }

    /// Starts Briq on a network.
    pub(super) fn ours(&self, prepared: &Prepared, threads: usize, batch: usize) -> Result<Contender> {
        let mut command = self.command(&self.program, threads);
        // What processes share lies there, and nothing of the user's.
        command.env("BRIQ_HOME", self.folder.join("home"));
        command.arg("bench").arg(&prepared.package).args(["--backend", &self.backend, "--rounds"]);
        command.args(["--threads", &threads.to_string(), "--batch", &batch.to_string()]);
        for Dimension { name, length } in &prepared.subject.dimensions {
            command.args(["--dimension", &format!("{name}={length}")]);
        }
        for Range { input, first, end } in &prepared.subject.ranges {
            command.args(["--range", &format!("{input}={first}..{end}")]);
        }
        let contender = Contender::start(OURS, &mut command)?;
        self.versions.borrow_mut().insert(OURS.to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        Ok(contender)
    }

    /// Starts a peer on a network.
    pub(super) fn peer(&self, name: &str, prepared: &Prepared, threads: usize, batch: usize) -> Result<Contender> {
        let found = self.peers.iter().find(|(known, _)| known == name);
        let (_, python) = found.with_context(|| format!("no peer is called {name}"))?;
        let mut command = self.command(python, threads);
        command
            .args(["-c", PEER, name])
            .arg(&prepared.onnx)
            .arg(threads.to_string())
            .args(prepared.subject.inputs(batch)?);
        let contender = Contender::start(name, &mut command)?;
        if let Some(version) = contender.ready["version"].as_str() {
            self.versions.borrow_mut().insert(name.to_owned(), version.to_owned());
        }
        Ok(contender)
    }

    /// A program that may use so many processors, where that can be arranged.
    fn command(&self, program: &Path, threads: usize) -> Command {
        if !self.pinned {
            return Command::new(program);
        }
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &format!("0-{}", threads.max(1) - 1)]).arg(program);
        command
    }
}

/// The interpreter that has a peer, installed where it is missing.
fn interpreter(name: &str, environment: &Peers) -> Result<PathBuf> {
    let found = match name {
        "onnxruntime" => environment.python.clone(),
        "tract" => peers::tract()?,
        _ => bail!("{name} is no peer: use onnxruntime or tract"),
    };
    found.with_context(|| format!("peer {name} is not there and could not be installed"))
}
