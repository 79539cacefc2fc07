//! Running other programs, and saying which one failed.

use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

/// Runs a command that speaks to the person by itself.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start {}", spell(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", spell(command));
    }
    Ok(())
}

/// Runs a command for what it prints to standard output.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let Output { status, stdout, stderr } = command.output().with_context(|| format!("start {}", spell(command)))?;
    if !status.success() {
        bail!("{} ended with {status}\n{}", spell(command), String::from_utf8_lossy(&stderr).trim_end());
    }
    String::from_utf8(stdout).with_context(|| format!("read the output of {}", spell(command)))
}

/// Whether a command can be started and succeeds; what it prints is dropped.
pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// A command as a person would type it.
pub(crate) fn spell(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let name = |word: &std::ffi::OsStr| word.to_string_lossy().into_owned();
    let mut words: Vec<_> = words.map(name).collect();
    if let Some(program) = words.first_mut() {
        *program = program.rsplit('/').next().unwrap_or_default().to_owned();
    }
    words.join(" ")
}
