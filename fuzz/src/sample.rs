//! A package, and packages of given bytes.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use briq_package::seal::{PrivateKey, Trust};
use briq_package::{Draft, Options, Package, PackageError, example};
use tempfile::TempDir;

/// Where packages of given bytes are written.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder can be made"));

/// The sample, written once and mapped.
pub static PACKAGE: LazyLock<Package> = LazyLock::new(|| {
    let target = FOLDER.path().join("sample.briq");
    write(&target);
    Package::open(&target).expect("the sample was written")
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

/// Opens a package file of these bytes. One process has one such file: the package must be dropped before the next.
pub fn opened(bytes: &[u8], options: Options) -> Result<Package, PackageError> {
    let file: PathBuf = FOLDER.path().join("given.briq");
    std::fs::write(&file, bytes).expect("the folder can be written");
    Package::open_with(&file, options)
}

/// The key that everybody has.
pub fn key() -> PrivateKey {
    PrivateKey::from_pem(example::PRIVATE_KEY, None).expect("the example is a key")
}

/// Trust in [`key`].
pub fn trust() -> Trust {
    Trust::default().with_key(key().public_key())
}
