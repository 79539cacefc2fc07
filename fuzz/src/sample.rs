//! A package, and packages of given bytes.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use briq_package::seal::{PrivateKey, Trust};
use briq_package::{Draft, Options, Package, example};
use tempfile::TempDir;

/// The sample, written once and read.
pub static PACKAGE: LazyLock<Package> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let target = folder.path().join("sample.briq");
    write(&target);
    let bytes = std::fs::read(target).expect("the sample was written");
    Package::from_bytes(bytes, Options::default()).expect("the sample is a package")
});

/// Writes the sample.
pub fn write(target: &Path) {
    let mut draft = Draft::new(example::manifest());
    let contents = [("assets/empty", 0), ("model.onnx", 9), ("weights-00001-of-00001.safetensors", 100)];
    for (path, length) in contents {
        draft.add_bytes(path.parse().expect("the literal is a legal path"), vec![b'x'; length]).expect("it is fresh");
    }
    draft.write(target).expect("the folder can be written");
}

/// Goes with the process. It lies in memory where Linux has a place there: what is written is flushed.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    folder.expect("a temporary folder can be made")
});

/// A file that a target may write.
pub fn place(name: &str) -> PathBuf {
    FOLDER.path().join(name)
}

/// The key that everybody has.
pub fn key() -> PrivateKey {
    PrivateKey::from_pem(example::PRIVATE_KEY, None).expect("the example is a key")
}

/// Trust in [`key`].
pub static TRUST: LazyLock<Trust> = LazyLock::new(|| Trust::default().with_key(key().public_key()));
