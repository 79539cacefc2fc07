//! The two locks of a store. Both are advisory file locks: the kernel drops them with the process that held them.
//!
//! Order: `contents` before `index`. Nobody takes them the other way round.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;

use crate::error::{StoreError, StoreErrorKind};
use crate::layout::Layout;

/// Held, shared, by everyone who adds content; held, exclusively, by garbage collection.
const CONTENTS: &str = "contents.lock";
/// Held by whoever reads `index.json` in order to replace it.
const INDEX: &str = "index.lock";

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(crate) struct Held(#[expect(dead_code, reason = "the open file is the lock")] File);

/// Waits for a running collection to end.
pub(crate) fn share_contents(layout: &Layout) -> Result<Held, StoreError> {
    let (file, path) = open(layout, CONTENTS)?;
    file.lock_shared().map_err(StoreError::io("lock", &path))?;
    Ok(Held(file))
}

/// Does not wait: a pull can take hours, and a collection can be done another time.
pub(crate) fn own_contents(layout: &Layout, doing: &str) -> Result<Held, StoreError> {
    let (file, path) = open(layout, CONTENTS)?;
    match file.try_lock() {
        Ok(()) => Ok(Held(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::new(doing, StoreErrorKind::Busy)),
        Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path)(error)),
    }
}

/// Waits for other writers of the index: each of them holds it for milliseconds.
pub(crate) fn own_index(layout: &Layout) -> Result<Held, StoreError> {
    let (file, path) = open(layout, INDEX)?;
    file.lock().map_err(StoreError::io("lock", &path))?;
    Ok(Held(file))
}

fn open(layout: &Layout, name: &str) -> Result<(File, PathBuf), StoreError> {
    let path = layout.root().join(name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(StoreError::io("open", &path))?;
    Ok((file, path))
}
