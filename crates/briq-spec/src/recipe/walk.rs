//! Walks a recipe along its JSON Schema, to find mistakes where they stand.
//!
//! The schema is derived from the very types that serde reads, so there is no second list of keys to keep in step. Only
//! the part of JSON Schema that it uses is known here.

use std::ops::Range;
use std::sync::LazyLock;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{RecipeError, RecipeErrorKind};
use super::position::{Step, Tree};
use super::suggest::{nearest, quoted_list};
use crate::schema::recipe_schema;

/// Derived once: that takes longer than to read a recipe.
static SCHEMA: LazyLock<Value> = LazyLock::new(recipe_schema);

/// Checks a tree against the schema of a recipe.
pub(super) fn check(tree: &Tree<'_>) -> Result<(), RecipeError> {
    let mut walk = Walk { tree, definitions: SCHEMA.get("$defs"), path: Vec::new() };
    walk.table(&SCHEMA, tree.root.get_ref(), tree.root.span())
}

struct Walk<'w, 't> {
    tree: &'w Tree<'t>,
    definitions: Option<&'w Value>,
    path: Vec<Step>,
}

impl<'w> Walk<'w, '_> {
    fn value(&mut self, schema: &'w Value, value: &Spanned<DeValue<'_>>) -> Result<(), RecipeError> {
        let schema = self.resolve(schema);
        if let Some(choices) = choices_of(schema) {
            return self.choice(choices, value);
        }
        if !has_type(self.type_of(schema), value.get_ref()) {
            return Err(self.wrong_type(&[schema], value));
        }
        match value.get_ref() {
            DeValue::Table(table) => self.table(schema, table, value.span()),
            DeValue::Array(items) => self.array(schema, items.iter(), value.span()),
            DeValue::String(text) => self.word_of(&[schema], text, value.span()),
            DeValue::Integer(number) => self.minimum(schema, number.as_str(), value.span()),
            _ => Ok(()),
        }
    }

    fn resolve(&self, schema: &'w Value) -> &'w Value {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
        name.and_then(|name| self.definitions?.get(name)).map_or(schema, |found| self.resolve(found))
    }

    fn type_of(&self, schema: &'w Value) -> &'w Value {
        self.resolve(schema).get("type").unwrap_or(&Value::Null)
    }

    fn table(&mut self, schema: &'w Value, table: &DeTable<'_>, span: Range<usize>) -> Result<(), RecipeError> {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let Some(inner) = properties.and_then(|known| known.get(name)).or(others) else {
                return Err(self.unknown_key(properties.unwrap_or(&none), table, name, key.span()));
            };
            self.inside(Step::Key(name.to_owned()), |walk| walk.value(inner, value))?;
        }
        self.check_required(schema, table, span)
    }

    fn check_required(&self, schema: &Value, table: &DeTable<'_>, span: Range<usize>) -> Result<(), RecipeError> {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        match required.filter_map(Value::as_str).find(|key| !table.contains_key(*key)) {
            Some(key) => Err(self.error(RecipeErrorKind::MissingKey, span, format!("the key `{key}` is missing"))),
            None => Ok(()),
        }
    }

    /// Keys that are there already are no suggestion.
    fn unknown_key(
        &self,
        known: &Map<String, Value>,
        table: &DeTable<'_>,
        name: &str,
        span: Range<usize>,
    ) -> RecipeError {
        let free = known.keys().map(String::as_str).filter(|key| !table.contains_key(*key));
        let mut path = self.path.clone();
        path.push(Step::Key(name.to_owned()));
        let known = quoted_list(known.keys().map(String::as_str));
        let reason = format!("there is no such key here; known: {known}");
        self.tree.error(RecipeErrorKind::UnknownKey, span, &path, reason).suggesting(nearest(name, free))
    }

    fn array<'v, 't: 'v>(
        &mut self,
        schema: &'w Value,
        items: impl ExactSizeIterator<Item = &'v Spanned<DeValue<'t>>>,
        span: Range<usize>,
    ) -> Result<(), RecipeError> {
        let due = schema.get("minItems").and_then(Value::as_u64);
        if due.is_some_and(|due| due != items.len() as u64) {
            let reason = format!("it has {} values instead of {}", items.len(), due.unwrap_or_default());
            return Err(self.error(RecipeErrorKind::WrongType, span, reason));
        }
        let Some(inner) = schema.get("items") else {
            return Ok(());
        };
        items.enumerate().try_for_each(|(index, item)| self.inside(Step::Index(index), |walk| walk.value(inner, item)))
    }

    /// The only bound that a schema of a recipe has is 0.
    fn minimum(&self, schema: &Value, number: &str, span: Range<usize>) -> Result<(), RecipeError> {
        let bounded = schema.get("minimum").and_then(Value::as_u64) == Some(0);
        if bounded && number.starts_with('-') {
            return Err(self.error(RecipeErrorKind::Invalid, span, "it must be 0 or more".to_owned()));
        }
        Ok(())
    }

    fn unknown_word(&self, text: &str, known: &[&str], span: Range<usize>) -> RecipeError {
        let reason = format!("`{text}` is not known; known: {}", quoted_list(known.iter().copied()));
        let suggestion = nearest(text, known.iter().copied());
        self.error(RecipeErrorKind::UnknownValue, span, reason).suggesting(suggestion)
    }

    /// One of several schemas: the only one of the value's type, the list of words, or the table that its `type` names.
    fn choice(&mut self, choices: &'w [Value], value: &Spanned<DeValue<'_>>) -> Result<(), RecipeError> {
        let flat = self.flatten(choices);
        let fitting: Vec<&'w Value> =
            flat.iter().copied().filter(|choice| has_type(self.type_of(choice), value.get_ref())).collect();
        match (value.get_ref(), fitting.as_slice()) {
            (_, []) => Err(self.wrong_type(&flat, value)),
            (DeValue::Table(table), tables) if tag(tables[0]).is_some() => self.tagged(tables, table, value.span()),
            (DeValue::String(text), alternatives) => {
                let table = flat.iter().copied().filter_map(tag).find(|tag| tag == text);
                let written = table.map(|tag| format!("{{ type = \"{tag}\" }}"));
                self.word_of(alternatives, text, value.span()).map_err(|error| error.suggesting_first(written))
            }
            (_, [only, ..]) => self.value(only, value),
        }
    }

    fn flatten(&self, choices: &'w [Value]) -> Vec<&'w Value> {
        let flat = |choice| {
            let resolved = self.resolve(choice);
            choices_of(resolved).map_or_else(|| vec![resolved], |inner| self.flatten(inner))
        };
        choices.iter().flat_map(flat).collect()
    }

    /// A word out of the lists of several schemas.
    fn word_of(&self, alternatives: &[&Value], text: &str, span: Range<usize>) -> Result<(), RecipeError> {
        let lists: Vec<Vec<&str>> = alternatives.iter().map(|schema| words(schema)).collect();
        // An alternative without a list takes any text.
        if lists.iter().any(Vec::is_empty) {
            return Ok(());
        }
        let known = lists.concat();
        if known.contains(&text) { Ok(()) } else { Err(self.unknown_word(text, &known, span)) }
    }

    /// A table whose key `type` says which schema it follows.
    fn tagged(&mut self, tables: &[&'w Value], table: &DeTable<'_>, span: Range<usize>) -> Result<(), RecipeError> {
        let known: Vec<&str> = tables.iter().copied().filter_map(tag).collect();
        let Some(given) = table.get("type") else {
            let reason = format!("the key `type` is missing; known: {}", quoted_list(known.into_iter()));
            return Err(self.error(RecipeErrorKind::MissingKey, span, reason));
        };
        let path = Step::Key("type".to_owned());
        let Some(name) = given.get_ref().as_str() else {
            return self.inside(path, |walk| Err(walk.wrong_type(&[], given)));
        };
        match tables.iter().find(|schema| tag(schema) == Some(name)) {
            Some(schema) => self.table(schema, table, span),
            None => self.inside(path, |walk| Err(walk.unknown_word(name, &known, given.span()))),
        }
    }

    fn wrong_type(&self, wanted: &[&Value], value: &Spanned<DeValue<'_>>) -> RecipeError {
        let mut names: Vec<&str> = wanted.iter().flat_map(|schema| type_names(self.resolve(schema))).collect();
        names.dedup();
        let wanted = if names.is_empty() { "a string".to_owned() } else { names.join(" or ") };
        let reason = format!("it is {} instead of {wanted}", described(value.get_ref()));
        self.error(RecipeErrorKind::WrongType, value.span(), reason)
    }

    fn error(&self, kind: RecipeErrorKind, span: Range<usize>, reason: String) -> RecipeError {
        self.tree.error(kind, span, &self.path, reason)
    }

    fn inside<T>(&mut self, step: Step, visit: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let result = visit(self);
        self.path.pop();
        result
    }
}

fn choices_of(schema: &Value) -> Option<&[Value]> {
    let choices = schema.get("anyOf").or_else(|| schema.get("oneOf"))?;
    choices.as_array().map(Vec::as_slice)
}

/// The texts that a schema allows; none when it allows any.
fn words(schema: &Value) -> Vec<&str> {
    let list = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    list.chain(schema.get("const")).filter_map(Value::as_str).collect()
}

/// The `type` that a table of this schema bears.
fn tag(schema: &Value) -> Option<&str> {
    schema.get("properties")?.get("type")?.get("const")?.as_str()
}

fn has_type(wanted: &Value, value: &DeValue<'_>) -> bool {
    match wanted {
        Value::String(wanted) => has_one_type(wanted, value),
        Value::Array(wanted) => wanted.iter().filter_map(Value::as_str).any(|wanted| has_one_type(wanted, value)),
        _ => true,
    }
}

fn has_one_type(wanted: &str, value: &DeValue<'_>) -> bool {
    match wanted {
        "string" => value.is_str(),
        "integer" => value.is_integer(),
        "number" => value.is_integer() || value.is_float(),
        "boolean" => value.is_bool(),
        "array" => value.is_array(),
        "object" => value.is_table(),
        _ => false,
    }
}

/// The types that a schema allows, in words.
fn type_names(schema: &Value) -> Vec<&'static str> {
    let wanted = match schema.get("type") {
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        one => one.and_then(Value::as_str).into_iter().collect::<Vec<_>>(),
    };
    wanted.into_iter().filter_map(in_words).collect()
}

fn in_words(name: &str) -> Option<&'static str> {
    match name {
        "string" => Some("a string"),
        "integer" => Some("a whole number"),
        "number" => Some("a number"),
        "boolean" => Some("true or false"),
        "array" => Some("a list"),
        "object" => Some("a table"),
        _ => None,
    }
}

fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
