//! Names of packages and aliases of versions.

use std::fmt;
use std::str::FromStr;

use crate::error::SpecError;
use crate::text::written_as_string;

/// The longest package name in bytes: what every OCI registry stores.
pub const MAX_NAME_BYTES: usize = 255;

/// The longest alias in bytes: the longest OCI tag.
pub const MAX_ALIAS_BYTES: usize = 128;

/// The name of a package: an OCI repository path such as `digits` or `vision/digits`.
///
/// Components are separated by `/`; each is lower-case letters and digits, joined by single `.`, `_` or runs of `-`
/// (also `__`), as in the OCI distribution specification.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageName(String);

impl PackageName {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component: `digits` of `vision/digits`.
    pub fn short(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for PackageName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for PackageName {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        check_name(text).map_err(|reason| name_error(text, reason))?;
        Ok(Self(text.to_owned()))
    }
}

written_as_string!(
    PackageName,
    "PackageName",
    "Name of a package: an OCI repository path.",
    r"^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$"
);

fn name_error(text: &str, reason: &'static str) -> SpecError {
    let error = SpecError::syntax("package name", text, reason);
    let lower = text.to_ascii_lowercase().replace(' ', "-");
    match check_name(&lower) {
        Ok(()) => error.with_hint(format!("write `{lower}`")),
        Err(_) => error,
    }
}

fn check_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > MAX_NAME_BYTES {
        return Err("it is longer than 255 bytes");
    }
    text.split('/').try_for_each(check_component)
}

fn check_component(component: &str) -> Result<(), &'static str> {
    let bytes = component.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return Err("it has an empty component");
    };
    if !is_alphanumeric(*first) || !is_alphanumeric(*last) {
        return Err("each component must begin and end with a lower-case letter or a digit");
    }
    component.split(|c: char| c.is_ascii() && is_alphanumeric(c as u8)).try_for_each(check_separator)
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn check_separator(separator: &str) -> Result<(), &'static str> {
    match separator {
        "" | "." | "_" | "__" => Ok(()),
        dashes if dashes.bytes().all(|byte| byte == b'-') => Ok(()),
        other if other.bytes().all(|byte| b"._-".contains(&byte)) => Err("its separators are `.`, `_`, `__` or dashes"),
        _ => Err("only lower-case letters, digits, `.`, `_`, `-` and `/` may stand in it"),
    }
}

/// A movable name for one version of a package, such as `production`.
///
/// The grammar is that of an OCI tag; what reads as a version is refused, so that `digits:1.0` is never
/// mistaken for `digits@1.0`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alias(String);

impl Alias {
    /// The alias as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Alias {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Alias {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let error = |reason: &str| SpecError::syntax("alias", text, reason);
        if semver::VersionReq::parse(text).is_ok() {
            return Err(error("it reads as a version").with_hint(format!("write `@{text}` for a version")));
        }
        check_tag(text).map_err(error)?;
        Ok(Self(text.to_owned()))
    }
}

written_as_string!(Alias, "Alias", "A movable name for one version.", "^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$");

fn check_tag(text: &str) -> Result<(), &'static str> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match text.as_bytes() {
        [] => Err("it is empty"),
        bytes if bytes.len() > MAX_ALIAS_BYTES => Err("it is longer than 128 bytes"),
        [first, ..] if !word(*first) => Err("it must begin with a letter, a digit or `_`"),
        [_, rest @ ..] if !rest.iter().all(|byte| word(*byte) || b".-".contains(byte)) => {
            Err("only letters, digits, `_`, `.` and `-` may stand in it")
        }
        _ => Ok(()),
    }
}
