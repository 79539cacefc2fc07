//! Deploys Briq packages on this machine: a supervised server, updates without a dropped request, rollbacks, and a
//! history that can be proved.
//!
//! A deployment is a folder, `HOME/deployments/NAME`, with a log in it. Everything else follows from three choices.
//!
//! - *The log is the state.* Each thing that is asked for or happens is one record, chained to the one before by its
//!   hash ([`history`]). What is to serve and what served last is a fold over the records ([`ledger`]), so no kill
//!   can leave two files that disagree.
//! - *What to do is planned, not remembered.* [`plan()`] turns what is desired and what is observed into [`Step`]s,
//!   and looks at nothing else. The supervisor plans anew after every event; one that was killed and started again
//!   does what one that lived on would do.
//! - *The supervisor holds the socket.* Servers inherit it ([`supervisor`]). While one restarts, connections wait in
//!   the backlog; while one is replaced, two accept from it.
//!
//! A revision serves only after it was loaded and its golden examples were replayed on this host, by the server that
//! is to serve it. One that fails is recorded as refused, and what served before serves on. A rollback is a new
//! revision through the same gates.
//!
//! It refuses to know what a package is or how it is served: a supervisor starts a command line
//! ([the contract](supervisor#the-servers-command-line)) and speaks [`briq_spec::control`] with it. It refuses to
//! act on a history that was changed. It reaches no network and needs no asynchronous runtime. It needs Linux: the
//! kernel ends a server whose supervisor dies, and names processes by descriptors that are never given to another.
//!
//! # Example
//!
//! ```
//! use briq_deploy::{Deployment, Proposal};
//! use briq_spec::Blake3Digest;
//!
//! # let folder = tempfile::tempdir()?;
//! # let home = folder.path();
//! let deployment = Deployment::at(home, "digits".parse()?);
//! let proposal = Proposal {
//!     package: "digits".parse()?,
//!     version: "1.0.0".parse()?,
//!     digest: Blake3Digest::from_bytes([7; 32]),
//!     source: "digits@^1".to_owned(),
//!     http: "127.0.0.1:8080".parse()?,
//!     backend: "flex".to_owned(),
//!     policy: None,
//! };
//! let plan = deployment.plan(&proposal)?; // changes nothing
//! assert_eq!(
//!     plan.to_string(),
//!     "1. see that 127.0.0.1:8080 is free\n\
//!      2. start a supervisor\n\
//!      3. start a server on 127.0.0.1:8080 with digits 1.0.0 (revision 1) (backend flex)\n\
//!      4. wait until revision 1 has proved its golden examples and is ready\n\
//!      5. promote revision 1\n"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Deployment::deploy`] carries it out; `examples/smallest` is a whole program around it.
//!
//! Foreign types in the public interface: [`briq_spec`]'s, and `serde` implementations.

pub mod plan;
pub mod proposal;

pub mod history;
pub mod ledger;
pub mod timestamp;

pub mod deployment;
pub mod status;
pub mod why;

pub mod supervisor;
pub mod unit;

mod error;

mod folder;

mod link;
mod protocol;
mod socket;

mod address;
mod pause;

pub use crate::deployment::Deployment;
pub use crate::error::{DeployError, DeployErrorKind};
pub use crate::history::{Cause, Event, History, Record};
pub use crate::ledger::{Entry, Ledger, Verdict};
pub use crate::plan::{Observed, Plan, Step, plan};
pub use crate::proposal::{Launch, Outcome, Promoted, Proposal, Took};
pub use crate::status::{Health, ServerStatus, Status};
pub use crate::timestamp::Timestamp;
pub use crate::unit::systemd_unit;
pub use crate::why::Explanation;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
