//! A mistake in a `briq.toml`, and where it is.

use std::error::Error;
use std::fmt;

use super::MAX_RECIPE_BYTES;

/// A mistake in a `briq.toml`.
///
/// The message begins with `line L, column C:` (both counted from 1, columns in characters) and names the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipeError {
    pub(super) kind: RecipeErrorKind,
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) reason: String,
    pub(super) suggestion: Option<String>,
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
    pub(super) fn too_large(bytes: usize) -> Self {
        let reason = format!("it has {bytes} bytes, and at most {MAX_RECIPE_BYTES} are read");
        let (line, column, path) = (1, 1, String::new());
        Self {
            kind: RecipeErrorKind::TooLarge,
            path,
            line,
            column,
            reason,
            suggestion: None,
        }
    }

    /// What sort of mistake it is.
    pub fn kind(&self) -> RecipeErrorKind {
        self.kind
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The key, such as `train.optimizer.learning-rate` or `layer[2].units`; empty when the mistake is in no key.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The word that was probably meant.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// What a person may do about it.
    pub fn hint(&self) -> Option<String> {
        self.suggestion
            .as_ref()
            .map(|word| format!("did you mean `{word}`?"))
    }
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path)?;
        }
        f.write_str(&self.reason)
    }
}

impl Error for RecipeError {}
