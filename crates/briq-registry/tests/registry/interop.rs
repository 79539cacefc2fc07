//! The same packages through another client.

use std::process::Command;

use briq_registry::{Progress, PushOptions};
use briq_spec::{Machine, Selector};

use crate::peers::all;
use crate::samples::{Sample, digits, store};

/// False when skopeo is not there.
fn copy(source: &str, target: &str) -> bool {
    let arguments = ["copy", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false", source, target];
    let Ok(output) = Command::new("skopeo").args(arguments).output() else {
        println!("skipped: skopeo is not installed");
        return false;
    };
    assert!(output.status.success(), "{source} {target}: {}", String::from_utf8_lossy(&output.stderr));
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_pulls_what_briq_pushed() {
    for (peer, _guard) in all().await {
        let folder = tempfile::tempdir().unwrap();
        let package = Sample::default().write(folder.path());
        peer.client().push(&package, &PushOptions::default()).await.unwrap();
        let target = folder.path().join("plain");
        if !copy(&format!("docker://{}/team/digits:1.0.0", peer.host), &format!("dir:{}", target.display())) {
            return;
        }
        for entry in &package.manifest().entries {
            assert_eq!(std::fs::read(target.join(entry.sha256.to_hex())).unwrap(), package.read(&entry.path).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn briq_pulls_what_skopeo_pushed() {
    for (peer, _guard) in all().await {
        let ((folder, here), (_other, there)) = (store(), store());
        let package = Sample::default().write(folder.path());
        here.publish(&package).unwrap();
        let source = format!("oci:{}:team/digits:1.0.0", here.root().display());
        if !copy(&source, &format!("docker://{}/team/digits:1.0.0", peer.host)) {
            return;
        }
        let remote = peer.client().resolve(&digits(), &Selector::Any, &Machine::ANY).await.unwrap();
        peer.client().pull(&remote, &there, &Progress::none()).await.unwrap();
        there.package(&package.digest()).unwrap().verify().unwrap();
    }
}
