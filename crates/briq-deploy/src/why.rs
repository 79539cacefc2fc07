//! Why a revision serves, or does not: the story that the verified history tells of it.

use std::fmt;

use serde::Serialize;

use crate::history::{Cause, Event, History, Record};
use crate::ledger::{Entry, Ledger, Verdict};
use crate::plan::Named;

/// The story of one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The revision, who asked for it, and what became of it.
    #[serde(flatten)]
    pub entry: Entry,
    /// Whether it is the one that was promoted last, and not stopped.
    pub is_current: bool,
    /// The revision that took its place.
    pub replaced_by: Option<u64>,
    /// The records that tell of it, oldest first.
    pub records: Vec<Record>,
}

impl Explanation {
    pub(crate) fn of(number: u64, history: &History, ledger: &Ledger) -> Option<Self> {
        let entry = ledger.entry(number)?.clone();
        let is_current = ledger.current().is_some_and(|current| current.revision.number == number);
        let replaced = |later: &&Entry| replaces(later, number);
        let replaced_by = ledger.revisions().values().find(replaced).map(|later| later.desired.revision.number);
        let records = history.records().iter().filter(|record| tells_of(record, number)).cloned().collect();
        Some(Self { entry, is_current, replaced_by, records })
    }
}

fn replaces(later: &Entry, number: u64) -> bool {
    matches!(later.verdict, Some(Verdict::Promoted { previous: Some(previous), .. }) if previous == number)
}

fn tells_of(record: &Record, number: u64) -> bool {
    match &record.event {
        Event::Proposed { desired, .. } => desired.revision.number == number,
        Event::Promoted { revision, .. }
        | Event::Refused { revision, .. }
        | Event::ServerReady { revision, .. }
        | Event::ServerLost { revision, .. } => *revision == number,
        _ => false,
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Entry { desired, proposed, .. } = &self.entry;
        writeln!(f, "{}, {}", Named(&desired.revision), desired.revision.digest)?;
        match &self.entry.cause {
            Cause::Deploy {} => writeln!(f, "  {proposed}  asked for by a deployment of {}", desired.revision.source)?,
            Cause::Rollback { to } => writeln!(f, "  {proposed}  asked for by a rollback to revision {to}")?,
        }
        self.write_verdict(f)?;
        for record in &self.records {
            if let Event::ServerLost { pid, how, .. } = &record.event {
                writeln!(f, "  {}  its server (process {pid}) was lost: {how}", record.time)?;
            }
        }
        match (self.is_current, self.replaced_by) {
            (true, _) => writeln!(f, "  it is the current revision"),
            (false, Some(later)) => writeln!(f, "  revision {later} took its place"),
            (false, None) => Ok(()),
        }
    }
}

impl Explanation {
    fn write_verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry.verdict {
            Some(Verdict::Refused { time, reason }) => writeln!(f, "  {time}  refused: {reason}"),
            Some(Verdict::Promoted { time, took, previous }) => {
                write!(f, "  {time}  promoted after {} ms", took.total_ms)?;
                match took.golden_ms {
                    Some(ms) => write!(f, ": its golden examples held on this host ({ms} ms)")?,
                    None => write!(f, ": a new server proved its golden examples on this host")?,
                }
                match previous {
                    Some(previous) => writeln!(f, ", in place of revision {previous}"),
                    None => writeln!(f),
                }
            }
            None => writeln!(f, "  not decided"),
        }
    }
}
