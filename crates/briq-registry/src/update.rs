//! What of a package is on this machine already, in other packages.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use briq_package::chunks::{self, Chunk, Index};
use briq_package::{Extent, Package};
use briq_spec::{Blake3Digest, EntryPath, Manifest, Sha256Digest};
use briq_store::artifact::Description;
use briq_store::oci::Descriptor;
use briq_store::{Repository, Store};

use crate::client::{Client, Remote};
use crate::delta::Delta;
use crate::error::RegistryError;
use crate::progress::Progress;
use crate::recipe::{Place, Recipe};
use crate::task::blocking;

/// Packages on this machine in which parts are looked for.
const MAX_PACKAGES: usize = 3;
/// When fewer bytes are missing, they are fetched sooner than an index.
const WORTH_AN_INDEX: u64 = 256 << 10;
/// An index of more than this fraction of what is missing saves too little.
const INDEX_FRACTION: u64 = 16;

/// How blobs that are missing can be put together from what is here.
#[derive(Debug, Default)]
pub(crate) struct Update {
    recipes: HashMap<Sha256Digest, Recipe>,
    sources: Vec<Source>,
}

/// An entry of a package on this machine.
#[derive(Debug)]
struct Source {
    package: Arc<Package>,
    path: EntryPath,
}

impl Source {
    /// As they lie there: what is made of them is verified as a whole.
    fn bytes(&self) -> Option<&[u8]> {
        self.package.map_unverified(&self.path).ok()
    }
}

impl Update {
    pub(crate) fn recipe(&self, blob: &Sha256Digest) -> Option<&Recipe> {
        self.recipes.get(blob)
    }

    /// How many bytes of these entries must be fetched.
    fn cost(&self, missing: &[(EntryPath, Descriptor)]) -> u64 {
        let cost = |blob: &Descriptor| self.recipe(&blob.digest).map_or(blob.size, Recipe::absent);
        missing.iter().map(|(_, blob)| cost(blob)).fold(0, u64::saturating_add)
    }

    /// Bytes on this machine; none when they went away meanwhile.
    pub(crate) fn bytes(&self, place: Place, length: u64) -> Option<&[u8]> {
        let all = self.sources[place.source].bytes()?;
        let start = usize::try_from(place.offset).ok()?;
        all.get(start..start.checked_add(usize::try_from(length).ok()?)?)
    }

    /// Where these bytes lie, so that they need not be there twice.
    pub(crate) fn extent(&self, place: Place, length: u64) -> Option<Extent> {
        let Source { package, path } = &self.sources[place.source];
        package.extent(path)?.part(place.offset, length)
    }
}

/// What is to be fetched, and how.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// How blobs can be put together from what is here.
    pub(crate) update: Arc<Update>,
    /// What is shorter than all that the update would fetch.
    pub(crate) delta: Option<Delta>,
}

impl Client {
    /// Looks for what is here already. When that cannot be found out, everything that is missing is fetched whole.
    pub(crate) async fn plan(&self, remote: &Remote, store: &Store, progress: &Progress) -> Plan {
        let (description, kept) = (remote.description.clone(), store.clone());
        let missing = blocking(move || missing(&kept, &description)).await;
        if bytes_of(&missing) < WORTH_AN_INDEX {
            return Plan::default();
        }
        let whole = |error| {
            progress.warn("the chunk index is of no use, so what is missing is fetched whole", &error);
        };
        let links = match self.referrers(&remote.repository, &remote.manifest).await {
            Ok(links) => links,
            Err(error) => {
                whole(error);
                return Plan::default();
            }
        };
        let update = self.find_parts(remote, store, &missing, &links).await.unwrap_or_else(|error| {
            whole(error);
            Update::default()
        });
        let delta = self.shortest_delta(remote, &links, store, update.cost(&missing)).await.unwrap_or_else(|error| {
            progress.warn("the delta is of no use", &error);
            None
        });
        Plan { update: Arc::new(update), delta }
    }

    async fn find_parts(
        &self,
        remote: &Remote,
        store: &Store,
        missing: &[(EntryPath, Descriptor)],
        links: &[Descriptor],
    ) -> Result<Update, RegistryError> {
        let repository = Repository::remote(self.endpoint().host(), remote.repository.clone());
        let (description, kept) = (remote.description.clone(), store.clone());
        let packages = blocking(move || packages(&kept, &repository, &description)).await;
        if packages.is_empty() {
            return Ok(Update::default());
        }
        let worth = bytes_of(missing) / INDEX_FRACTION;
        let Some(index) = self.chunk_index(remote, links, worth).await? else { return Ok(Update::default()) };
        let doing = format!("use the chunk index of {}/{}", self.endpoint().host(), remote.repository);
        check(&index, missing).map_err(|what| RegistryError::corrupt(doing, what))?;
        let whole = remote.description.entries.values().map(|entry| entry.digest).collect();
        let missing = missing.to_vec();
        Ok(blocking(move || compose(&index, &missing, packages, &whole)).await)
    }
}

