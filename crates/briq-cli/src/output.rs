//! How results are printed: for people, or as JSON.

use std::io::{IsTerminal as _, Write};

use serde::Serialize;

/// Standard output in the form that was asked for.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints `value` as JSON, or what `text` makes of it.
    pub(crate) fn data<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> anyhow::Result<()> {
        if self.json {
            return self.raw(&serde_json::to_string_pretty(value)?);
        }
        self.raw(text(value).trim_end())
    }

    /// Prints a text as it is, with a final line feed. A reader that has gone away is no error.
    pub(crate) fn raw(&self, text: &str) -> anyhow::Result<()> {
        match writeln!(std::io::stdout().lock(), "{text}") {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    /// Prints what is made while it is printed. A reader that has gone away is no error.
    pub(crate) fn stream(&self, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let written = write(&mut out).and_then(|()| Ok(out.flush()?));
        let gone = |error: &anyhow::Error| {
            error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
        };
        match written {
            Err(error) if gone(&error) => Ok(()),
            other => other,
        }
    }

    /// Tells a person what is going on; never part of the data.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        eprintln!("{}", text.as_ref());
    }
}

/// Whether standard error is a terminal, where progress may redraw itself.
pub(crate) fn is_interactive() -> bool {
    std::io::stderr().is_terminal()
}

/// Columns of equal width, the first row as a heading.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| row.get(column).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> =
        (0..columns).map(|column| rows.iter().map(|row| cell(row, column)).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A size in the unit that a person would choose.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}
