//! A version is compatible only when its signature says so.

use briq_spec::Signature;
use briq_spec::bump::{self, TooLittle};
use semver::Version;

use crate::catalog::Catalog;
use crate::error::{StoreError, StoreErrorKind};
use crate::index::VersionRecord;
use crate::repository::Repository;
use crate::store::Store;

/// The versions that a new one must agree with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbours<'a> {
    /// Callers of this one must be able to call the new one.
    pub before: Option<&'a Version>,
    /// Callers of the new one must be able to call this one.
    pub after: Option<&'a Version>,
}

impl<'a> Neighbours<'a> {
    /// The nearest versions on both sides that a caret requirement takes for compatible. Prereleases promise nothing
    /// and are held to nothing.
    pub fn of(version: &Version, published: impl IntoIterator<Item = &'a Version>) -> Self {
        let mut found = Self { before: None, after: None };
        for other in published.into_iter().filter(|other| same_line(other, version)) {
            if other < version {
                found.before = found.before.max(Some(other));
            } else if other > version {
                found.after = found.after.filter(|after| *after < other).or(Some(other));
            }
        }
        found
    }

    /// Whether a new version and one of its neighbours stand as far apart as their signatures demand.
    ///
    /// # Errors
    /// When they do not: what changed, and the least version that may have changed so.
    pub fn admit(self, neighbour: (&Version, &Signature), new: (&Version, &Signature)) -> Result<(), Box<TooLittle>> {
        let (older, newer) = if self.after == Some(neighbour.0) { (new, neighbour) } else { (neighbour, new) };
        bump::check(older, newer)
    }
}

/// Refuses a version that is raised by less than what its signature demands against its neighbours in a repository.
pub(crate) fn check(
    store: &Store,
    catalog: &Catalog,
    repository: &Repository,
    (version, own): (&Version, &Signature),
) -> Result<(), StoreError> {
    let before = nearest(catalog.below(repository, version)?, version)?;
    let after = nearest(catalog.above(repository, version)?, version)?;
    let neighbours = Neighbours {
        before: before.as_ref().map(|record| &record.version),
        after: after.as_ref().map(|record| &record.version),
    };
    let fail = |error: Box<TooLittle>| {
        StoreError::new(format!("publish {repository} {version}"), StoreErrorKind::Incompatible(error.to_string()))
    };
    for record in before.iter().chain(&after) {
        let package = store.package_in(catalog, &record.digest)?;
        let theirs = (&record.version, &package.manifest().signature);
        neighbours.admit(theirs, (version, own)).map_err(fail)?;
    }
    Ok(())
}

/// The first of the versions, which lead away from this one, that is held to the same promise. As [`Neighbours::of`],
/// without looking at more than there are between.
fn nearest(
    versions: impl Iterator<Item = Result<VersionRecord, StoreError>>,
    version: &Version,
) -> Result<Option<VersionRecord>, StoreError> {
    for record in versions {
        let record = record?;
        match same_line(&record.version, version) {
            true if !record.yanked => return Ok(Some(record)),
            // A line lies together, with prereleases and yanked versions among it.
            false if record.version.pre.is_empty() => return Ok(None),
            _ => {}
        }
    }
    Ok(None)
}

/// Whether a caret requirement on the one admits the other, by their numbers.
fn same_line(a: &Version, b: &Version) -> bool {
    let line = |v: &Version| match (v.major, v.minor, v.patch) {
        (0, 0, patch) => (0, 0, patch),
        (0, minor, _) => (0, minor, 0),
        (major, ..) => (major, 0, 0),
    };
    a.pre.is_empty() && b.pre.is_empty() && line(a) == line(b)
}

#[cfg(test)]
mod tests {
    use super::{Neighbours, Version, same_line};

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    #[test]
    fn follows_caret_requirements() {
        let cases = [
            ("1.0.0", "1.9.3", true),
            ("1.0.0", "2.0.0", false),
            ("0.1.0", "0.1.9", true),
            ("0.1.0", "0.2.0", false),
            ("0.0.1", "0.0.2", false),
            ("1.0.0", "1.1.0-rc.1", false),
        ];
        for (a, b, expected) in cases {
            assert_eq!(same_line(&version(a), &version(b)), expected, "{a} {b}");
        }
    }

    #[test]
    fn finds_the_nearest_on_both_sides() {
        let published = ["1.5.0", "1.1.0", "1.4.0", "1.0.0", "2.0.0", "1.2.0-rc.1"].map(version);
        let found = Neighbours::of(&version("1.3.0"), &published);
        assert_eq!((found.before, found.after), (Some(&published[1]), Some(&published[2])));
    }
}
