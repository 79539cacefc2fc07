//! The test vectors of the format, `tests/vectors/`: small files, and in `index.json` what a reader must make of them.
//!
//! They are for everybody who reads or writes packages. `UPDATE_EXPECT=1` writes them anew.

mod build;
mod cases;

use std::fs;
use std::path::{Path, PathBuf};

use briq_package::{Options, Package, PackageError, PackageErrorKind};
use serde::{Deserialize, Serialize};

use self::cases::{Case, cases};
use super::interop;

/// What all vectors take together at most, in bytes.
const MAX_TOTAL_BYTES: u64 = 220_000;

/// `index.json`, in the order of the cases.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Vector {
    file: String,
    /// Whether the reader is told that something may stand before the package.
    allow_prefix: bool,
    /// `accepted` or `refused`.
    verdict: String,
    /// The identity of an accepted package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// `corrupt`, `limit` or `unsupported`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// The entry with the fault, where it lies in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry: Option<String>,
    /// Words that Briq's message or its cause holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Vector {
    fn of(case: &Case) -> Self {
        let refusal = case.refusal.as_ref();
        Self {
            file: case.file.to_owned(),
            allow_prefix: case.allow_prefix,
            verdict: if refusal.is_some() { "refused" } else { "accepted" }.to_owned(),
            digest: refusal.is_none().then(|| format!("blake3:{}", blake3::hash(manifest(&case.bytes)).to_hex())),
            kind: refusal.map(|refusal| kind(refusal.kind).to_owned()),
            entry: refusal.and_then(|refusal| refusal.entry).map(str::to_owned),
            reason: refusal.map(|refusal| refusal.reason.to_owned()),
        }
    }

    /// What is wrong with what the reader made of the file; `None` when it is what the index says.
    fn disagreement(&self) -> Option<String> {
        let found = judge(&folder().join(&self.file), self.allow_prefix);
        let agrees = match (&found, self.verdict.as_str()) {
            (Ok(package), "accepted") => self.digest == Some(package.digest().to_string()),
            (Err(error), "refused") => self.explains(error),
            _ => false,
        };
        (!agrees).then(|| format!("{}: {:?}", self.file, found.map(|package| package.digest())))
    }

    fn explains(&self, error: &PackageError) -> bool {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        let reason = self.reason.as_deref().unwrap_or_default();
        self.kind.as_deref() == Some(kind(error.kind()))
            && self.entry.as_deref() == error.entry()
            && (error.to_string().contains(reason) || cause.contains(reason))
    }
}

fn kind(kind: PackageErrorKind) -> &'static str {
    match kind {
        PackageErrorKind::Corrupt => "corrupt",
        PackageErrorKind::Limit => "limit",
        PackageErrorKind::Unsupported => "unsupported",
        _ => "other",
    }
}

/// The bytes of `briq.json`, found without the reader: the first member, padded to 64 bytes.
fn manifest(file: &[u8]) -> &[u8] {
    let start = file.windows(4).position(|window| window == b"PK\x03\x04").unwrap();
    let length = u32::from_le_bytes(file[start + 22..start + 26].try_into().unwrap()) as usize;
    let data = start + (30 + "briq.json".len() + 6).next_multiple_of(64);
    &file[data..data + length]
}

fn judge(file: &Path, allow_prefix: bool) -> Result<Package, PackageError> {
    let package = Package::open_with(file, Options { allow_prefix })?;
    package.verify()?;
    Ok(package)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn index() -> Vec<Vector> {
    serde_json::from_slice(&fs::read(folder().join("index.json")).unwrap()).unwrap()
}

fn check(name: &str, due: &[u8]) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, due).unwrap();
    }
    assert!(fs::read(&path).is_ok_and(|found| found == due), "{name} is stale; set UPDATE_EXPECT=1");
}

#[test]
fn the_vectors_are_as_generated() {
    let cases = cases();
    cases.iter().for_each(|case| check(case.file, &case.bytes));
    let index: Vec<Vector> = cases.iter().map(Vector::of).collect();
    check("index.json", format!("{}\n", serde_json::to_string_pretty(&index).unwrap()).as_bytes());
    let sizes = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    let sizes: Vec<u64> = sizes.collect();
    assert_eq!(sizes.len(), cases.len() + 1, "a file in tests/vectors is no vector");
    assert!(sizes.iter().sum::<u64>() < MAX_TOTAL_BYTES);
}

#[test]
fn every_vector_gets_its_verdict() {
    let disagreements: Vec<String> = index().iter().filter_map(Vector::disagreement).collect();
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
}

/// The writer that ships gives the same bytes as the one that the vectors come from.
#[test]
fn accepted_vectors_are_written_again_byte_for_byte() {
    let scratch = tempfile::tempdir().unwrap();
    for vector in index().iter().filter(|vector| vector.verdict == "accepted") {
        let original = fs::read(folder().join(&vector.file)).unwrap();
        let again = scratch.path().join(&vector.file);
        judge(&folder().join(&vector.file), vector.allow_prefix).unwrap().assemble(&again).unwrap();
        assert!(original.ends_with(&fs::read(&again).unwrap()), "{}", vector.file);
    }
}

const LIST: &str = "
import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
assert all(i.compress_type == zipfile.ZIP_STORED for i in z.infolist())
print(z.namelist()[0])
";

#[test]
fn other_programs_read_the_accepted_vectors() {
    for vector in index().iter().filter(|vector| vector.verdict == "accepted") {
        let file = folder().join(&vector.file).into_os_string().into_string().unwrap();
        if let Some(first) = interop::succeeds("python3", &["-c", LIST, &file]) {
            assert_eq!(first, "briq.json\n", "{file}");
        }
        if vector.allow_prefix {
            continue; // Info-ZIP reads it, and warns of the bytes before it by its exit code
        }
        interop::succeeds("unzip", &["-tqq", &file]);
        if let Some(listing) = interop::succeeds("zipinfo", &["-v", &file]) {
            assert!(listing.contains("(stored)") || listing.contains("none (stored)"), "{listing}");
            assert!(!listing.contains("warning"), "{listing}");
        }
    }
}

/// The canonical form as the specification has it, written by somebody else's JSON.
#[test]
fn python_writes_the_same_manifests() {
    let accepted = index().into_iter().filter(|vector| vector.verdict == "accepted");
    let files: Vec<String> = accepted.map(|vector| folder().join(vector.file).display().to_string()).collect();
    let script = ["-c", include_str!("vectors/canonical.py")];
    let arguments: Vec<&str> = script.into_iter().chain(files.iter().map(String::as_str)).collect();
    if let Some(compared) = interop::succeeds("python3", &arguments) {
        assert_eq!(compared.lines().count(), files.len());
    }
}
