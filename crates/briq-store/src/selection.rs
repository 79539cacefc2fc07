//! Which of the published versions a reference means.

use briq_spec::Selector;
use semver::Version;

use crate::index::VersionRecord;

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

/// The record that a selector picks, aliases apart.
pub(crate) fn select<'a>(records: &'a [VersionRecord], selector: &Selector) -> Option<&'a VersionRecord> {
    match selector {
        // A digest names the very bytes, as a lock file does: a yanked version still answers to it.
        Selector::Digest(digest) => records.iter().find(|record| record.digest == *digest),
        other => best(records, |record| (&record.version, record.yanked), other),
    }
}

/// What to say when nothing was picked.
pub(crate) fn instead(records: &[VersionRecord]) -> Option<String> {
    let list: Vec<String> = records.iter().map(shown).collect();
    (!list.is_empty()).then(|| format!("there are {}", list.join(", ")))
}

fn shown(record: &VersionRecord) -> String {
    let yanked = if record.yanked { " (yanked)" } else { "" };
    format!("{}{yanked}", record.version)
}
