//! The bill of materials.

use briq_package::Package;
use briq_spec::Blake3Digest;
use briq_spec::manifest::DataDigest;
use serde_json::{Value, json};

use super::{kit, peer};

fn package() -> (tempfile::TempDir, Package) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("digits.briq");
    let mut draft = kit::draft();
    let manifest = draft.manifest_mut();
    manifest.license = Some("MIT OR Apache-2.0".to_owned());
    manifest.authors = vec!["Ada".to_owned()];
    manifest.description = Some("Reads digits".to_owned());
    manifest.metrics.insert("test.accuracy".to_owned(), 0.75);
    manifest.lineage.base = Some(format!("base@{}", Blake3Digest::from_bytes([3; 32])));
    manifest.lineage.data =
        vec![DataDigest { name: "d.csv".to_owned(), rows: 7, blake3: Blake3Digest::from_bytes([1; 32]) }];
    draft.write(&target).unwrap();
    (folder, Package::open(&target).unwrap())
}

#[test]
fn it_lists_every_entry_with_its_digests() {
    let (_folder, package) = package();
    let sbom: Value = serde_json::from_str(&package.sbom()).unwrap();
    let model = &sbom["metadata"]["component"];
    assert_eq!((&model["name"], &model["version"]), (&json!("digits"), &json!("1.0.0")));
    assert_eq!(model["licenses"], json!([{ "expression": "MIT OR Apache-2.0" }]));
    assert_eq!(model["hashes"][0]["content"], package.digest().to_hex());
    let files = model["components"].as_array().unwrap();
    assert_eq!(files.len(), package.entries().len());
    for (file, entry) in files.iter().zip(package.entries()) {
        assert_eq!(file["name"], entry.path.as_str());
        assert_eq!(file["hashes"][0], json!({ "alg": "SHA-256", "content": entry.sha256.to_hex() }));
    }
    assert_eq!(sbom["components"][0]["name"], "base");
    assert_eq!(package.sbom(), package.sbom());
}

const VALIDATE: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
assert error is None, error
";

/// CycloneDX's own library holds it against the published schema.
#[test]
fn it_is_valid_by_the_schema() {
    let Some(python) = peer::python("cyclonedx.validation.json, jsonschema") else { return };
    let (folder, full) = package();
    let (_bare_folder, bare) = kit::packed();
    for package in [full, Package::open(&bare).unwrap()] {
        let file = folder.path().join("sbom.json");
        std::fs::write(&file, package.sbom()).unwrap();
        let output = std::process::Command::new(&python).args(["-c", VALIDATE]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
