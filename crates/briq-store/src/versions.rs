//! What changes about versions after they are published: aliases, yanks, removal.

use briq_spec::Alias;
use semver::Version;

use crate::error::{StoreError, StoreErrorKind};
use crate::index::{self, VersionRecord};
use crate::oci::{Descriptor, Index};
use crate::repository::Repository;
use crate::selection;
use crate::store::Store;

impl Store {
    /// Points an alias at a version, wherever it pointed before, and says which version that was.
    ///
    /// # Errors
    /// The version is not there (`is_not_found`), or the alias is the tag of a version.
    pub fn set_alias(
        &self,
        of: impl Into<Repository>,
        alias: &Alias,
        version: &Version,
    ) -> Result<Option<Version>, StoreError> {
        let repository = of.into();
        let doing = format!("point {repository}:{alias} at {version}");
        if index::version_of(alias.as_str()).is_some() {
            return Err(StoreError::new(doing, StoreErrorKind::Refused("it is the tag of a version".into())));
        }
        index::update(&self.layout, |index| {
            let target = find(index, &repository, version, &doing)?;
            let before = index::tagged(index, &repository, alias.as_str()).map(|entry| entry.digest);
            let records = index::records(index, &repository)?;
            index::put(index, index::tag_entry(&repository, alias.as_str(), target));
            let previous = records.into_iter().find(|record| Some(record.manifest) == before);
            Ok(previous.map(|record| record.version))
        })
    }

    /// Removes an alias; false when there was none.
    ///
    /// # Errors
    /// The index cannot be read or written.
    pub fn remove_alias(&self, of: impl Into<Repository>, alias: &Alias) -> Result<bool, StoreError> {
        self.untag(&of.into(), alias.as_str())
    }

    /// Removes a tag of any kind; false when there was none. What it named is collected by [`Store::gc`].
    ///
    /// # Errors
    /// The index cannot be read or written.
    pub fn untag(&self, repository: &Repository, tag: &str) -> Result<bool, StoreError> {
        let name = format!("{repository}:{tag}");
        self.remove_entries(|entry| entry.annotation(crate::oci::REF_NAME) == Some(&name))
    }

    /// Hides a version from requirements, or shows it again. Lock files and digests still reach it.
    ///
    /// # Errors
    /// The version is not there (`is_not_found`).
    pub fn yank(&self, of: impl Into<Repository>, version: &Version, yanked: bool) -> Result<(), StoreError> {
        let repository = of.into();
        let doing = format!("yank {repository} {version}");
        index::update(&self.layout, |index| {
            find(index, &repository, version, &doing)?;
            index::mark_yanked(index, &repository, version, yanked);
            Ok(())
        })
    }

    /// Forgets a version and the aliases that point to it. Its bytes go with the next [`Store::gc`].
    ///
    /// # Errors
    /// The version is not there (`is_not_found`).
    pub fn remove(&self, of: impl Into<Repository>, version: &Version) -> Result<(), StoreError> {
        let repository = of.into();
        let doing = format!("remove {repository} {version}");
        index::update(&self.layout, |index| {
            let target = find(index, &repository, version, &doing)?.digest;
            index
                .manifests
                .retain(|entry| entry.digest != target || index::repository_of(entry).as_ref() != Some(&repository));
            Ok(())
        })
    }

    /// Removes every entry of a repository that has this manifest; false when there was none.
    ///
    /// # Errors
    /// The index cannot be read or written.
    pub fn remove_manifest(
        &self,
        repository: &Repository,
        digest: &briq_spec::Sha256Digest,
    ) -> Result<bool, StoreError> {
        self.remove_entries(|entry| entry.digest == *digest && index::repository_of(entry).as_ref() == Some(repository))
    }

    fn remove_entries(&self, matches: impl Fn(&Descriptor) -> bool) -> Result<bool, StoreError> {
        index::update(&self.layout, |index| {
            let before = index.manifests.len();
            index.manifests.retain(|entry| !matches(entry));
            Ok(index.manifests.len() < before)
        })
    }
}

fn find(index: &Index, repository: &Repository, version: &Version, doing: &str) -> Result<Descriptor, StoreError> {
    let entry = index::tagged(index, repository, &index::tag_of(version));
    let record: Option<VersionRecord> = entry.map(index::record).transpose()?.flatten();
    match (entry, record) {
        (Some(entry), Some(_)) => Ok(entry.clone()),
        _ => Err(StoreError::not_found(doing, selection::instead(&index::records(index, repository)?))),
    }
}
