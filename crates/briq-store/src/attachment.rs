//! What hangs on a published package: an artifact of one layer, whose subject is the package's OCI manifest.
//!
//! Other clients see the package as before; those that know the artifact type find beside it what makes transfers small.
//! Nobody vouches for an attachment: what was made with one counts only when it has the digests of the package.
//! It is of no use without its subject, so a store forgets it together with that.

use briq_spec::Sha256Digest;

use crate::oci::{Annotations, Descriptor, IMAGE_MANIFEST, Manifest};

/// The type of the artifact that holds the [chunk index](briq_package::chunks) of a package, and of its one layer.
pub const INDEX_TYPE: &str = "application/vnd.briq.index.v1";
/// The type of the artifact that holds a [delta](briq_package::parcel) of a package, and of its one layer.
pub const DELTA_TYPE: &str = "application/vnd.briq.delta.v1";
/// The annotation of a delta's artifact that names the package it is told from: `NAME@blake3:HEX`.
pub const DELTA_BASE: &str = "dev.briq.delta.base";
/// The configuration of an artifact that has none (image-spec, "Guidance for an Empty Descriptor").
pub const EMPTY_CONFIG: &[u8] = b"{}";
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// The manifest of an attachment of one of the types here, which follows from what it links to.
pub fn document(
    artifact_type: &str,
    subject: (Sha256Digest, u64),
    layer: (Sha256Digest, u64),
    annotations: Annotations,
) -> Manifest {
    let config = (crate::layout::sha256(EMPTY_CONFIG), EMPTY_CONFIG.len() as u64);
    let link = |media_type: &str, (digest, size)| Descriptor::new(media_type, digest, size);
    Manifest {
        schema_version: 2,
        media_type: Some(IMAGE_MANIFEST.into()),
        artifact_type: Some(artifact_type.into()),
        config: Some(link(EMPTY_TYPE, config)),
        layers: vec![link(artifact_type, layer)],
        manifests: Vec::new(),
        subject: Some(link(IMAGE_MANIFEST, subject)),
        annotations,
    }
}

/// Whether an entry is of one of the types here.
pub(crate) fn is_one(entry: &Descriptor) -> bool {
    matches!(entry.artifact_type.as_deref(), Some(INDEX_TYPE | DELTA_TYPE))
}
