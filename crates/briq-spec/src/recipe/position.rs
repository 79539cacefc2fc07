//! A `briq.toml` as a tree that knows where each key and value stands.

use std::fmt::Write;
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
fn print(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        let dot = if text.is_empty() { "" } else { "." };
        let printed = match step {
            Step::Index(index) => write!(text, "[{index}]"),
            Step::Key(key) => write!(text, "{dot}{key}"),
        };
        printed.expect("writing to a string does not fail");
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
        let root = DeTable::parse(text).map_err(|error| of_toml(text, RecipeErrorKind::Syntax, &error))?;
        Ok(Self { text, root })
    }

    /// The error about the key or value at a place.
    pub(super) fn error(
        &self,
        kind: RecipeErrorKind,
        span: Range<usize>,
        path: &[Step],
        reason: String,
    ) -> RecipeError {
        RecipeError::new(kind, position(self.text, span.start), print(path), reason)
    }

    /// What serde still finds after the walk: a text that a `FromStr` refuses.
    pub(super) fn serde_error(&self, error: &toml::de::Error) -> RecipeError {
        let span = error.span().unwrap_or(0..0);
        let path = self.path_of(&span);
        self.error(RecipeErrorKind::Invalid, span, &path, error.message().to_owned())
    }

    pub(super) fn broken(&self, Broken { path, reason }: Broken) -> RecipeError {
        self.error(RecipeErrorKind::Invalid, self.locate(&path), &path, reason)
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

    /// The path of the innermost value around a place.
    fn path_of(&self, place: &Range<usize>) -> Vec<Step> {
        let mut path = Vec::new();
        let mut next = inside(self.root.get_ref(), place);
        while let Some((step, value)) = next {
            path.push(step);
            next = match value {
                DeValue::Table(table) => inside(table, place),
                DeValue::Array(items) => items
                    .iter()
                    .enumerate()
                    .find(|(_, item)| covers(&item.span(), place))
                    .map(|(index, item)| (Step::Index(index), item.get_ref())),
                _ => None,
            };
        }
        path
    }
}

fn inside<'v, 't>(table: &'v DeTable<'t>, place: &Range<usize>) -> Option<(Step, &'v DeValue<'t>)> {
    let found = table.iter().find(|(_, value)| holds(value, place))?;
    Some((Step::Key(found.0.get_ref().to_string()), found.1.get_ref()))
}

/// Whether a value or anything under it stands at a place; a table's own span is but its header.
fn holds(value: &Spanned<DeValue<'_>>, place: &Range<usize>) -> bool {
    covers(&value.span(), place)
        || match value.get_ref() {
            DeValue::Table(table) => inside(table, place).is_some(),
            DeValue::Array(items) => items.iter().any(|item| holds(item, place)),
            _ => false,
        }
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn child<'v, 't>(value: &'v DeValue<'t>, step: &Step) -> Option<&'v Spanned<DeValue<'t>>> {
    match step {
        Step::Key(key) => value.as_table()?.get(key.as_str()),
        Step::Index(index) => value.as_array()?.get(*index),
    }
}

fn of_toml(text: &str, kind: RecipeErrorKind, error: &toml::de::Error) -> RecipeError {
    let start = error.span().map_or(0, |span| span.start);
    RecipeError::new(kind, position(text, start), String::new(), error.message().to_owned())
}

/// Line and column of a byte, both counted from 1.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}
