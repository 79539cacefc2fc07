//! One field as a number.

use crate::{DataError, DataErrorKind};

/// How much of a field a message shows, in characters.
const SHOWN: usize = 40;

/// What people write for a value that is not there.
const MISSING: [&str; 8] = ["", "?", "NA", "N/A", "n/a", "null", "NULL", "-"];

pub(super) fn number(field: &str) -> Result<f32, DataError> {
    if MISSING.contains(&field) {
        return Err(missing(field));
    }
    let number: f32 = field.parse().map_err(|_| not_a_number(field))?;
    if number.is_finite() {
        return Ok(number);
    }
    let reason = format!("`{}` is not a finite number in single precision", shown(field));
    Err(DataError::new(DataErrorKind::NotFinite, reason))
}

pub(super) fn missing(field: &str) -> DataError {
    let reason =
        if field.is_empty() { "a value is missing".to_owned() } else { format!("a value is missing: `{field}`") };
    DataError::new(DataErrorKind::MissingValue, reason).advise("fill the value in, or leave the row out")
}

fn not_a_number(field: &str) -> DataError {
    let error = DataError::new(DataErrorKind::NotANumber, format!("`{}` is not a number", shown(field)));
    if field.contains(',') { error.advise("write decimals with a point") } else { error }
}

/// A field as messages show it.
pub(super) fn shown(field: &str) -> String {
    let mut text: String = field.chars().take(SHOWN).collect();
    if field.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    text
}
