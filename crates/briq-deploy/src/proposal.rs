//! What a caller proposes, and what became of it.

use std::net::SocketAddr;
use std::process::Command;

use briq_spec::deployment::{DeploymentName, Desired, Revision};
use briq_spec::policy::Policy;
use briq_spec::semver::Version;
use briq_spec::{Blake3Digest, PackageName};
use serde::{Deserialize, Serialize};

/// What is to serve: a [`Desired`] that has no revision number yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The package.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
    /// Its identity in the store of the same home.
    pub digest: Blake3Digest,
    /// The reference that a person gave for it.
    pub source: String,
    /// Where it is to listen for HTTP; port 0 lets the system choose one.
    pub http: SocketAddr,
    /// The backend that is to run it: `auto`, `flex`, `ndarray` or `wgpu`.
    pub backend: String,
    /// What every revision must bring with it, with the trusted keys inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
}

impl Proposal {
    /// The proposal as revision `number` of the deployment `name`.
    pub fn into_desired(self, name: DeploymentName, number: u64) -> Desired {
        let Self { package, version, digest, source, http, backend, policy } = self;
        let (revision, policy) = (Revision { number, package, version, digest, source }, policy.map(Box::new));
        Desired { name, revision, http, backend, policy }
    }

    /// What `desired` would be if it were proposed again.
    pub fn from_desired(desired: &Desired) -> Self {
        let Revision { package, version, digest, source, .. } = desired.revision.clone();
        let (backend, policy) = (desired.backend.clone(), desired.policy.as_deref().cloned());
        Self { package, version, digest, source, http: desired.http, backend, policy }
    }

    /// Whether `desired` already is what is proposed: the same package, address, backend and policy, however it was
    /// referred to.
    pub fn is(&self, desired: &Desired) -> bool {
        self.digest == desired.revision.digest
            && self.package == desired.revision.package
            && self.http == desired.http
            && self.backend == desired.backend
            && self.policy.as_ref() == desired.policy.as_deref()
    }
}

/// How a command behaves towards others, and how it starts a supervisor where none runs.
pub struct Launch<'a> {
    /// The command line of a supervisor for this deployment: a program that calls
    /// [`supervisor::run`](crate::supervisor::run). It is started with its streams away from the terminal, and makes
    /// itself the leader of a session of its own.
    pub supervisor: &'a dyn Fn() -> Command,
    /// Whether to wait while another command works on the same deployment, or to fail with
    /// [`DeployError::is_busy`](crate::DeployError::is_busy).
    pub wait: bool,
}

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// It passed every gate and serves.
    Promoted(Promoted),
    /// It served already; nothing was changed.
    Unchanged {
        /// The revision that serves.
        revision: Revision,
        /// Where it listens, with the port that the system chose.
        http: SocketAddr,
    },
    /// It did not pass; what served before goes on serving.
    Refused {
        /// The revision that was refused.
        revision: Revision,
        /// Why, for a person.
        reason: String,
        /// What serves; `None` when nothing did before.
        serving: Option<Revision>,
    },
}

/// A revision that serves now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promoted {
    /// The revision.
    pub revision: Revision,
    /// Where it listens, with the port that the system chose.
    pub http: SocketAddr,
    /// What served before it.
    pub previous: Option<Revision>,
    /// What its rollout took.
    pub took: Took,
}

/// What a rollout took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Took {
    /// Milliseconds from the first step to the promotion.
    pub total_ms: u64,
    /// Milliseconds to load and warm the package; `None` when a new server process was started for it.
    pub load_ms: Option<u64>,
    /// Milliseconds to replay its golden examples; `None` when a new server process was started for it.
    pub golden_ms: Option<u64>,
}
