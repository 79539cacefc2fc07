//! How a package says that it was made.

use briq_package::{Build, BuildKind, Draft, Package, PackageErrorKind};
use briq_spec::Blake3Digest;
use briq_spec::manifest::DataDigest;
use briq_spec::provenance::{PROVENANCE_ENTRY, Resource, Statement};
use expect_test::expect;

use super::kit::{self, path};

fn build() -> Build {
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Build {
        kind: BuildKind::Training,
        surroundings: [text("backend", "flex")].into(),
        materials: vec![Resource::new("other.onnx", [("sha256", "ab".repeat(32))])],
        versions: [text("briq", "0.1.0"), text("burn", "0.22.1")].into(),
    }
}

fn draft() -> Draft {
    let mut draft = kit::draft();
    draft.add_bytes(path("train/briq.toml"), b"[package]".to_vec()).unwrap();
    let lineage = &mut draft.manifest_mut().lineage;
    lineage.seed = Some(42);
    lineage.recipe = Some(path("train/briq.toml"));
    lineage.base = Some(format!("base@{}", Blake3Digest::from_bytes([3; 32])));
    lineage.data =
        vec![DataDigest { name: "digits.csv".to_owned(), rows: 7, blake3: Blake3Digest::from_bytes([1; 32]) }];
    draft.record_build(build());
    draft
}

fn written(draft: &Draft) -> (tempfile::TempDir, Package) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("digits.briq");
    draft.write(&target).unwrap();
    (folder, Package::open(&target).unwrap())
}

#[test]
fn a_package_says_how_it_was_made() {
    let (_folder, package) = written(&draft());
    package.verify().unwrap();
    assert!(package.provenance().unwrap().is_some());
    let text = package.text(&path(PROVENANCE_ENTRY)).unwrap();
    expect![[r#"
        {
          "_type": "https://in-toto.io/Statement/v1",
          "subject": [
            {
              "name": "model.onnx",
              "digest": {
                "blake3": "202bf7d37cdf16a3e5264b8e60f501c7edb710d485d9ea43abb51f58a961dc21",
                "sha256": "520cdb563bf80b193aab6aad62781a9647c75dbf76748117299c7dac0ae63a87"
              }
            },
            {
              "name": "weights-00001-of-00001.safetensors",
              "digest": {
                "blake3": "ba67c0f0b8ebe024cf3701cc5fac76981e4a274d768b81c689955610333a78b6",
                "sha256": "55fa639ca9827820a5cd6c2bf06dc59187de06204ecb954ca3824ce3e248de93"
              }
            }
          ],
          "predicateType": "https://slsa.dev/provenance/v1",
          "predicate": {
            "buildDefinition": {
              "buildType": "https://github.com/briq-ml/briq/blob/main/docs/src/signing.md#training-v1",
              "externalParameters": {
                "name": "digits",
                "seed": "42",
                "version": "1.0.0"
              },
              "internalParameters": {
                "backend": "flex"
              },
              "resolvedDependencies": [
                {
                  "name": "digits.csv",
                  "digest": {
                    "blake3": "0101010101010101010101010101010101010101010101010101010101010101"
                  }
                },
                {
                  "name": "train/briq.toml",
                  "digest": {
                    "blake3": "68439a6675f3ad958778b6275f7aef3bb646c91f6d8795b5a6b40fbf0ac2725c",
                    "sha256": "70acf00586aa7b90c3866278505be7b81fb7ee1f7e21c17c1a22ac239be3c72a"
                  }
                },
                {
                  "name": "base",
                  "digest": {
                    "blake3": "0303030303030303030303030303030303030303030303030303030303030303"
                  }
                },
                {
                  "name": "other.onnx",
                  "digest": {
                    "sha256": "abababababababababababababababababababababababababababababababab"
                  }
                }
              ]
            },
            "runDetails": {
              "builder": {
                "id": "https://github.com/briq-ml/briq",
                "version": {
                  "briq": "0.1.0",
                  "burn": "0.22.1"
                }
              }
            }
          }
        }
    "#]]
    .assert_eq(text);
}

#[test]
fn the_same_build_gives_the_same_package() {
    let ((_first, one), (_second, other)) = (written(&draft()), written(&draft()));
    assert_eq!(one.digest(), other.digest());
    let (_third, plain) = kit::packed();
    assert!(Package::open(&plain).unwrap().provenance().unwrap().is_none());
}

#[test]
fn rejects_an_entry_in_its_place() {
    let error = kit::draft().add_bytes(path(PROVENANCE_ENTRY), Vec::new()).unwrap_err();
    assert_eq!(error.kind(), PackageErrorKind::Invalid);
}

/// Statements that somebody put into a package, where the drafts of this crate put their own.
#[test]
fn rejects_a_statement_about_other_files() {
    let (_folder, package) = written(&draft());
    let statement = package.provenance().unwrap().unwrap();
    let check = |change: &dyn Fn(&mut Statement), text: &str| {
        let mut changed = statement.clone();
        change(&mut changed);
        let error = changed.check(package.manifest()).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    };
    check(&|statement| drop(statement.subject.remove(0)), "says nothing of model.onnx");
    check(&|statement| statement.subject[1].digest.clear(), "about another weights-00001-of-00001.safetensors");
    let bytes = |text: &str| Statement::from_json(text.as_bytes()).unwrap_err().to_string();
    assert!(bytes("{}").contains("does not read as an in-toto statement"));
    let other = String::from_utf8(statement.to_json()).unwrap();
    assert!(bytes(&other.replace("provenance/v1\"", "provenance/v2\"")).contains("its type is not"));
}

#[test]
fn passes_over_what_a_newer_statement_has() {
    let (_folder, package) = written(&draft());
    let statement = package.provenance().unwrap().unwrap();
    let text = String::from_utf8(statement.to_json()).unwrap();
    let newer = text.replacen("\"builder\": {", "\"metadata\": { \"invocationId\": \"7\" },\n      \"builder\": {", 1);
    assert_ne!(newer, text);
    assert_eq!(Statement::from_json(newer.as_bytes()).unwrap(), statement);
}
