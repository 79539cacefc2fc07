//! The history of a deployment: one JSON record on each line, each holding the hash of the one before.
//!
//! ```text
//! {"seq":1,"time":"2026-03-01T12:34:56.789Z","event":{…},"prev":"blake3:…","hash":"blake3:…"}
//! ```
//!
//! `hash` is the BLAKE3 of the same object without `hash`; `prev` of the first record is the BLAKE3 of the
//! deployment's name under a fixed prefix, so that one deployment's history cannot stand in for another's.
//! `history.head` repeats the last hash, so that a history which lost its end is told from one that never had it.
//!
//! The chain shows every change that was made without rewriting all that follows it; whoever can do that, and
//! replaces the head too, is found out only by a hash that was noted elsewhere.

mod text;

use briq_spec::Blake3Digest;
use briq_spec::deployment::{DeploymentName, Desired};
use serde::{Deserialize, Serialize};

use crate::error::{DeployError, DeployErrorKind};
use crate::proposal::Took;
use crate::timestamp::Timestamp;

/// The longest history that is read, in bytes.
pub const MAX_HISTORY_BYTES: u64 = 256 << 20;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Event {
    /// Somebody asked for a revision.
    Proposed {
        /// What was asked for.
        desired: Desired,
        /// By which command.
        cause: Cause,
    },
    /// A supervisor began its work.
    SupervisorStarted {
        /// Its process.
        pid: u32,
    },
    /// A server is ready.
    ServerReady {
        /// What it serves.
        revision: u64,
        /// Its process.
        pid: u32,
    },
    /// A server that was serving ended without being told to.
    ServerLost {
        /// What it served.
        revision: u64,
        /// Its process.
        pid: u32,
        /// How it ended, for a person.
        how: String,
    },
    /// A revision passed every gate and serves.
    Promoted {
        /// The revision.
        revision: u64,
        /// What the rollout took.
        took: Took,
    },
    /// A revision did not pass; what served before goes on serving.
    Refused {
        /// The revision.
        revision: u64,
        /// Why, for a person.
        reason: String,
    },
    /// The supervisor ended in good order, to go on where it was when it is started again.
    SupervisorEnded {
        /// Why, for a person.
        reason: String,
    },
    /// The deployment was ended by command.
    Stopped {},
}

/// The command that a revision comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Cause {
    /// `deploy`.
    Deploy {},
    /// `rollback`.
    Rollback {
        /// The revision whose package and backend it takes up again.
        to: u64,
    },
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Counts up from 1.
    pub seq: u64,
    /// When it was written, by the clock of the machine.
    pub time: Timestamp,
    /// What happened.
    pub event: Event,
    /// The hash of the record before.
    pub prev: Blake3Digest,
    /// The hash of this record.
    pub hash: Blake3Digest,
}

#[derive(Serialize)]
struct Hashed<'a> {
    seq: u64,
    time: Timestamp,
    event: &'a Event,
    prev: Blake3Digest,
}

impl Record {
    fn computed_hash(&self) -> Blake3Digest {
        let Self { seq, time, event, prev, .. } = self;
        hash(&json(&Hashed { seq: *seq, time: *time, event, prev: *prev }))
    }

    fn line(&self) -> Vec<u8> {
        json(self)
    }
}

/// A history whose chain was verified when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct History {
    records: Vec<Record>,
    #[serde(skip)]
    genesis: Blake3Digest,
    #[serde(skip)]
    whole_bytes: u64,
}

impl History {
    pub(crate) fn empty(name: &DeploymentName) -> Self {
        let genesis = hash(format!("briq deployment history 1\n{name}\n").as_bytes());
        Self { records: Vec::new(), genesis, whole_bytes: 0 }
    }

    /// Reads and verifies. What stands after the last line end is a record whose writer was killed: it was never
    /// acknowledged, and is left out.
    ///
    /// # Errors
    /// [`DeployError::is_tampered`], naming the first record that does not hold.
    pub fn verify(name: &DeploymentName, bytes: &[u8]) -> Result<Self, DeployError> {
        let mut history = Self::empty(name);
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        for line in bytes[..whole].split_inclusive(|&byte| byte == b'\n') {
            history.admit(&line[..line.len() - 1]).map_err(|what| history.tampered(name, what))?;
        }
        Ok(history)
    }

