//! The planner: from what is desired and what is observed to the steps between them, as data.

use std::fmt;
use std::net::SocketAddr;

use briq_spec::Blake3Digest;
use briq_spec::deployment::{Desired, Revision};
use serde::{Deserialize, Serialize};

/// What is the case before anything is done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observed {
    /// Whether a supervisor runs.
    pub supervised: bool,
    /// The revision that was promoted last.
    pub current: Option<Desired>,
    /// What a live server serves at this moment.
    pub serving: Option<Desired>,
}

/// The steps to what is desired, in order. Empty when there is nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step. Each can be made again after a crash without harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Step {
    /// See that no other program listens there.
    CheckAddress {
        /// The address.
        http: SocketAddr,
    },
    /// Start a supervisor process for the deployment.
    StartSupervisor,
    /// Start a server process with a package; it is ready only when its golden examples were replayed.
    StartServer {
        /// The revision.
        revision: Revision,
        /// Where it listens.
        http: SocketAddr,
        /// What runs it.
        backend: String,
    },
    /// Wait until that server is ready.
    WaitReady {
        /// The revision.
        revision: u64,
    },
    /// Let the running server load and prove another package, and move to it.
    Swap {
        /// The revision.
        revision: Revision,
        /// The package's identity.
        digest: Blake3Digest,
    },
    /// Record that the revision serves.
    Promote {
        /// The revision.
        revision: u64,
    },
    /// Let a server finish the requests under way, and end it.
    DrainServer {
        /// The revision that it serves.
        revision: u64,
    },
}

/// Plans the way from `observed` to `desired`. Looks at nothing else and changes nothing.
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut steps = Vec::new();
    let mut serving = observed.serving.as_ref();
    if !observed.supervised {
        steps.extend([Step::CheckAddress { http: desired.http }, Step::StartSupervisor]);
    }
    let promoted = observed.current.as_ref();
    if let (None, Some(current)) = (serving, promoted) {
        // What served last serves first, so that there is something to fall back on.
        steps.extend(start(current));
        serving = Some(current);
    }
    steps.extend(reach(desired, serving));
    if promoted.map(|current| current.revision.number) != Some(desired.revision.number) {
        steps.push(Step::Promote { revision: desired.revision.number });
    }
    steps.extend(retire(desired, serving));
    Plan { steps }
}

fn reach(desired: &Desired, serving: Option<&Desired>) -> Vec<Step> {
    match serving {
        Some(serving) if serving.revision.number == desired.revision.number => Vec::new(),
        Some(serving) if can_swap(desired, serving) => {
            vec![Step::Swap { revision: desired.revision.clone(), digest: desired.revision.digest }]
        }
        _ => start(desired).into(),
    }
}

fn retire(desired: &Desired, serving: Option<&Desired>) -> Option<Step> {
    let replaced =
        |serving: &&Desired| serving.revision.number != desired.revision.number && !can_swap(desired, serving);
    serving.filter(replaced).map(|serving| Step::DrainServer { revision: serving.revision.number })
}

fn start(desired: &Desired) -> [Step; 2] {
    let start =
        Step::StartServer { revision: desired.revision.clone(), http: desired.http, backend: desired.backend.clone() };
    [start, Step::WaitReady { revision: desired.revision.number }]
}

/// A process keeps its address, its backend, its policy and the name of its model for life; the rest is swapped inside it.
fn can_swap(desired: &Desired, serving: &Desired) -> bool {
    desired.http == serving.http
        && desired.backend == serving.backend
        && desired.policy == serving.policy
        && desired.revision.package == serving.revision.package
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str("nothing to do\n");
        }
        self.steps.iter().zip(1..).try_for_each(|(step, number): (_, u32)| writeln!(f, "{number}. {step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckAddress { http } => write!(f, "see that {http} is free"),
            Self::StartSupervisor => f.write_str("start a supervisor"),
            Self::StartServer { revision, http, backend } => {
                write!(f, "start a server on {http} with {} (backend {backend})", Named(revision))
            }
            Self::WaitReady { revision } => {
                write!(f, "wait until revision {revision} has proved its golden examples and is ready")
            }
            Self::Swap { revision, .. } => {
                write!(f, "swap the running server to {}", Named(revision))
            }
            Self::Promote { revision } => write!(f, "promote revision {revision}"),
            Self::DrainServer { revision } => {
                write!(f, "drain and end the server of revision {revision}")
            }
        }
    }
}

/// A revision as a person reads it: `digits 1.1.0 (revision 2)`.
pub(crate) struct Named<'a>(pub(crate) &'a Revision);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Revision { number, package, version, .. } = self.0;
        write!(f, "{package} {version} (revision {number})")
    }
}
