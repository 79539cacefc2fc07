//! The crate's one error: which file, where in it, and what is wrong there.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a table could not be read, or a dataset not be split.
///
/// Boxed, so that the results of reading single fields stay small.
#[derive(Debug)]
pub struct DataError(Box<Details>);

#[derive(Debug)]
struct Details {
    kind: DataErrorKind,
    path: Option<PathBuf>,
    line: Option<u64>,
    column: Option<usize>,
    reason: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What sort of failure a [`DataError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataErrorKind {
    /// The file could not be opened or read.
    Io,
    /// There is no such file.
    NotFound,
    /// A field is empty.
    MissingValue,
    /// A field is text where a number belongs.
    NotANumber,
    /// A number is NaN, infinite, or beyond what single precision holds.
    NotFinite,
    /// A row has more or fewer columns than the first.
    RaggedRow,
    /// A label is none of the declared classes.
    UnknownLabel,
    /// A class has no rows, or too few for the split.
    EmptyClass,
    /// The file has no rows.
    Empty,
    /// The label column is not there, or the table has no feature beside it.
    NoSuchColumn,
    /// The text is not UTF-8.
    Encoding,
    /// The file is larger than [`MAX_TABLE_BYTES`](crate::MAX_TABLE_BYTES).
    Limit,
    /// Fractions or classes that make no sense.
    Options,
}

impl DataError {
    pub(crate) fn new(kind: DataErrorKind, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self(Box::new(Details { kind, path: None, line: None, column: None, reason, hint: None, source: None }))
    }

    pub(crate) fn at(mut self, line: u64, column: usize) -> Self {
        self.0.line = Some(line);
        self.0.column = Some(column);
        self
    }

    pub(crate) fn at_line(mut self, line: u64) -> Self {
        self.0.line = Some(line);
        self
    }

    pub(crate) fn within(mut self, path: &Path) -> Self {
        self.0.path = Some(path.to_owned());
        self
    }

    pub(crate) fn advise(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> DataErrorKind {
        self.0.kind
    }

    /// The file.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The line in it, from 1. For a gzip file: of the text inside.
    pub fn line(&self) -> Option<u64> {
        self.0.line
    }

    /// The column of the table, from 1.
    pub fn column(&self) -> Option<usize> {
        self.0.column
    }

    /// Advice for the person who sees the message, apart from the message.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether the file does not exist.
    pub fn is_not_found(&self) -> bool {
        self.0.kind == DataErrorKind::NotFound
    }

    /// Whether the system could not read the file.
    pub fn is_io(&self) -> bool {
        self.0.kind == DataErrorKind::Io
    }

    /// Whether the file could be read and its content is at fault.
    pub fn is_content(&self) -> bool {
        !matches!(self.0.kind, DataErrorKind::Io | DataErrorKind::NotFound | DataErrorKind::Options)
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{}", path.display())?;
            match (self.0.line, self.0.column) {
                (Some(line), Some(column)) => write!(f, ":{line}:{column}: ")?,
                (Some(line), None) => write!(f, ":{line}: ")?,
                _ => f.write_str(": ")?,
            }
        }
        f.write_str(&self.0.reason)
    }
}

impl Error for DataError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
