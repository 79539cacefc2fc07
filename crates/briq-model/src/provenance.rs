//! What a package tells of its making.

use briq_package::{Build, BuildKind};
use briq_spec::manifest::SourceFile;
use briq_spec::provenance::Resource;
use briq_spec::{Blake3Digest, PackageName};

use crate::project::Environment;

/// Of a network that was trained here.
pub(crate) fn training(environment: &Environment) -> Build {
    let Environment { briq, burn, backend, platform } = environment.clone();
    Build {
        kind: BuildKind::Training,
        surroundings: [("backend", backend), ("platform", platform)].map(named).into(),
        versions: [("briq", briq), ("burn", burn)].map(named).into(),
        ..Build::default()
    }
}

/// Of a network that came in a file. The machine leaves no trace in it, and none is told.
pub(crate) fn import(source: &SourceFile) -> Build {
    Build {
        kind: BuildKind::Import,
        materials: vec![Resource::new(&source.name, [("blake3", source.blake3.to_hex())])],
        versions: [("briq", env!("CARGO_PKG_VERSION").to_owned())].map(named).into(),
        ..Build::default()
    }
}

/// Of a variant of a package.
pub(crate) fn variant(name: &PackageName, digest: &Blake3Digest) -> Build {
    Build {
        kind: BuildKind::Variant,
        materials: vec![Resource::new(name.as_str(), [("blake3", digest.to_hex())])],
        versions: [("briq", env!("CARGO_PKG_VERSION").to_owned())].map(named).into(),
        ..Build::default()
    }
}

fn named((name, value): (&str, String)) -> (String, String) {
    (name.to_owned(), value)
}
