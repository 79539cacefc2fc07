//! A mistake in a `briq.toml`, and where it is.

use std::error::Error;
use std::fmt;

/// A mistake in a `briq.toml`.
///
/// The message begins with `line L, column C:` (both counted from 1, columns in characters) and names the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeError(Box<Mistake>);

/// Behind a pointer, so that a `Result` stays small.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mistake {
    kind: RecipeErrorKind,
    line: usize,
    column: usize,
    path: String,
    reason: String,
    suggestion: Option<String>,
}

/// What sort of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecipeErrorKind {
    /// It is not TOML.
    Syntax,
    /// It is larger than [`MAX_RECIPE_BYTES`](super::MAX_RECIPE_BYTES).
    TooLarge,
    /// A key that no section has.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A word that is none of those allowed: a layer type, an activation.
    UnknownValue,
    /// A value of the wrong type.
    WrongType,
    /// A value out of range, or one that contradicts another.
    Invalid,
}

impl RecipeError {
    pub(super) fn new(kind: RecipeErrorKind, (line, column): (usize, usize), path: String, reason: String) -> Self {
        Self(Box::new(Mistake { kind, line, column, path, reason, suggestion: None }))
    }

    pub(super) fn suggesting(mut self, suggestion: Option<String>) -> Self {
        self.0.suggestion = suggestion;
        self
    }

    /// A suggestion that is better than the one there may be.
    pub(super) fn suggesting_first(self, better: Option<String>) -> Self {
        if better.is_some() { self.suggesting(better) } else { self }
    }

    /// What sort of mistake it is.
    pub fn kind(&self) -> RecipeErrorKind {
        self.0.kind
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.0.line
    }

    /// The column in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.0.column
    }

    /// The key, such as `train.optimizer.learning-rate` or `layer[2].units`, where layers are counted from 0; empty
    /// when the mistake is in no key.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The word that was probably meant.
    pub fn suggestion(&self) -> Option<&str> {
        self.0.suggestion.as_deref()
    }

    /// What a person may do about it.
    pub fn hint(&self) -> Option<String> {
        self.suggestion().map(|word| format!("did you mean `{word}`?"))
    }
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mistake { line, column, path, reason, .. } = &*self.0;
        match path.as_str() {
            "" => write!(f, "line {line}, column {column}: {reason}"),
            path => write!(f, "line {line}, column {column}: `{path}`: {reason}"),
        }
    }
}

impl Error for RecipeError {}
