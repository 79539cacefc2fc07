//! User names and passwords, from where Docker and Podman keep them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;

use crate::error::{RegistryError, RegistryErrorKind};

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// A user with a password or an access token.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
}

/// The part of Docker's `config.json` that is about registries.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DockerConfig {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(***)")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

impl DockerConfig {
    /// Where Docker looks: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`.
    pub fn path() -> Option<PathBuf> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = set("DOCKER_CONFIG").or_else(|| Some(set("HOME")?.join(".docker")))?;
        Some(folder.join("config.json"))
    }

    /// Reads a file; one that does not exist is empty.
    ///
    /// # Errors
    /// The file cannot be read or is not JSON of that form.
    pub fn read(path: &Path) -> Result<Self, RegistryError> {
        let fail =
            |what: String| RegistryError::new(format!("read {}", path.display()), RegistryErrorKind::Refused(what));
        match std::fs::read(path) {
            // The error of serde_json quotes no values, so no secret.
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| fail(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(fail(error.to_string())),
        }
    }

    /// The credentials for a host: those of its helper, else those in the file, else none.
    ///
    /// # Errors
    /// A helper is named that does not run, or an entry is not what Docker writes.
    pub async fn credentials(&self, host: &str) -> Result<Credentials, RegistryError> {
        let keys = keys(host);
        if let Some(helper) = keys.iter().find_map(|key| self.cred_helpers.get(*key)) {
            return ask(helper, keys[0]).await;
        }
        if let Some(auth) = keys.iter().find_map(|key| self.auths.get(*key)?.auth.as_deref()).filter(|a| !a.is_empty())
        {
            return decode(auth).ok_or_else(|| {
                let what = "its entry in Docker's config.json is not base64 of user:password".into();
                RegistryError::new(format!("log in to {host}"), RegistryErrorKind::Refused(what))
            });
        }
        match &self.creds_store {
            Some(helper) => ask(helper, keys[0]).await,
            None => Ok(Credentials::Anonymous),
        }
    }
}

/// Docker Hub is kept under the address of its first API.
fn keys(host: &str) -> Vec<&str> {
    match host {
        "docker.io" => vec!["https://index.docker.io/v1/", "docker.io", "index.docker.io"],
        host => vec![host],
    }
}

fn decode(auth: &str) -> Option<Credentials> {
    let text = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Credentials::Password { user: user.to_owned(), password: Secret::new(password) })
}

/// Runs `docker-credential-HELPER get` (docker-credential-helpers' protocol): the address goes in, JSON comes out.
async fn ask(helper: &str, key: &str) -> Result<Credentials, RegistryError> {
    let program = format!("docker-credential-{helper}");
    let fail = |what: String| RegistryError::new(format!("ask {program} for {key}"), RegistryErrorKind::Refused(what));
    if !helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(fail("it is not the name of a helper".into()));
    }
    let output = run(&program, key).await.map_err(|error| fail(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        // The one message that the protocol defines: there is no entry, which is not a failure.
        return match said.contains("credentials not found") {
            true => Ok(Credentials::Anonymous),
            false => Err(fail(format!("it failed with {}", output.status))),
        };
    }
    let helped: Helped =
        serde_json::from_slice(&output.stdout).map_err(|_| fail("it answered no credentials".into()))?;
    Ok(Credentials::Password { user: helped.username, password: Secret::new(helped.secret) })
}

async fn run(program: &str, input: &str) -> std::io::Result<std::process::Output> {
    let mut child = tokio::process::Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    child.wait_with_output().await
}
