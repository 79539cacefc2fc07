//! The history as a person reads it.

use std::fmt;

use super::{Cause, Event, Record};
use crate::plan::Named;

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>4}  {}  {}", self.seq, self.time, self.event)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proposed { desired, cause } => write!(f, "{} asked for, by {cause}", Named(&desired.revision)),
            Self::SupervisorStarted { pid } => write!(f, "supervisor started (process {pid})"),
            Self::ServerReady { revision, pid } => write!(f, "server of revision {revision} ready (process {pid})"),
            Self::ServerLost { revision, pid, how } => {
                write!(f, "server of revision {revision} lost (process {pid}): it {how}")
            }
            Self::Promoted { revision, took } => write!(f, "revision {revision} promoted after {} ms", took.total_ms),
            Self::Refused { revision, reason } => write!(f, "revision {revision} refused: {reason}"),
            Self::SupervisorEnded { reason } => write!(f, "supervisor ended: {reason}"),
            Self::Stopped {} => f.write_str("stopped"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deploy {} => f.write_str("a deployment"),
            Self::Rollback { to } => write!(f, "a rollback to revision {to}"),
        }
    }
}
