//! A `briq.toml` as a tree that knows where each key and value stands.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{RecipeError, RecipeErrorKind};

/// One step into the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// A path such as `layer[2].units`.
pub(super) fn print_path(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.push_str(&format!(".{key}")),
        }
    }
    text
}

/// A rule that a well-formed recipe breaks at some key.
pub(super) struct Broken {
    pub(super) path: Vec<Step>,
    pub(super) reason: String,
}

/// The text and its spanned tree.
pub(super) struct Tree<'t> {
    text: &'t str,
    pub(super) root: Spanned<DeTable<'t>>,
}

impl<'t> Tree<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, RecipeError> {
        let root = DeTable::parse(text).map_err(|error| {
            at(
                text,
                error.span().unwrap_or(0..0),
                RecipeErrorKind::Syntax,
                &[],
                error.message(),
            )
        })?;
        Ok(Self { text, root })
    }

    pub(super) fn error(
        &self,
        span: Range<usize>,
        kind: RecipeErrorKind,
        path: &[Step],
        reason: &str,
    ) -> RecipeError {
        at(self.text, span, kind, path, reason)
    }

    /// What serde still finds after the walk: a text that a `FromStr` refuses.
    pub(super) fn serde_error(&self, error: &toml::de::Error) -> RecipeError {
        at(
            self.text,
            error.span().unwrap_or(0..0),
            RecipeErrorKind::Invalid,
            &[],
            error.message(),
        )
    }

    pub(super) fn error_at(&self, broken: Broken) -> RecipeError {
        at(
            self.text,
            self.locate(&broken.path),
            RecipeErrorKind::Invalid,
            &broken.path,
            &broken.reason,
        )
    }

    /// Where a path's value stands; where its nearest present parent does when it is absent.
    fn locate(&self, path: &[Step]) -> Range<usize> {
        let mut span = 0..0;
        let Some((Step::Key(first), rest)) = path.split_first() else {
            return span;
        };
        let mut here = self.root.get_ref().get(first.as_str());
        let mut rest = rest.iter();
        while let Some(value) = here {
            span = value.span();
            here = rest.next().and_then(|step| child(value.get_ref(), step));
        }
        span
    }
}

fn child<'v, 't>(value: &'v DeValue<'t>, step: &Step) -> Option<&'v Spanned<DeValue<'t>>> {
    match step {
        Step::Key(key) => value.as_table()?.get(key.as_str()),
        Step::Index(index) => value.as_array()?.get(*index),
    }
}

fn at(
    text: &str,
    span: Range<usize>,
    kind: RecipeErrorKind,
    path: &[Step],
    reason: &str,
) -> RecipeError {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    RecipeError {
        kind,
        path: print_path(path),
        line,
        column,
        reason: reason.to_owned(),
        suggestion: None,
    }
}
