//! Paths of the files inside a package.

use std::fmt;
use std::str::FromStr;

use crate::error::SpecError;
use crate::text::written_as_string;

/// The manifest's own entry, the first of every package.
pub const MANIFEST_ENTRY: &str = "briq.json";

/// The folder of seals (cryptographic signatures). They sign the manifest, so the manifest does not list them.
pub const SEALS_FOLDER: &str = "signatures/";

/// The longest entry path in bytes.
pub const MAX_PATH_BYTES: usize = 255;

/// Where a file lies inside a package: relative, `/`-separated, and unable to point outside.
///
/// No empty, `.` or `..` component, no backslash, no colon (which on some systems begins a drive or a stream), no control
/// character, at most 255 bytes. Paths compare by bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryPath(String);

impl EntryPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The folders that hold this entry, outermost first: `a`, `a/b` for `a/b/c`.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }

    /// True for the manifest's own path.
    pub fn is_manifest(&self) -> bool {
        self.0 == MANIFEST_ENTRY
    }

    /// True for a seal, that is for a path under `signatures/`.
    pub fn is_seal(&self) -> bool {
        self.0.starts_with(SEALS_FOLDER)
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for EntryPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for EntryPath {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        check(text).map_err(|reason| SpecError::syntax("entry path", text, reason))?;
        Ok(Self(text.to_owned()))
    }
}

written_as_string!(
    EntryPath,
    "EntryPath",
    "Path of a file inside the package: relative, separated by `/`, never leading outside.",
    r"^[^/\\:]+(/[^/\\:]+)*$"
);

fn check(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > MAX_PATH_BYTES {
        return Err("it is longer than 255 bytes");
    }
    if text.starts_with('/') {
        return Err("it is absolute");
    }
    if text.chars().any(|c| c == '\\' || c == ':' || c.is_control()) {
        return Err("it holds a backslash, a colon or a control character");
    }
    text.split('/').try_for_each(check_component)
}

fn check_component(component: &str) -> Result<(), &'static str> {
    match component {
        "" => Err("it has an empty component"),
        "." | ".." => Err("it has a `.` or `..` component"),
        _ => Ok(()),
    }
}
