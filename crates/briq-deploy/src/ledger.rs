//! What a history adds up to: the state of a deployment is a fold over its records, nothing else.
//!
//! A process that is killed between two steps therefore leaves no state that could disagree with the log: the files
//! `desired.json` and `current.json` are copies for people and tools, written after the fact.

use std::collections::BTreeMap;

use briq_spec::deployment::Desired;
use serde::{Deserialize, Serialize};

use crate::history::{Cause, Event, History, Record};
use crate::proposal::Took;
use crate::timestamp::Timestamp;

/// The revisions of a deployment and where they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    revisions: BTreeMap<u64, Entry>,
    desired: Option<u64>,
    current: Option<u64>,
    down: Option<Timestamp>,
    stopped: bool,
}

/// A revision and its fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What was asked for.
    pub desired: Desired,
    /// By which command.
    pub cause: Cause,
    /// When.
    pub proposed: Timestamp,
    /// What became of it; `None` while it is undecided, or when a later one took its place before it was tried.
    pub verdict: Option<Verdict>,
}

/// What became of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// It passed every gate and served.
    Promoted {
        /// When.
        time: Timestamp,
        /// What the rollout took.
        took: Took,
        /// The revision that served before.
        previous: Option<u64>,
    },
    /// It did not pass.
    Refused {
        /// When.
        time: Timestamp,
        /// Why, for a person.
        reason: String,
    },
}

impl Ledger {
    /// Adds up a history.
    pub fn of(history: &History) -> Self {
        let mut ledger = Self::default();
        history.records().iter().for_each(|record| ledger.apply(record));
        ledger
    }

    /// Takes up one more record.
    pub(crate) fn apply(&mut self, record: &Record) {
        let time = record.time;
        match &record.event {
            Event::Proposed { desired, cause } => self.propose(desired.clone(), cause.clone(), time),
            Event::Promoted { revision, took } => self.promote(*revision, *took, time),
            Event::Refused { revision, reason } => self.refuse(*revision, reason.clone(), time),
            Event::Stopped {} => self.stop(),
            Event::SupervisorStarted { .. } => self.down = None,
            Event::SupervisorEnded { .. } => self.down = Some(time),
            Event::ServerReady { .. } | Event::ServerLost { .. } => {}
        }
    }

    fn propose(&mut self, desired: Desired, cause: Cause, proposed: Timestamp) {
        let number = desired.revision.number;
        self.revisions.insert(number, Entry { desired, cause, proposed, verdict: None });
        self.desired = Some(number);
        self.stopped = false;
    }

    fn promote(&mut self, number: u64, took: Took, time: Timestamp) {
        let previous = self.current;
        self.decide(number, Verdict::Promoted { time, took, previous });
        self.current = Some(number);
    }

    fn refuse(&mut self, number: u64, reason: String, time: Timestamp) {
        self.decide(number, Verdict::Refused { time, reason });
        if self.desired == Some(number) {
            self.desired = self.current;
        }
    }

    fn decide(&mut self, number: u64, verdict: Verdict) {
        if let Some(entry) = self.revisions.get_mut(&number) {
            entry.verdict = Some(verdict);
        }
    }

    fn stop(&mut self) {
        self.stopped = true;
        self.desired = None;
        self.current = None;
    }

    /// Every revision, by number.
    pub fn revisions(&self) -> &BTreeMap<u64, Entry> {
        &self.revisions
    }

    /// The revision with this number.
    pub fn entry(&self, number: u64) -> Option<&Entry> {
        self.revisions.get(&number)
    }

    /// The revision that is to serve; `None` before the first, and when the deployment was ended by command.
    pub fn desired(&self) -> Option<&Desired> {
        self.desired.and_then(|number| self.entry(number)).map(|entry| &entry.desired)
    }

    /// The revision that was promoted last and is not ended by command.
    pub fn current(&self) -> Option<&Desired> {
        self.current.and_then(|number| self.entry(number)).map(|entry| &entry.desired)
    }

    /// What is to serve and was neither promoted nor refused.
    pub fn undecided(&self) -> Option<&Desired> {
        let entry = self.desired.and_then(|number| self.entry(number))?;
        entry.verdict.is_none().then_some(&entry.desired)
    }

    /// Whether the deployment was ended by command.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// When the supervisor last ended in good order without a command to stop, such as at a shutdown.
    pub fn down_since(&self) -> Option<Timestamp> {
        self.down
    }

    /// The number for the next revision.
    pub fn next_number(&self) -> u64 {
        self.revisions.last_key_value().map_or(1, |(last, _)| last + 1)
    }

    /// What a rollback without a number goes back to: the revision that served before the present one (or, when the
    /// deployment was ended, before the last one) and was something else.
    pub fn previous(&self) -> Option<&Entry> {
        let served = |entry: &&Entry| matches!(entry.verdict, Some(Verdict::Promoted { .. }));
        let mut newest_first = self.revisions.values().rev().filter(served);
        let last = newest_first.next()?;
        newest_first.find(|entry| !same_content(&entry.desired, &last.desired))
    }
}

fn same_content(one: &Desired, other: &Desired) -> bool {
    one.revision.digest == other.revision.digest && one.backend == other.backend
}
