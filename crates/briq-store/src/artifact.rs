//! A package as a CNCF ModelPack artifact, and back.
//!
//! Every entry of the package is a layer of its own, and so is `briq.json`: any ModelPack client finds plain files,
//! and Briq finds everything it needs to rebuild the identical `.briq`. The documents are functions of the package
//! alone, so the same package has the same manifest digest wherever it is published.
//!
//! Seals are layers too, behind the entries: who pulls the files has what vouches for them. A package that is sealed
//! after it was published gets another OCI manifest, and stays the same package.
//!
//! Source: ModelPack model-spec v0.0.7; its schemas admit no further fields, so Briq's own are annotations.

use std::collections::BTreeMap;

use briq_package::seal::MAX_SEAL_BYTES;
use briq_package::{MAX_SEALS, Package, Seal};
use briq_spec::{Blake3Digest, EntryPath, PackageName, Sha256Digest};
use semver::Version;

use crate::config;
use crate::error::{StoreError, StoreErrorKind};
use crate::layout::sha256;
use crate::oci::{Annotations, Descriptor, IMAGE_MANIFEST, MAX_MANIFEST_BYTES, Manifest};

/// The artifact type of every model (ModelPack).
pub const MODEL_MANIFEST: &str = "application/vnd.cncf.model.manifest.v1+json";
/// The media type of a model's configuration (ModelPack).
pub const MODEL_CONFIG: &str = "application/vnd.cncf.model.config.v1+json";
/// The file that a layer holds (ModelPack).
pub const FILE_PATH: &str = "org.cncf.model.filepath";
/// The name of the package.
pub const PACKAGE_NAME: &str = "dev.briq.package.name";
/// The identity of the package: BLAKE3 of its manifest.
pub const PACKAGE_DIGEST: &str = "dev.briq.package.digest";
/// The version of the package (image-spec, pre-defined annotation).
pub const VERSION: &str = "org.opencontainers.image.version";
/// Most layers that an artifact gets; some registries allow about 500.
pub const MAX_LAYERS: usize = 400;
/// The entry that describes the package.
pub const MANIFEST_ENTRY: &str = "briq.json";

/// Where the bytes of a layer come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The package's manifest.
    Manifest,
    /// One of the package's entries.
    Entry(EntryPath),
    /// One of the package's seals.
    Seal(Seal),
}

/// The documents that stand for one package.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The OCI manifest, as it is stored and sent.
    pub manifest: Vec<u8>,
    /// SHA-256 of the OCI manifest.
    pub digest: Sha256Digest,
    /// The ModelPack configuration.
    pub config: Vec<u8>,
    /// The parsed form of `manifest`.
    pub description: Description,
    /// The layers, in order, with the origin of their bytes.
    pub layers: Vec<(Descriptor, Source)>,
}

impl Artifact {
    /// Describes a package. The bytes of its entries are not read.
    ///
    /// # Errors
    /// The package has more entries than [`MAX_LAYERS`] admits, or its manifest is larger than registries accept.
    pub fn of(package: &Package) -> Result<Self, StoreError> {
        let doing = || format!("describe package {}", package.digest());
        let refused = |what: String| StoreError::new(doing(), StoreErrorKind::Refused(what));
        let entries = package.manifest().entries.len() + package.seals().len();
        if entries >= MAX_LAYERS {
            return Err(refused(format!("it has {entries} entries; an artifact holds at most {}", MAX_LAYERS - 1)));
        }
        let layers = layers(package);
        let json = |error| StoreError::new(doing(), StoreErrorKind::Json(error));
        let config = config::of(package.manifest(), layers.iter().map(|(layer, _)| layer.digest)).map_err(json)?;
        let document = document(package, &config, &layers);
        let manifest = serde_json::to_vec(&document).map_err(json)?;
        if manifest.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(refused(format!("its OCI manifest is larger than {MAX_MANIFEST_BYTES} bytes")));
        }
        let description = Description::parse(&manifest)?;
        Ok(Self { digest: sha256(&manifest), manifest, config, description, layers })
    }
}