    fn admit(&mut self, line: &[u8]) -> Result<(), String> {
        let record: Record = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        if record.line() != line {
            return Err("it is not written as this program writes it".to_owned());
        }
        if record.seq != self.next_seq() {
            return Err(format!("its number is {}", record.seq));
        }
        if record.prev != self.head() {
            return Err("it does not follow the record before".to_owned());
        }
        if record.hash != record.computed_hash() {
            return Err("its content does not have its hash".to_owned());
        }
        self.push(record);
        Ok(())
    }

    pub(crate) fn tampered(&self, name: &DeploymentName, what: String) -> DeployError {
        let kind = DeployErrorKind::Tampered { record: self.next_seq(), what };
        DeployError::new(format!("trust the history of {name}"), kind)
    }

    fn next_seq(&self) -> u64 {
        self.records.last().map_or(1, |last| last.seq + 1)
    }

    fn push(&mut self, record: Record) {
        self.whole_bytes += record.line().len() as u64 + 1;
        self.records.push(record);
    }

    /// The next record, taken up into this history; what is to be written to the file is returned.
    pub(crate) fn extend(&mut self, event: Event, time: Timestamp) -> Vec<u8> {
        let (seq, prev) = (self.next_seq(), self.head());
        let hash = hash(&json(&Hashed { seq, time, event: &event, prev }));
        let record = Record { seq, time, event, prev, hash };
        let mut line = record.line();
        line.push(b'\n');
        self.push(record);
        line
    }

    /// The records, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The hash of the last record: note it elsewhere, and the history up to here can be proved later.
    pub fn head(&self) -> Blake3Digest {
        self.records.last().map_or(self.genesis, |last| last.hash)
    }

    /// Whether `head` was the head of this history, now or at an earlier time.
    pub fn contains(&self, head: &Blake3Digest) -> bool {
        *head == self.genesis || self.records.iter().any(|record| record.hash == *head)
    }

    /// The length of the file up to the end of the last whole record.
    pub(crate) fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }
}

fn hash(bytes: &[u8]) -> Blake3Digest {
    Blake3Digest::from_bytes(*blake3::hash(bytes).as_bytes())
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("records have text keys and no fallible serialiser")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends where it fails")]
    use proptest::prelude::*;

    use super::*;

    fn event() -> impl Strategy<Value = Event> {
        let number = any::<u64>;
        prop_oneof![
            any::<u32>().prop_map(|pid| Event::SupervisorStarted { pid }),
            (number(), any::<u32>()).prop_map(|(revision, pid)| Event::ServerReady { revision, pid }),
            (number(), any::<String>()).prop_map(|(revision, reason)| Event::Refused { revision, reason }),
            (number(), number(), any::<Option<u64>>()).prop_map(|(revision, total_ms, load_ms)| Event::Promoted {
                revision,
                took: Took { total_ms, load_ms, golden_ms: load_ms }
            }),
            Just(Event::Stopped {}),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(events in prop::collection::vec((event(), 0..253_402_300_800_000_u64), 0..8)) {
            let name = "digits".parse().unwrap();
            let mut history = History::empty(&name);
            let mut bytes = Vec::new();
            for (event, ms) in events {
                bytes.extend(history.extend(event, Timestamp::from_unix_ms(ms)));
            }
            let read = History::verify(&name, &bytes).unwrap();
            prop_assert_eq!(read.whole_bytes(), bytes.len() as u64);
            prop_assert_eq!(read, history);
        }

        #[test]
        fn rejects_any_bytes_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
            let mut bytes = bytes;
            bytes.push(b'\n');
            prop_assert!(History::verify(&"digits".parse().unwrap(), &bytes).unwrap_err().is_tampered());
        }
    }
}
