//! Docker's config.json.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use briq_registry::{Credentials, DockerConfig, RegistryError, Secret};

const CONFIG: &str = r#"{
    "auths": {
        "ghcr.io": {"auth": "YW5uOnBhc3M6d29yZA=="},
        "https://index.docker.io/v1/": {"auth": "aHViOmh1Yg=="},
        "empty.example": {},
        "broken.example": {"auth": "%%%"}
    },
    "credHelpers": {"helped.example": "test", "evil.example": "../../bin/sh"},
    "HttpHeaders": {"User-Agent": "x"}
}"#;

async fn ask(config: &str, host: &str) -> Result<Credentials, RegistryError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, config).unwrap();
    DockerConfig::read(&path)?.credentials(host).await
}

fn password(user: &str, password: &str) -> Credentials {
    Credentials::Password { user: user.into(), password: Secret::new(password) }
}

#[tokio::test]
async fn finds_what_docker_login_wrote() {
    assert_eq!(ask(CONFIG, "ghcr.io").await.unwrap(), password("ann", "pass:word"));
    assert_eq!(ask(CONFIG, "docker.io").await.unwrap(), password("hub", "hub"));
    assert_eq!(ask(CONFIG, "empty.example").await.unwrap(), Credentials::Anonymous);
    assert_eq!(ask(CONFIG, "unknown.example").await.unwrap(), Credentials::Anonymous);
    assert_eq!(
        DockerConfig::read("/nonexistent/config.json".as_ref()).unwrap().credentials("a.b").await.unwrap(),
        Credentials::Anonymous
    );
}

#[tokio::test]
async fn rejects_what_docker_does_not_write() {
    for (config, host, expected) in [
        (CONFIG, "broken.example", "not base64 of user:password"),
        (CONFIG, "evil.example", "not the name of a helper"),
        ("[", "ghcr.io", "config.json"),
        (r#"{"credsStore":"briq-test-absent"}"#, "ghcr.io", "ask docker-credential-briq-test-absent"),
    ] {
        let error = ask(config, host).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!error.to_string().contains("%%%"), "{error}");
    }
}

/// Not a test of its own: runs with a helper in its search path.
#[tokio::test]
async fn helper() {
    if std::env::var_os("BRIQ_TEST_HELPER").is_none() {
        return;
    }
    assert_eq!(ask(CONFIG, "helped.example").await.unwrap(), password("of helped.example", "s"));
    assert_eq!(ask(r#"{"credsStore":"test"}"#, "none.example").await.unwrap(), Credentials::Anonymous);
    println!("asked the helper");
}

#[test]
fn asks_a_credential_helper() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("docker-credential-test");
    let script = "#!/bin/sh\nread host\n[ \"$host\" = none.example ] && echo 'credentials not found in native keychain' && exit 1\n\
                  echo \"{\\\"ServerURL\\\":\\\"$host\\\",\\\"Username\\\":\\\"of $host\\\",\\\"Secret\\\":\\\"s\\\"}\"\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "credentials::helper", "--nocapture"])
        .env("PATH", path)
        .env("BRIQ_TEST_HELPER", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("asked the helper"), "{said}");
}
