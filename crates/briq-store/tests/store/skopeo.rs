//! Another program reads the store as the OCI layout it is.

use std::process::{Command, Output};

use serde_json::Value;

use crate::samples::{package, store};

fn skopeo(arguments: &[&str]) -> Option<Output> {
    match Command::new("skopeo").args(arguments).output() {
        Ok(output) => Some(output),
        Err(_) => {
            println!("skipped: skopeo is not installed");
            None
        }
    }
}

#[test]
fn skopeo_copies_a_package_out_of_the_layout() {
    let (folder, store) = store();
    let one = package(folder.path(), "1.0.0", &[5; 20_000]);
    store.publish(&one).unwrap();
    let source = format!("oci:{}:digits:1.0.0", store.root().display());
    let Some(raw) = skopeo(&["inspect", "--raw", &source]) else { return };
    assert!(raw.status.success(), "{}", String::from_utf8_lossy(&raw.stderr));
    let manifest: Value = serde_json::from_slice(&raw.stdout).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.cncf.model.manifest.v1+json");
    assert_eq!(manifest["annotations"]["dev.briq.package.digest"], one.digest().to_string());

    let target = folder.path().join("copy");
    let copied = skopeo(&["copy", "--preserve-digests", &source, &format!("dir:{}", target.display())]).unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    for entry in &one.manifest().entries {
        let file = target.join(entry.sha256.to_hex());
        assert_eq!(std::fs::read(file).unwrap(), one.read(&entry.path).unwrap(), "{}", entry.path);
    }
}
