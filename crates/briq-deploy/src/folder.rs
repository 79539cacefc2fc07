//! The folder of a deployment: its files, how they are written so that a kill leaves none half-written, its locks.
//!
//! ```text
//! HOME/deployments/NAME/
//!   history.jsonl  history.head         the log, and the hash of its last record
//!   desired.json  current.json          copies of what the log adds up to, for people and tools
//!   command.lock  history.lock  supervisor.lock      held with flock: a lock ends with its process
//!   control.sock  server-N.sock         the supervisor's and the servers' control sockets
//!   supervisor.log  server.log
//! ```

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use briq_spec::Blake3Digest;
use briq_spec::deployment::DeploymentName;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::error::{DeployError, DeployErrorKind};
use crate::history::{Event, History, MAX_HISTORY_BYTES};
use crate::ledger::Ledger;
use crate::timestamp::Timestamp;

/// A log that is larger than this is moved aside when its writer starts.
const MAX_LOG_BYTES: u64 = 16 << 20;

/// The folder that holds every deployment of a home.
pub(crate) fn deployments(home: &Path) -> PathBuf {
    home.join("deployments")
}

#[derive(Debug, Clone)]
pub(crate) struct Folder {
    name: DeploymentName,
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(home: &Path, name: DeploymentName) -> Self {
        let path = deployments(home).join(name.as_str());
        Self { name, path }
    }

    pub(crate) fn name(&self) -> &DeploymentName {
        &self.name
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Creates the folder for its owner alone: who may write to its sockets may stop the deployment.
    pub(crate) fn create(&self) -> Result<(), DeployError> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&self.path).map_err(DeployError::io("create", &self.path))
    }

    /// Waits for the lock, or fails at once with `None`.
    pub(crate) fn lock(&self, name: &str, wait: bool) -> Result<Option<File>, DeployError> {
        let path = self.file(name);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(DeployError::io("open", &path))?;
        let locked = if wait { file.lock().map_err(TryLockError::Error) } else { file.try_lock() };
        match locked {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(DeployError::io("lock", &path)(error)),
        }
    }

    /// Whether a process holds the lock. Takes it shared for a moment, so that two who ask do not see each other.
    pub(crate) fn is_locked(&self, name: &str) -> Result<bool, DeployError> {
        let path = self.file(name);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            opened => opened.map_err(DeployError::io("open", &path))?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(DeployError::io("lock", &path)(error)),
        }
    }

    /// The verified history; empty where there is none.
    pub(crate) fn history(&self) -> Result<History, DeployError> {
        // The head is read first: a record that is written meanwhile is then seen beyond it, never missing.
        let head = self.head()?;
        let history = History::verify(&self.name, &self.history_bytes()?)?;
        match head {
            Some(head) if !history.contains(&head) => {
                Err(history.tampered(&self.name, "it was there once and is missing now".to_owned()))
            }
            _ => Ok(history),
        }
    }

    /// The history of a deployment that must exist.
    pub(crate) fn existing_history(&self) -> Result<History, DeployError> {
        let history = self.history()?;
        if history.records().is_empty() {
            return Err(DeployError::new(format!("find {}", self.name), DeployErrorKind::NotFound));
        }
        Ok(history)
    }

    fn history_bytes(&self) -> Result<Vec<u8>, DeployError> {
        let path = self.file("history.jsonl");
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_HISTORY_BYTES + 1).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(bytes),
            Err(error) => Err(DeployError::io("read", &path)(error)),
            Ok(_) if bytes.len() as u64 > MAX_HISTORY_BYTES => {
                let kind = DeployErrorKind::Failed(format!("it is longer than {MAX_HISTORY_BYTES} bytes"));
                Err(DeployError::new(format!("read {}", path.display()), kind))
            }
            Ok(_) => Ok(bytes),
        }
    }

    fn head(&self) -> Result<Option<Blake3Digest>, DeployError> {
        let path = self.file("history.head");
        match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DeployError::io("read", &path)(error)),
            Ok(text) => match text.trim_end().parse() {
                Ok(head) => Ok(Some(head)),
                Err(_) => {
                    let what = "history.head holds no digest".to_owned();
                    Err(History::empty(&self.name).tampered(&self.name, what))
                }
            },
        }
    }

    /// Appends to the history under its lock, durably, and rewrites what the history adds up to.
    ///
    /// One `write` of one line, then `fsync`: a kill leaves the record whole or, at worst, a line without its end,
    /// which readers leave out and the next append cuts off.
    pub(crate) fn record(&self, event: Event) -> Result<Ledger, DeployError> {
        let _lock = self.lock("history.lock", true)?;
        let mut history = self.history()?;
        let path = self.file("history.jsonl");
        let end = history.whole_bytes();
        let line = history.extend(event, Timestamp::now());
        append(&path, end, &line).map_err(DeployError::io("append to", &path))?;
        self.write("history.head", format!("{}\n", history.head()).as_bytes())?;
        let ledger = Ledger::of(&history);
        self.write_copies(&ledger)?;
        Ok(ledger)
    }

    /// Writes `desired.json` and `current.json`.
    pub(crate) fn write_copies(&self, ledger: &Ledger) -> Result<(), DeployError> {
        self.write_json("desired.json", &ledger.desired())?;
        self.write_json("current.json", &ledger.current())
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), DeployError> {
        let text = serde_json::to_string_pretty(value).expect("a deployment has text keys");
        self.write(name, format!("{text}\n").as_bytes())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DeployError> {
        let path = self.file(name);
        replace(&self.path, &path, bytes).map_err(DeployError::io("write", &path))
    }

    /// Opens a log to append to, after moving a long one aside. Returns its present length.
    pub(crate) fn log(&self, name: &str) -> Result<(File, u64), DeployError> {
        let path = self.file(name);
        let length = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if length > MAX_LOG_BYTES {
            let aside = self.file(&format!("{name}.1"));
            std::fs::rename(&path, &aside).map_err(DeployError::io("move aside", &path))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(DeployError::io("open", &path))?;
        let length = file.metadata().map_err(DeployError::io("read", &path))?.len();
        Ok((file, length))
    }

    /// The end of a log from `start` on: at most 4 KiB, whole lines.
    pub(crate) fn log_tail(&self, name: &str, start: u64) -> String {
        read_tail(&self.file(name), start).unwrap_or_default()
    }
}

fn append(path: &Path, end: u64, line: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(line)?;
    file.sync_all()
}

fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}

fn read_tail(path: &Path, start: u64) -> std::io::Result<String> {
    const MAX_TAIL: u64 = 4096;
    let mut file = File::open(path)?;
    let from = start.max(file.metadata()?.len().saturating_sub(MAX_TAIL));
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MAX_TAIL).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let whole = if from > start { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
    Ok(whole.trim_end().to_owned())
}
