//! An image that Briq knows nothing of, through another program and back.

use serde_json::json;
use tokio::process::Command;

use crate::ground::{Server, digest};

#[tokio::test]
async fn skopeo_pushes_and_pulls_an_image() {
    let server = Server::start().await;
    let layout = server.folder.path().join("image");
    let manifest = write_image(&layout);
    let there = format!("docker://{}/images/tiny:latest", server.host);
    if !copy(&format!("oci:{}:tiny", layout.display()), &there).await {
        return;
    }
    let back = server.folder.path().join("back");
    copy(&there, &format!("oci:{}:tiny", back.display())).await;
    let blob = |digest: &str| std::fs::read(back.join("blobs").join(digest.replace(':', "/"))).unwrap();
    assert_eq!(digest(&blob(&manifest)).to_string(), manifest);
    server.store.gc(&Default::default()).unwrap();
    let again = server.folder.path().join("again");
    assert!(copy(&there, &format!("dir:{}", again.display())).await);
}

/// False when skopeo is not there.
async fn copy(source: &str, target: &str) -> bool {
    let arguments = ["copy", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false", source, target];
    let Ok(output) = Command::new("skopeo").args(arguments).output().await else {
        println!("skipped: skopeo is not installed");
        return false;
    };
    assert!(output.status.success(), "{source} {target}: {}", String::from_utf8_lossy(&output.stderr));
    true
}

/// The smallest image: no layers. The digest of its manifest.
fn write_image(layout: &std::path::Path) -> String {
    let blobs = layout.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let write = |bytes: &[u8]| {
        let digest = digest(bytes);
        std::fs::write(blobs.join(digest.to_hex()), bytes).unwrap();
        digest.to_string()
    };
    let config =
        json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).to_string();
    let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": write(config.as_bytes()), "size": config.len()});
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": []}).to_string();
    let digest = write(manifest.as_bytes());
    let name = json!({"org.opencontainers.image.ref.name": "tiny"});
    let entry = json!({"mediaType": media_type, "digest": digest, "size": manifest.len(), "annotations": name});
    std::fs::write(layout.join("index.json"), json!({"schemaVersion": 2, "manifests": [entry]}).to_string()).unwrap();
    std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    digest
}
