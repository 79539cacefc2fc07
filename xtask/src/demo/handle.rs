//! A dead man's handle: a small process that clears up once the demo lets go of it.
//!
//! It waits for the end of a pipe that only the demo holds. However the demo ends, by itself, by Ctrl-C or by
//! `kill -9`, the pipe ends with it; the handle stands in a process group of its own and outlives the terminal's signal.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::briq::Briq;

const SCRIPT: &str = r#"
trap '' HUP INT TERM
read -r word
[ "$word" = keep ] && exit 0
"$1" stop "$2" >/dev/null 2>&1
rm -rf "$3"
"#;

/// The handle, as long as it is held.
pub(super) struct Handle {
    process: Child,
}

impl Handle {
    /// From now on: when the demo is gone, the deployment is stopped and the folder deleted.
    pub(super) fn hold(briq: &Briq, deployment: &str, folder: &Path) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "handle"]).arg(&briq.program).arg(deployment).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        if let Some(home) = &briq.home {
            command.env("BRIQ_HOME", home);
        }
        Ok(Self { process: command.spawn().context("start the process that clears up")? })
    }

    /// Clears up now.
    pub(super) fn release(self) -> Result<()> {
        self.end("")
    }

    /// Leaves everything in place.
    pub(super) fn keep(self) -> Result<()> {
        self.end("keep\n")
    }

    fn end(mut self, word: &str) -> Result<()> {
        let mut pipe = self.process.stdin.take().context("the handle is held once")?;
        pipe.write_all(word.as_bytes())?;
        drop(pipe);
        let status = self.process.wait()?;
        ensure!(status.success(), "clearing up ended with {status}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> (Handle, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let briq = Briq { program: "true".into(), home: None };
        (Handle::hold(&briq, "name", &folder).expect("sh is there"), folder)
    }

    #[test]
    fn lets_go_and_clears() {
        let (handle, folder) = held();
        handle.release().expect("it clears");
        assert!(!folder.exists());
    }

    #[test]
    fn keeps_what_it_is_told_to() {
        let (handle, folder) = held();
        handle.keep().expect("it keeps");
        assert!(folder.exists());
        std::fs::remove_dir_all(folder).expect("it is ours");
    }
}
