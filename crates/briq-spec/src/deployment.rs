//! What is to run, and what runs: the words that planner, supervisor and command line share.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::digest::Blake3Digest;
use crate::error::SpecError;
use crate::name::PackageName;
use crate::policy::Policy;
use crate::text::written_as_string;

/// The name of a deployment: a DNS label, since it becomes a host, a unit and a container name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeploymentName(String);

impl DeploymentName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeploymentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for DeploymentName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeploymentName {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        check_label(text).map_err(|reason| SpecError::syntax("deployment name", text, reason))?;
        Ok(Self(text.to_owned()))
    }
}

written_as_string!(
    DeploymentName,
    "DeploymentName",
    "Name of a deployment: a DNS label.",
    "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
);

fn check_label(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > 63 {
        return Err("it is longer than 63 bytes");
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err("it must begin and end with a lower-case letter or a digit");
    }
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.bytes().all(legal) {
        return Err("only lower-case letters, digits and `-` may stand in it");
    }
    Ok(())
}

/// One package at one place in a deployment's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Counts up from 1; never used twice in a deployment.
    pub number: u64,
    /// The package.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
    /// Its identity.
    pub digest: Blake3Digest,
    /// The reference that a person gave for it.
    pub source: String,
}

/// What is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Desired {
    /// The deployment.
    pub name: DeploymentName,
    /// The revision that is to serve.
    pub revision: Revision,
    /// Where it listens for HTTP.
    pub http: SocketAddr,
    /// The backend that runs it: `auto`, `flex`, `ndarray` or `wgpu`.
    pub backend: String,
    /// What every revision must bring with it, with the trusted keys inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Box<Policy>>,
}