fn layers(package: &Package) -> Vec<(Descriptor, Source)> {
    let bytes = package.manifest_bytes();
    let manifest = layer(MANIFEST_ENTRY, sha256(bytes), bytes.len() as u64);
    let entries = package
        .manifest()
        .entries
        .iter()
        .map(|entry| (layer(entry.path.as_str(), entry.sha256, entry.size), Source::Entry(entry.path.clone())));
    let seals = package
        .seals()
        .into_iter()
        .map(|seal| (layer(seal.path.as_str(), sha256(&seal.bytes), seal.bytes.len() as u64), Source::Seal(seal)));
    std::iter::once((manifest, Source::Manifest)).chain(entries).chain(seals).collect()
}

fn layer(path: &str, digest: Sha256Digest, size: u64) -> Descriptor {
    let mut descriptor = Descriptor::new(media_type(path), digest, size);
    descriptor.annotations.insert(FILE_PATH.into(), path.into());
    descriptor
}

/// ModelPack's word for what a file is to a model; everything is stored raw, as it is in the package.
fn media_type(path: &str) -> String {
    let kind = match path.split_once('/') {
        Some(("train", _)) => "code",
        Some(("golden" | "stats", _)) => "dataset",
        Some(("assets", _)) => "weight.config",
        Some(_) => "doc",
        None if path.ends_with(".safetensors") => "weight",
        None if path.ends_with(".onnx") => "weight.config",
        None => "doc",
    };
    format!("application/vnd.cncf.model.{kind}.v1.raw")
}

fn document(package: &Package, config: &[u8], layers: &[(Descriptor, Source)]) -> Manifest {
    let manifest = package.manifest();
    let annotations = [
        (PACKAGE_NAME, manifest.name.to_string()),
        (PACKAGE_DIGEST, package.digest().to_string()),
        (VERSION, manifest.version.to_string()),
        ("org.opencontainers.image.title", manifest.name.to_string()),
    ];
    let optional = [
        ("org.opencontainers.image.description", &manifest.description),
        ("org.opencontainers.image.licenses", &manifest.license),
    ];
    let optional = optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    Manifest {
        schema_version: 2,
        media_type: Some(IMAGE_MANIFEST.into()),
        artifact_type: Some(MODEL_MANIFEST.into()),
        config: Some(Descriptor::new(MODEL_CONFIG, sha256(config), config.len() as u64)),
        layers: layers.iter().map(|(layer, _)| layer.clone()).collect(),
        manifests: Vec::new(),
        subject: None,
        annotations: annotations.into_iter().chain(optional).map(|(name, value)| (name.into(), value)).collect(),
    }
}

/// What the OCI manifest of a Briq package says.
#[derive(Debug, Clone)]
pub struct Description {
    /// The package's name.
    pub name: PackageName,
    /// The package's version.
    pub version: Version,
    /// The package's identity.
    pub digest: Blake3Digest,
    /// The ModelPack configuration.
    pub config: Descriptor,
    /// The layer that holds `briq.json`.
    pub manifest: Descriptor,
    /// The layers that hold entries, by the file they hold.
    pub entries: BTreeMap<EntryPath, Descriptor>,
    /// The layers that hold seals, by the file they hold.
    pub seals: BTreeMap<EntryPath, Descriptor>,
}

impl Description {
    /// Whether an OCI manifest claims to be a Briq package.
    pub fn is_briq(manifest: &Manifest) -> bool {
        manifest.kind() == Some(MODEL_MANIFEST) && manifest.annotations.contains_key(PACKAGE_DIGEST)
    }

