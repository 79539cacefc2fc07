//! What came of a command, and what a test expects of it.

use std::process::Command;

use serde_json::Value;

/// What came of a command. Every expectation shows all of it when it does not hold.
#[derive(Debug)]
pub struct Outcome {
    /// The command.
    pub spelled: String,
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn of(command: &mut Command) -> Self {
        let spelled = format!("{command:?}");
        let output = command.output().unwrap_or_else(|error| panic!("start {spelled}: {error}"));
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { spelled, code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Expects success.
    ///
    /// # Panics
    /// When it was none.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.exits(0)
    }

    /// Expects this exit code.
    ///
    /// # Panics
    /// When it was another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Expects this text somewhere in standard error.
    ///
    /// # Panics
    /// When it is not there.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "expected {text:?} in standard error of {self:#?}");
        self
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Outcome {
        Outcome::of(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn keeps_what_a_command_said() {
        let outcome = shell("echo '{\"a\": 1}'; echo no such file >&2; exit 3").exits(3).says("no such");
        assert_eq!(outcome.json()["a"], 1);
    }

    #[test]
    #[should_panic(expected = "exit 4")]
    fn another_exit_code_is_shown_with_the_command() {
        shell("exit 4").succeeds();
    }
}
