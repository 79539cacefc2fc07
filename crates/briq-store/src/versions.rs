//! What changes about versions after they are published: aliases, yanks, removal.

use briq_spec::Alias;
use semver::Version;

use crate::catalog::Catalog;
use crate::error::{StoreError, StoreErrorKind};
use crate::index;
use crate::oci::{Descriptor, Index};
use crate::repository::Repository;
use crate::selection;
use crate::store::Store;
use crate::writer::Writer;

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
        let writer = Writer::open(&self.layout)?;
        let catalog = writer.catalog()?;
        let target = find(&catalog, &repository, version, &doing)?;
        let before = catalog.tagged(&repository, alias.as_str())?;
        let previous = before.map(|row| catalog.version_with(&repository, &row.manifest)).transpose()?.flatten();
        writer.put(&catalog, index::tag_entry(&repository, alias.as_str(), target))?;
        Ok(previous.map(|record| record.version))
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
        let writer = Writer::open(&self.layout)?;
        find(&writer.catalog()?, &repository, version, &doing)?;
        writer.rewrite(|index| {
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
        let writer = Writer::open(&self.layout)?;
        let target = find(&writer.catalog()?, &repository, version, &doing)?.digest;
        let of_it =
            |entry: &Descriptor| entry.digest == target && index::repository_of(entry).as_ref() == Some(&repository);
        writer.rewrite(|index| Ok(remove(index, of_it))).map(drop)
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
        Writer::open(&self.layout)?.rewrite(|index| Ok(remove(index, matches)))
    }
}

/// Removes entries, and what hangs on the manifests that went with them; false when there were none.
fn remove(index: &mut Index, matches: impl Fn(&Descriptor) -> bool) -> bool {
    let (gone, kept): (Vec<_>, Vec<_>) =
        std::mem::take(&mut index.manifests).into_iter().partition(|entry| matches(entry));
    index.manifests = kept;
    index::forget_attachments(index, &gone);
    !gone.is_empty()
}

fn find(catalog: &Catalog, repository: &Repository, version: &Version, doing: &str) -> Result<Descriptor, StoreError> {
    match catalog.tagged(repository, &index::tag_of(version))? {
        Some(row) if row.sort.is_version() => catalog.descriptor(&row),
        _ => Err(StoreError::not_found(doing, selection::instead(catalog, repository)?)),
    }
}