    /// Reads the OCI manifest of a Briq package.
    ///
    /// # Errors
    /// It is too large, not JSON, not a Briq package, or contradicts itself (`is_corrupt`).
    pub fn parse(bytes: &[u8]) -> Result<Self, StoreError> {
        let doing = "read OCI manifest";
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            return Err(StoreError::corrupt(doing, format!("it is larger than {MAX_MANIFEST_BYTES} bytes")));
        }
        let document: Manifest =
            serde_json::from_slice(bytes).map_err(|error| StoreError::new(doing, StoreErrorKind::Json(error)))?;
        Self::of(document).map_err(|what| StoreError::corrupt(doing, what))
    }

    fn of(document: Manifest) -> Result<Self, String> {
        if !Self::is_briq(&document) {
            return Err(format!("it is not a Briq package (artifact type {:?})", document.kind()));
        }
        if document.layers.len() > MAX_LAYERS {
            return Err(format!("it has {} layers, at most {MAX_LAYERS} are read", document.layers.len()));
        }
        let annotations = &document.annotations;
        let mut files = files(document.layers)?;
        let manifest = files.remove(MANIFEST_ENTRY).ok_or("it has no layer for briq.json")?;
        let files: BTreeMap<EntryPath, Descriptor> = files.into_iter().map(entry).collect::<Result<_, _>>()?;
        let (seals, entries) = files.into_iter().partition(|(path, _)| path.is_seal());
        check_seals(&seals)?;
        Ok(Self {
            name: field(annotations, PACKAGE_NAME)?,
            version: field(annotations, VERSION)?,
            digest: field(annotations, PACKAGE_DIGEST)?,
            config: document.config.ok_or("it has no configuration")?,
            manifest,
            entries,
            seals,
        })
    }

    /// Bytes of all layers.
    pub fn size(&self) -> u64 {
        self.blobs().map(|blob| blob.size).fold(0, u64::saturating_add)
    }

    /// All layers: `briq.json` first, then the entries by path, then the seals.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.manifest).chain(self.entries.values()).chain(self.seals.values())
    }

    /// Compares with the package's own manifest, which is the authority.
    ///
    /// # Errors
    /// Name, version, or the list of files differ (`is_corrupt`).
    pub fn check(&self, manifest: &briq_spec::Manifest) -> Result<(), StoreError> {
        let fail = |what: String| Err(StoreError::corrupt(format!("read package {}", self.digest), what));
        if (&manifest.name, &manifest.version) != (&self.name, &self.version) {
            return fail(format!(
                "the OCI manifest says {} {}, briq.json says {} {}",
                self.name, self.version, manifest.name, manifest.version
            ));
        }
        if manifest.entries.len() != self.entries.len() {
            return fail(format!("{} layers for {} entries", self.entries.len(), manifest.entries.len()));
        }
        for entry in &manifest.entries {
            let layer = self.entries.get(&entry.path);
            if !layer.is_some_and(|layer| layer.digest == entry.sha256 && layer.size == entry.size) {
                return fail(format!("the layer of {} is not the one that briq.json names", entry.path));
            }
        }
        Ok(())
    }
}

/// Seals are read into memory when the package is opened.
fn check_seals(seals: &BTreeMap<EntryPath, Descriptor>) -> Result<(), String> {
    if seals.len() > MAX_SEALS {
        return Err(format!("it has {} seals, at most {MAX_SEALS} are read", seals.len()));
    }
    match seals.iter().find(|(_, layer)| layer.size > MAX_SEAL_BYTES as u64) {
        Some((path, layer)) => Err(format!("{path} has {} bytes, at most {MAX_SEAL_BYTES} are read", layer.size)),
        None => Ok(()),
    }
}

fn files(layers: Vec<Descriptor>) -> Result<BTreeMap<String, Descriptor>, String> {
    let mut files = BTreeMap::new();
    for layer in layers {
        let path = layer.annotation(FILE_PATH).ok_or("a layer names no file")?.to_owned();
        if files.insert(path.clone(), layer).is_some() {
            return Err(format!("two layers hold {path:?}"));
        }
    }
    Ok(files)
}

fn entry((path, layer): (String, Descriptor)) -> Result<(EntryPath, Descriptor), String> {
    let parsed = path.parse().map_err(|error| format!("a layer names the file {path:?}: {error}"))?;
    Ok((parsed, layer))
}

fn field<T>(annotations: &Annotations, name: &str) -> Result<T, String>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = annotations.get(name).ok_or_else(|| format!("its annotation {name} is missing"))?;
    text.parse().map_err(|error| format!("its annotation {name} is {text:?}: {error}"))
}