/// The entries that are not here and are large enough to be in an index.
fn missing(store: &Store, description: &Description) -> Vec<(EntryPath, Descriptor)> {
    let is_missing = |blob: &Descriptor| {
        blob.size >= chunks::MIN_CONTENT_BYTES
            && !std::fs::metadata(store.blob_path(&blob.digest)).is_ok_and(|there| there.len() == blob.size)
    };
    let entries = description.entries.iter().filter(|(_, blob)| is_missing(blob));
    entries.map(|(path, blob)| (path.clone(), blob.clone())).collect()
}

fn bytes_of(entries: &[(EntryPath, Descriptor)]) -> u64 {
    entries.iter().map(|(_, blob)| blob.size).fold(0, u64::saturating_add)
}

/// The packages on this machine that are likely to have parts of this one: the version before, the package that it
/// was fine-tuned from, and other versions, the nearest first; pulled from the same place or published here.
fn packages(store: &Store, repository: &Repository, description: &Description) -> Vec<Arc<Package>> {
    let places = [repository.clone(), Repository::local(description.name.clone())];
    let records = places.into_iter().flat_map(|place| store.versions(place).unwrap_or_default());
    let (mut below, mut above): (Vec<_>, Vec<_>) = records.partition(|record| record.version < description.version);
    below.sort_by(|a, b| b.version.cmp(&a.version));
    above.sort_by(|a, b| a.version.cmp(&b.version));
    let mut nearest = below.into_iter().chain(above).map(|record| record.digest);
    let first = nearest.next();
    let mut seen = BTreeSet::from([description.digest]);
    let all = first.into_iter().chain(base(store, description)).chain(nearest);
    let others = all.filter(|digest| seen.insert(*digest));
    others.filter_map(|digest| store.package(&digest).ok()).map(Arc::new).take(MAX_PACKAGES).collect()
}

/// What the package was fine-tuned from, by its `briq.json`, which has been fetched.
fn base(store: &Store, description: &Description) -> Option<Blake3Digest> {
    let bytes = std::fs::read(store.blob_path(&description.manifest.digest)).ok()?;
    let manifest = Manifest::from_canonical_json(&bytes).ok()?;
    manifest.lineage.base?.rsplit_once('@')?.1.parse().ok()
}

/// Whether an index lists as many bytes as there are, which all that follows stands on.
fn check(index: &Index, missing: &[(EntryPath, Descriptor)]) -> Result<(), String> {
    for (path, blob) in missing {
        let chunks = index.chunks(&blob.digest).unwrap_or_default();
        let listed: u64 = chunks.iter().map(|chunk| u64::from(chunk.length)).sum();
        if !chunks.is_empty() && listed != blob.size {
            return Err(format!("it lists {listed} bytes for {path}, which has {}", blob.size));
        }
    }
    Ok(())
}

/// Cuts the entries of packages that are here, until everything that is wanted was found or all were looked at.
fn compose(
    index: &Index,
    missing: &[(EntryPath, Descriptor)],
    packages: Vec<Arc<Package>>,
    whole: &BTreeSet<Sha256Digest>,
) -> Update {
    let listed = missing.iter().filter_map(|(path, blob)| Some((path, blob, index.chunks(&blob.digest)?)));
    let mut wanted: HashSet<Chunk> = listed.clone().flat_map(|(_, _, chunks)| chunks).copied().collect();
    let is_shard = |path: &EntryPath| path.as_str().ends_with(".safetensors");
    let kinds: HashSet<bool> = listed.clone().map(|(path, ..)| is_shard(path)).collect();
    let mut places = HashMap::new();
    let mut sources = Vec::new();
    for source in packages.iter().flat_map(|package| entries(package, whole)) {
        // Tensors are looked for in shards, and other bytes elsewhere.
        if wanted.is_empty() || !kinds.contains(&is_shard(&source.path)) {
            continue;
        }
        find(&source, sources.len(), &mut wanted, &mut places);
        sources.push(source);
    }
    let recipes = listed.filter_map(|(_, blob, chunks)| Some((blob.digest, Recipe::of(chunks, &places)?))).collect();
    Update { recipes, sources }
}

/// The larger entries of a package, without those that the wanted package has as they are.
fn entries(package: &Arc<Package>, whole: &BTreeSet<Sha256Digest>) -> impl Iterator<Item = Source> {
    let entries = package.entries().iter();
    let differing = entries.filter(|entry| entry.size >= chunks::MIN_CONTENT_BYTES && !whole.contains(&entry.sha256));
    differing.map(|entry| Source { package: Arc::clone(package), path: entry.path.clone() })
}

/// Takes from `wanted` what a source has, and notes where.
fn find(source: &Source, number: usize, wanted: &mut HashSet<Chunk>, places: &mut HashMap<Chunk, Place>) {
    let mut offset = 0;
    for chunk in chunks::cut(&source.path, source.bytes().unwrap_or_default()) {
        if wanted.remove(&chunk) {
            places.insert(chunk, Place { source: number, offset });
        }
        offset += u64::from(chunk.length);
    }
}
