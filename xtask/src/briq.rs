//! The program `briq`, run verb by verb with a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// A built `briq` and the `BRIQ_HOME` that it works in.
pub(crate) struct Briq {
    pub(crate) program: PathBuf,
    pub(crate) home: Option<PathBuf>,
}

impl Briq {
    /// `briq` with all its state under `home`.
    pub(crate) fn new(program: &Path, home: &Path) -> Self {
        Self { program: program.to_owned(), home: Some(home.to_owned()) }
    }

    /// A command that has not run yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null());
        if let Some(home) = &self.home {
            command.env("BRIQ_HOME", home);
        }
        if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
            // Without it the loader of Vulkan complains on standard error.
            command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
        }
        command
    }

    /// Runs a verb that shows its progress to the person.
    pub(crate) fn show(&self, arguments: &[&str]) -> Result<()> {
        process::run(&mut self.command(arguments))
    }

    /// Runs a verb for what it prints.
    pub(crate) fn read(&self, arguments: &[&str]) -> Result<String> {
        process::read(&mut self.command(arguments))
    }

    /// Runs a verb with `--json` for what it knows.
    pub(crate) fn json(&self, arguments: &[&str]) -> Result<Value> {
        let text = self.read(&[arguments, &["--json"]].concat())?;
        serde_json::from_str(&text).with_context(|| format!("read the JSON of briq {}", arguments.join(" ")))
    }

    /// Runs a verb that must refuse, for its exit code and its error.
    pub(crate) fn refused(&self, arguments: &[&str]) -> Result<(i32, String)> {
        let output = self.command(arguments).output().context("start briq")?;
        let error = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
        match output.status.code() {
            Some(code) if code != 0 => Ok((code, error)),
            _ => bail!("briq {} was expected to refuse, and ended with {}", arguments.join(" "), output.status),
        }
    }
}

/// The value that stands first under one of these names, wherever in the document it stands.
pub(crate) fn find<'a>(document: &'a Value, name: &str) -> Option<&'a Value> {
    match document {
        Value::Object(fields) => fields.get(name).or_else(|| fields.values().find_map(|value| find(value, name))),
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// The text at a place, such as `/current/revision/version`, or an error that shows the document.
pub(crate) fn at(document: &Value, place: &str) -> Result<String> {
    let found = document.pointer(place).and_then(Value::as_str).map(str::to_owned);
    found.with_context(|| format!("no text at {place} of {document}"))
}
