//! Which of the published versions a reference means.

use briq_spec::Selector;
use semver::Version;

use crate::catalog::Catalog;
use crate::error::StoreError;
use crate::index::VersionRecord;
use crate::repository::Repository;

/// How many versions a message names.
const MAX_SHOWN: usize = 20;

/// The best version for a selector, by Cargo's rules: the highest that it selects and that is not yanked.
///
/// `view` gives the version of a candidate and whether it is yanked.
pub fn best<'a, T>(
    candidates: impl IntoIterator<Item = &'a T>,
    view: impl Fn(&T) -> (&Version, bool),
    selector: &Selector,
) -> Option<&'a T> {
    candidates
        .into_iter()
        .filter(|candidate| {
            let (version, yanked) = view(candidate);
            !yanked && selector.selects(version)
        })
        .max_by(|a, b| view(a).0.cmp(view(b).0))
}

/// The record that a selector picks in a repository.
pub(crate) fn select(
    catalog: &Catalog,
    repository: &Repository,
    selector: &Selector,
) -> Result<Option<VersionRecord>, StoreError> {
    match selector {
        Selector::Alias(alias) => match catalog.tagged(repository, alias.as_ref())? {
            Some(row) => catalog.version_with(repository, &row.manifest),
            None => Ok(None),
        },
        // A digest names the very bytes, as a lock file does: a yanked version still answers to it, and so does one
        // that was removed and kept for a lock file.
        Selector::Digest(digest) => {
            let rows = catalog.about(Some(repository), digest.as_bytes())?;
            let mut found = rows.iter().filter(|row| row.about == Some(*digest.as_bytes()));
            found.find_map(|row| catalog.record(row).transpose()).transpose()
        }
        // They come highest first.
        other => {
            let mut versions = catalog.versions_back(repository)?;
            let picked = |record: &VersionRecord| !record.yanked && other.selects(&record.version);
            versions.find(|record| record.as_ref().map_or(true, picked)).transpose()
        }
    }
}

/// What to say when nothing was picked: the highest of the versions that there are.
pub(crate) fn instead(catalog: &Catalog, repository: &Repository) -> Result<Option<String>, StoreError> {
    let mut versions = catalog.versions_back(repository)?;
    let mut list = versions.by_ref().take(MAX_SHOWN).map(|r| Ok(shown(&r?))).collect::<Result<Vec<_>, StoreError>>()?;
    let more = if versions.next().is_some() { "versions up to " } else { "" };
    list.reverse();
    Ok((!list.is_empty()).then(|| format!("there are {more}{}", list.join(", "))))
}

fn shown(record: &VersionRecord) -> String {
    let yanked = if record.yanked { " (yanked)" } else { "" };
    format!("{}{yanked}", record.version)
}
