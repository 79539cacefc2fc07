//! A runtime in a process of its own, which does what it is told line by line.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::spell;

/// A running contender; it ends when this is dropped.
pub(super) struct Contender {
    pub(super) name: String,
    /// What it said once it had made its first prediction.
    pub(super) ready: Value,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Contender {
    /// Starts the process and waits for its first prediction.
    pub(super) fn start(name: &str, command: &mut Command) -> Result<Self> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().with_context(|| format!("start {}", spell(command)))?;
        let input = child.stdin.take().context("standard input was piped")?;
        let output = BufReader::new(child.stdout.take().context("standard output was piped")?).lines();
        let mut contender = Self { name: name.to_owned(), ready: Value::Null, child, input, output };
        contender.ready = contender.hear()?;
        match contender.ready["error"].as_str() {
            Some(error) => bail!("{error}"),
            None => Ok(contender),
        }
    }

    /// Says one line and waits for the answer.
    pub(super) fn ask(&mut self, line: &str) -> Result<Value> {
        writeln!(self.input, "{line}").with_context(|| format!("speak to {}", self.name))?;
        self.hear()
    }

    /// The time of one prediction over a round, in seconds: `median` or `min`.
    pub(super) fn round(&mut self, seconds: f64, figure: &str) -> Result<f64> {
        let timing = self.ask(&format!("round {seconds}"))?;
        timing[figure].as_f64().with_context(|| format!("{} gave no {figure}: {timing}", self.name))
    }

    /// Seconds from the closed file to the first prediction.
    pub(super) fn start_up(&self) -> Result<f64> {
        let part = |name: &str| self.ready["load"][name].as_f64();
        let sum =
            part("open").zip(part("engine")).zip(part("first")).map(|((open, engine), first)| open + engine + first);
        sum.with_context(|| format!("{} does not say what loading took: {}", self.name, self.ready))
    }

    fn hear(&mut self) -> Result<Value> {
        match self.output.next() {
            Some(line) => {
                let line = line.with_context(|| format!("listen to {}", self.name))?;
                serde_json::from_str(&line).with_context(|| format!("{} said {line:?}", self.name))
            }
            None => {
                let words = self.last_words();
                bail!("{} ended: {words}", self.name)
            }
        }
    }

    /// What the process wrote to standard error before it ended.
    fn last_words(&mut self) -> String {
        let said = self.child.stderr.take().map(std::io::read_to_string);
        let said = said.and_then(Result::ok).unwrap_or_default();
        let lines = said.lines().filter(|line| !line.trim().is_empty());
        lines.rev().take(3).map(str::trim).collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
