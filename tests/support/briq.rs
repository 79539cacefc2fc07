//! The built program, with a home of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use tempfile::TempDir;

use crate::Outcome;

/// Where the built `briq` lies.
///
/// # Panics
/// When it was not built: `cargo xtask test` builds it first.
pub fn program() -> PathBuf {
    let said = std::env::var_os("BRIQ_BIN").map(PathBuf::from);
    let built = || Some(std::env::current_exe().ok()?.parent()?.parent()?.join("briq"));
    let program = said.or_else(built).expect("a test lies in a folder of Cargo's");
    assert!(program.is_file(), "{} is not there: build it, or run `cargo xtask test`", program.display());
    program
}

/// `briq` in a temporary home. What it deployed under the name of [`Briq::deployment`] is stopped when it is dropped.
#[derive(Debug)]
pub struct Briq {
    program: PathBuf,
    home: TempDir,
    folder: TempDir,
    deployments: Mutex<Vec<String>>,
}

impl Briq {
    /// A new home, and a new folder to work in.
    ///
    /// # Panics
    /// When the program was not built, or the temporary folders cannot be made.
    #[expect(clippy::new_without_default, reason = "it makes folders, so it should be seen")]
    pub fn new() -> Self {
        let folder = |what| tempfile::Builder::new().prefix(what).tempdir().expect("a temporary folder");
        let (home, folder) = (folder("briq-home-"), folder("briq-work-"));
        Self { program: program(), home, folder, deployments: Mutex::default() }
    }

    /// The home: everything that `briq` keeps.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The folder that commands run in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A name for a deployment, which is stopped when this home is dropped.
    ///
    /// # Panics
    /// When another test that uses this home panicked.
    pub fn deployment<'n>(&self, name: &'n str) -> &'n str {
        self.deployments.lock().expect("no test panicked with it").push(name.to_owned());
        name
    }

    /// A command that has not run yet: its home is this one, its folder ours, and it gets no standard input.
    pub fn command<I>(&self, arguments: I) -> Command
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("BRIQ_HOME", self.home()).env("NO_COLOR", "1");
        command.current_dir(self.folder()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn run<I>(&self, arguments: I) -> Outcome
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        Outcome::of(&mut self.command(arguments))
    }
}

impl Drop for Briq {
    fn drop(&mut self) {
        let names = self.deployments.get_mut().map(std::mem::take).unwrap_or_default();
        for name in names {
            // A deployment that the test has stopped itself is an error here, and no matter.
            let _ = self.command(["stop", &name]).output();
        }
    }
}
