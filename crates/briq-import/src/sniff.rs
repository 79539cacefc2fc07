//! What a file looks like, by its first bytes.

use std::fmt;

use crate::ImportError;
use crate::archive::Archive;
use crate::{hdf5, pytorch};

/// The kinds of file that a person may mean by a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// `torch.save`, either form.
    PyTorch,
    /// `model.save("….h5")` or `model.save("….keras")`.
    Keras,
    /// A safetensors file.
    Safetensors,
    /// An ONNX model.
    Onnx,
    /// A package of Briq.
    Package,
    /// An HDF5 file without a Keras model.
    Hdf5,
    /// A Zip of something else.
    Zip,
    /// A pickle of something else, such as scikit-learn's.
    Pickle,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PyTorch => "a PyTorch file",
            Self::Keras => "a Keras file",
            Self::Safetensors => "a safetensors file",
            Self::Onnx => "an ONNX model",
            Self::Package => "a package of Briq",
            Self::Hdf5 => "an HDF5 file without a Keras model",
            Self::Zip => "a Zip archive",
            Self::Pickle => "a pickle",
        })
    }
}

impl FileKind {
    /// What to do with a file of this kind.
    pub fn hint(self) -> &'static str {
        match self {
            Self::PyTorch => "use `briq import pytorch`",
            Self::Keras => "use `briq import keras`",
            Self::Safetensors => "use `briq import safetensors`",
            Self::Onnx => "use `briq import onnx`",
            Self::Package => "it needs no import: give it to `briq predict`, `briq publish` or `briq deploy` as it is",
            Self::Hdf5 => "save the whole model: model.save(\"model.keras\")",
            Self::Zip => "give the model file itself",
            Self::Pickle => "scikit-learn models go through skl2onnx: see the guide on importing",
        }
    }
}

/// What a file looks like, where that can be told.
pub fn sniff(bytes: &[u8]) -> Option<FileKind> {
    if bytes.starts_with(hdf5::SIGNATURE) {
        let root = hdf5::File::open(bytes).and_then(hdf5::File::root);
        let configured = root.and_then(|root| root.texts("model_config"));
        return Some(if matches!(configured, Ok(None)) { FileKind::Hdf5 } else { FileKind::Keras });
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Some(zip_kind(bytes));
    }
    if let [0x80, 2..=5, rest @ ..] = bytes {
        let legacy = rest.windows(LEGACY_WINDOW).take(16).any(|window| window == pytorch::LEGACY_MAGIC);
        return Some(if legacy { FileKind::PyTorch } else { FileKind::Pickle });
    }
    if let [_, _, _, _, _, 0, 0, 0, b'{', ..] = bytes {
        return Some(FileKind::Safetensors);
    }
    // An ONNX model begins with its IR version, a small integer in field 1.
    matches!(bytes, [0x08, 1..=32, ..]).then_some(FileKind::Onnx)
}

const LEGACY_WINDOW: usize = pytorch::LEGACY_MAGIC.len();

fn zip_kind(bytes: &[u8]) -> FileKind {
    let Ok(archive) = Archive::open(bytes) else { return FileKind::Zip };
    let has = |suffix: &str| archive.names().any(|name| name == suffix || name.ends_with(&format!("/{suffix}")));
    if has("data.pkl") {
        FileKind::PyTorch
    } else if has("config.json") && has("model.weights.h5") {
        FileKind::Keras
    } else if has("briq.json") {
        FileKind::Package
    } else {
        FileKind::Zip
    }
}

/// Refuses a file of another kind, with what it looks like and what to do with it.
///
/// # Errors
/// When the file looks like something else, or like nothing known.
pub fn expect(bytes: &[u8], wanted: FileKind) -> Result<(), ImportError> {
    match sniff(bytes) {
        Some(found) if found == wanted => Ok(()),
        Some(found) => {
            Err(ImportError::wrong_format(format!("the file is {found}, not {wanted}")).advise(found.hint()))
        }
        None => Err(ImportError::wrong_format(format!("the file is not {wanted}"))),
    }
}
