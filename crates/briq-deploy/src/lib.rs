//! Deploys Briq packages on this machine.

mod address;
mod folder;
mod link;
mod pause;
mod protocol;
mod socket;

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

pub use crate::deployment::Deployment;
pub use crate::error::{DeployError, DeployErrorKind};
pub use crate::history::{Cause, Event, History, Record};
pub use crate::plan::{Observed, Plan, Step, plan};
pub use crate::proposal::{Launch, Outcome, Promoted, Proposal, Took};
pub use crate::status::{Health, ServerStatus, Status};
pub use crate::timestamp::Timestamp;
pub use crate::unit::systemd_unit;
pub use crate::why::Explanation;
