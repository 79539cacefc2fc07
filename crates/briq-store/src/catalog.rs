//! Looking things up in `index.json` without reading it.
//!
//! `index.json` is the truth, and other tools read and write it. A large one has a second file beside it,
//! `index.catalog`: the same entries as a sorted [`Table`], stamped with the file that it was made from. Where the
//! stamp does not fit, or a checksum does not hold, the catalog is made anew; losing it costs that time, no more.
//!
//! Entries are added in front of the others (see [`crate::writer`]), so a catalog stays true of the rest of the file:
//!
//! ```text
//! {"schemaVersion":2,…,"manifests":[␠␠␠␠␠␠␠␠{new},{new},{old},{old},…,{old}]}
//!                                          ^top        ^covered
//! ```
//!
//! What lies between `top` and `covered` is parsed whenever the catalog is opened, and is kept short.

use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::iter::Peekable;
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::PathBuf;

use briq_spec::Sha256Digest;
use semver::Version;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{StoreError, StoreErrorKind};
use crate::index::{self, MAX_INDEX_BYTES, Sort, VersionRecord};
use crate::layout::Layout;
use crate::locks;
use crate::oci::{Descriptor, REF_NAME};
use crate::repository::Repository;
use crate::table::{Builder, Bytes, Group, Row, Table};

/// An index of at least this many bytes has a catalog; a smaller one is parsed in a few milliseconds.
pub(crate) const LARGE: u64 = 1 << 20;
/// What may lie in front of what the catalog covers: this much, or this part of the index where that is more.
const FRESH: u64 = 256 << 10;
const FRESH_PART: u64 = 128;

/// The entries of the index as they were at one moment.
#[derive(Debug)]
pub(crate) struct Catalog {
    path: PathBuf,
    index: Option<File>,
    tables: Vec<Table>,
    stamp: Stamp,
}

/// The state of `index.json` that a catalog was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stamp {
    /// Device, inode, length, seconds and nanoseconds of the last change.
    file: [u64; 5],
    /// Where the first entry begins.
    top: u64,
    /// Where the first entry begins that the table has.
    covered: u64,
    /// CRC-32 of the table.
    table: u32,
}

const MAGIC: &[u8; 8] = b"briqcat1";
/// Bytes of the stamp in the file: magic, the numbers, and CRC-32 of all before it.
const STAMP: usize = 8 + 7 * 8 + 2 * 4;

impl Stamp {
    fn of(metadata: &std::fs::Metadata, top: u64, covered: u64, table: u32) -> Self {
        let (seconds, nanoseconds) = (metadata.ctime() as u64, metadata.ctime_nsec() as u64);
        let file = [metadata.dev(), metadata.ino(), metadata.len(), seconds, nanoseconds];
        Self { file, top, covered, table }
    }

    fn encode(&self) -> [u8; STAMP] {
        let mut bytes = Vec::with_capacity(STAMP);
        bytes.extend(MAGIC);
        for number in self.file.into_iter().chain([self.top, self.covered]) {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.table.to_le_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes.try_into().expect("the parts of a stamp have its length")
    }

    fn decode(bytes: &[u8; STAMP]) -> Option<Self> {
        let number = |at: usize| bytes[8 + 8 * at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let table = bytes[64..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let stamp = Self { file: [0, 1, 2, 3, 4].map(number), top: number(5), covered: number(6), table };
        // Whoever writes what it read has read all of it.
        (stamp.encode() == *bytes).then_some(stamp)
    }
}

impl Catalog {
    /// The entries as they are now. Makes the catalog of a large index anew where it does not fit.
    pub(crate) fn open(layout: &Layout) -> Result<Self, StoreError> {
        match Self::quick(layout) {
            Ok(Some(catalog)) => Ok(catalog),
            // A writer is at work, or was killed, or another tool wrote. Where no lock can be had, nobody writes.
            _ => match locks::own_index(layout) {
                Ok(_held) => Self::open_locked(layout),
                Err(_) => Self::make(layout),
            },
        }
    }

    /// As [`Catalog::open`], for whoever holds the lock of the index.
    pub(crate) fn open_locked(layout: &Layout) -> Result<Self, StoreError> {
        if let Ok(Some(catalog)) = Self::quick(layout) {
            return Ok(catalog);
        }
        Self::make(layout)?.save(layout)
    }

    /// From a small index, or from a catalog that fits; `None` where there is neither.
    fn quick(layout: &Layout) -> Result<Option<Self>, StoreError> {
        let path = layout.index();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Some(Self::empty(path))),
            Err(error) => return Err(StoreError::io("open", &path)(error)),
        };
        let metadata = file.metadata().map_err(StoreError::io("inspect", &path))?;
        if metadata.len() < LARGE {
            return Self::make(layout).map(Some);
        }
        let Some((stamp, table)) =
            saved(layout).filter(|(stamp, _)| *stamp == Stamp::of(&metadata, stamp.top, stamp.covered, stamp.table))
        else {
            return Ok(None);
        };
        let fresh = fresh(&file, stamp.top..stamp.covered, &path)?;
        Ok(Some(Self { path, index: Some(file), tables: vec![fresh, table], stamp }))
    }

    fn empty(path: PathBuf) -> Self {
        Self { path, index: None, tables: Vec::new(), stamp: Stamp::default() }
    }

    /// Reads and sorts the whole index.
    fn make(layout: &Layout) -> Result<Self, StoreError> {
        let path = layout.index();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::empty(path)),
            Err(error) => return Err(StoreError::io("open", &path)(error)),
        };
        let metadata = file.metadata().map_err(StoreError::io("inspect", &path))?;
        if metadata.len() > MAX_INDEX_BYTES {
            let what = format!("it is larger than the limit of {MAX_INDEX_BYTES} bytes");
            return Err(StoreError::corrupt(format!("read {}", path.display()), what));
        }
        let mut bytes = Vec::with_capacity(metadata.len() as usize);
        file.read_to_end(&mut bytes).map_err(StoreError::io("read", &path))?;
        let entries = Entries::parse(&bytes).map_err(json(&path))?;
        let top = entries.manifests.first().map_or(0, |first| place(&bytes, first).start);
        let table = tabulate(&bytes, 0, &entries.manifests, &path)?;
        let table = Table::open(Bytes::Memory(table)).map_err(StoreError::io("sort", &path))?;
        let stamp = Stamp::of(&metadata, top, top, 0);
        Ok(Self { path, index: Some(file), tables: vec![table], stamp })
    }

    /// Keeps what was made for the next one who looks. Where that fails the store is only slower.
    fn save(self, layout: &Layout) -> Result<Self, StoreError> {
        if self.stamp.file[2] < LARGE {
            return Ok(self);
        }
        let Some(Bytes::Memory(table)) = self.tables.first().map(Table::bytes) else { return Ok(self) };
        let stamp = Stamp { table: crc32fast::hash(table), ..self.stamp };
        let bytes = [&stamp.encode(), table.as_slice()].concat();
        // Errors: the disk is full, or the store may not be written. It can be read all the same.
        let _ = layout.replace(&layout.catalog(), &bytes);
        Ok(Self { stamp, ..self })
    }

    /// Notes that an entry was put at `top`, by whoever holds the lock. Readers take the catalog for out of date until
    /// this is done.
    pub(crate) fn grown(&self, layout: &Layout, top: u64) -> Result<(), StoreError> {
        let (path, catalog) = (layout.index(), layout.catalog());
        let metadata = std::fs::metadata(&path).map_err(StoreError::io("inspect", &path))?;
        if self.stamp.covered - top > FRESH.max(metadata.len() / FRESH_PART) {
            return Self::make(layout)?.save(layout).map(drop);
        }
        let stamp = Stamp::of(&metadata, top, self.stamp.covered, self.stamp.table);
        let file = OpenOptions::new().write(true).open(&catalog);
        let written = file.and_then(|file| file.write_all_at(&stamp.encode(), 0));
        // A catalog that cannot be stamped does not fit any more, which is no error.
        written.or(Ok(()))
    }

    /// Where the first entry begins, if the index is large enough to grow in place.
    pub(crate) fn top(&self) -> Option<u64> {
        (self.stamp.file[2] >= LARGE && self.stamp.top > 0).then_some(self.stamp.top)
    }

    fn read<T>(&self, what: std::io::Result<T>) -> Result<T, StoreError> {
        what.map_err(|error| StoreError::io("look into", &self.path)(error))
    }

    /// Every repository, sorted.
    pub(crate) fn repositories(&self) -> Result<Vec<Repository>, StoreError> {
        let mut all = Vec::new();
        for table in &self.tables {
            for number in 0..table.groups() {
                all.extend(self.read(table.group(number))?.repository);
            }
        }
        all.sort();
        all.dedup();
        Ok(all)
    }

    /// Where the rows of a repository are.
    fn groups(&self, repository: &Repository) -> Result<Vec<(&Table, Group)>, StoreError> {
        let found =
            self.tables.iter().map(|table| Some((table, self.read(table.find_group(Some(repository))).transpose()?)));
        found.flatten().map(|(table, group)| Ok((table, group?))).collect()
    }

    /// Rows of several tables, which are sorted each, in one order.
    fn merged<'a, I>(
        &'a self,
        parts: Vec<I>,
        direction: Ordering,
    ) -> impl Iterator<Item = Result<Row, StoreError>> + use<'a, I>
    where
        I: Iterator<Item = std::io::Result<Row>> + 'a,
    {
        let mut parts: Vec<_> = parts.into_iter().map(Iterator::peekable).collect();
        std::iter::from_fn(move || next(&mut parts, direction)).map(|row| self.read(row))
    }

    /// Every entry of a repository: versions by precedence, then tags, then what has no tag.
    pub(crate) fn rows<'a>(
        &'a self,
        repository: &Repository,
    ) -> Result<impl Iterator<Item = Result<Row, StoreError>> + use<'a>, StoreError> {
        let parts = self.groups(repository)?.into_iter().map(|(table, group)| table.rows(group.rows));
        Ok(self.merged(parts.collect(), Ordering::Less))
    }

    /// The tags of a repository that are no versions.
    pub(crate) fn tags<'a>(
        &'a self,
        repository: &Repository,
    ) -> Result<impl Iterator<Item = Result<Row, StoreError>> + use<'a>, StoreError> {
        let parts = self.groups(repository)?.into_iter().map(|(table, group)| table.rows(group.others()));
        let rows = self.merged(parts.collect(), Ordering::Less);
        Ok(rows.take_while(|row| row.as_ref().map_or(true, |row| matches!(row.sort, Sort::Tag(_)))))
    }

    /// The versions of a repository, lowest first.
    pub(crate) fn versions<'a>(
        &'a self,
        repository: &Repository,
    ) -> Result<impl Iterator<Item = Result<VersionRecord, StoreError>> + use<'a>, StoreError> {
        let parts = self.groups(repository)?.into_iter().map(|(table, group)| table.rows(group.versions()));
        let rows = self.merged(parts.collect(), Ordering::Less);
        Ok(rows.map(|row| self.version_record(&row?)))
    }

    /// The versions of a repository, highest first.
    pub(crate) fn versions_back<'a>(
        &'a self,
        repository: &Repository,
    ) -> Result<impl Iterator<Item = Result<VersionRecord, StoreError>> + use<'a>, StoreError> {
        let parts = self.groups(repository)?.into_iter().map(|(table, group)| table.rows_back(group.versions()));
        let rows = self.merged(parts.collect(), Ordering::Greater);
        Ok(rows.map(|row| self.version_record(&row?)))
    }

    /// The versions above a version, lowest first.
    pub(crate) fn above<'a>(
        &'a self,
        repository: &Repository,
        version: &Version,
    ) -> Result<impl Iterator<Item = Result<VersionRecord, StoreError>> + use<'a>, StoreError> {
        self.beside(repository, version, Ordering::Less)
    }

    /// The versions below a version, highest first.
    pub(crate) fn below<'a>(
        &'a self,
        repository: &Repository,
        version: &Version,
    ) -> Result<impl Iterator<Item = Result<VersionRecord, StoreError>> + use<'a>, StoreError> {
        self.beside(repository, version, Ordering::Greater)
    }

    fn beside<'a>(
        &'a self,
        repository: &Repository,
        version: &Version,
        direction: Ordering,
    ) -> Result<impl Iterator<Item = Result<VersionRecord, StoreError>> + use<'a>, StoreError> {
        let wanted = Sort::Version(version.clone());
        let mut parts = Vec::new();
        for (table, group) in self.groups(repository)? {
            let versions = group.versions();
            let side: Box<dyn Iterator<Item = std::io::Result<Row>> + 'a> =
                match self.read(table.find(&group, &wanted))? {
                    Ok(at) if direction.is_lt() => Box::new(table.rows(at + 1..versions.end)),
                    Err(at) if direction.is_lt() => Box::new(table.rows(at..versions.end)),
                    Ok(at) | Err(at) => Box::new(table.rows_back(versions.start..at)),
                };
            parts.push(side);
        }
        Ok(self.merged(parts, direction).map(|row| self.version_record(&row?)))
    }

    /// The record of a row of a package.
    pub(crate) fn record(&self, row: &Row) -> Result<Option<VersionRecord>, StoreError> {
        match row.record() {
            Some(record) => Ok(Some(record)),
            None => index::record(&self.descriptor(row)?),
        }
    }

    fn version_record(&self, row: &Row) -> Result<VersionRecord, StoreError> {
        self.record(row)?.ok_or_else(|| self.contradicted())
    }

    /// The entry with a tag.
    pub(crate) fn tagged(&self, repository: &Repository, tag: &str) -> Result<Option<Row>, StoreError> {
        let version = index::version_of(tag).map(Sort::Version);
        let wanted = [Sort::Tag(tag.to_owned()), Sort::Malformed(tag.to_owned())];
        self.find(Some(repository), version.as_ref().into_iter().chain(&wanted))
    }

    /// The version with a number.
    pub(crate) fn version(
        &self,
        repository: &Repository,
        version: &Version,
    ) -> Result<Option<VersionRecord>, StoreError> {
        let found = self.tagged(repository, &index::tag_of(version))?;
        let found = found.filter(|row| row.sort.is_version());
        found.map(|row| self.version_record(&row)).transpose()
    }

    fn find<'s>(
        &self,
        repository: Option<&Repository>,
        wanted: impl Iterator<Item = &'s Sort>,
    ) -> Result<Option<Row>, StoreError> {
        for sort in wanted {
            for table in &self.tables {
                let Some(group) = self.read(table.find_group(repository))? else { continue };
                if let Ok(number) = self.read(table.find(&group, sort))? {
                    return self.read(table.row(number)).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// Whether there is an entry of the same name.
    pub(crate) fn has(&self, entry: &Descriptor) -> Result<bool, StoreError> {
        let (repository, row) = index::row(entry, 0..0);
        let same = match (&repository, index::tag_of_entry(entry)) {
            (Some(repository), Some(tag)) => self.tagged(repository, &tag)?,
            _ => self.find(repository.as_ref(), std::iter::once(&row.sort))?,
        };
        let foreign = Sort::Tag(entry.annotation(REF_NAME).unwrap_or_default().to_owned());
        Ok(same.is_some() || self.find(None, std::iter::once(&foreign))?.is_some())
    }

    /// The rows of a repository that are of a manifest, or about a package or subject; of all of them if none is given.
    pub(crate) fn about(&self, repository: Option<&Repository>, digest: &[u8; 32]) -> Result<Vec<Row>, StoreError> {
        let mut found = Vec::new();
        for table in &self.tables {
            let range = match repository {
                None => 0..u32::MAX,
                Some(_) => match self.read(table.find_group(repository))? {
                    Some(group) => group.rows,
                    None => continue,
                },
            };
            for number in self.read(table.about(digest))?.into_iter().filter(|number| range.contains(number)) {
                found.push(self.read(table.row(number))?);
            }
        }
        Ok(found)
    }

    /// The version that has a manifest.
    pub(crate) fn version_with(
        &self,
        repository: &Repository,
        manifest: &Sha256Digest,
    ) -> Result<Option<VersionRecord>, StoreError> {
        let rows = self.about(Some(repository), manifest.as_bytes())?;
        let row = rows.into_iter().find(|row| row.manifest == *manifest && row.sort.is_version());
        row.map(|row| self.version_record(&row)).transpose()
    }

    /// The entry itself.
    pub(crate) fn descriptor(&self, row: &Row) -> Result<Descriptor, StoreError> {
        let file = self.index.as_ref().ok_or_else(|| self.contradicted())?;
        let mut bytes = vec![0; (row.place.end - row.place.start) as usize];
        self.read(file.read_exact_at(&mut bytes, row.place.start))?;
        let entry: Descriptor = serde_json::from_slice(&bytes).map_err(json(&self.path))?;
        if entry.digest == row.manifest { Ok(entry) } else { Err(self.contradicted()) }
    }

    fn contradicted(&self) -> StoreError {
        StoreError::corrupt(format!("look into {}", self.path.display()), "it was changed while it was read")
    }
}

/// The first of several sorted sequences' next rows; an error comes before everything else.
fn next<I>(parts: &mut [Peekable<I>], direction: Ordering) -> Option<std::io::Result<Row>>
where
    I: Iterator<Item = std::io::Result<Row>>,
{
    let mut best: Option<(usize, Sort)> = None;
    for (number, part) in parts.iter_mut().enumerate() {
        match part.peek() {
            None => {}
            Some(Err(_)) => return part.next(),
            Some(Ok(row)) if best.as_ref().is_none_or(|(_, sort)| row.sort.cmp(sort) == direction) => {
                best = Some((number, row.sort.clone()));
            }
            Some(Ok(_)) => {}
        }
    }
    parts[best?.0].next()
}

/// What a reader of the index's entries needs of it.
#[derive(Deserialize)]
struct Entries<'a> {
    #[serde(borrow)]
    manifests: Vec<&'a RawValue>,
}

impl<'a> Entries<'a> {
    fn parse(bytes: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes)
    }
}

/// Where an entry stands in the bytes that it was parsed from.
fn place(bytes: &[u8], entry: &RawValue) -> Range<u64> {
    let start = entry.get().as_ptr() as usize - bytes.as_ptr() as usize;
    start as u64..(start + entry.get().len()) as u64
}

/// The table of entries that were parsed from `bytes`, which begin at `base` in the file.
fn tabulate(bytes: &[u8], base: u64, entries: &[&RawValue], path: &std::path::Path) -> Result<Vec<u8>, StoreError> {
    let mut builder = Builder::default();
    for raw in entries {
        let entry: Descriptor = serde_json::from_str(raw.get()).map_err(json(path))?;
        let Range { start, end } = place(bytes, raw);
        let (repository, row) = index::row(&entry, base + start..base + end);
        builder.add(repository, row);
    }
    let full = || StoreError::corrupt(format!("read {}", path.display()), "it has more entries than can be numbered");
    builder.encode().ok_or_else(full)
}

/// The entries that were added since the catalog was made.
fn fresh(file: &File, range: Range<u64>, path: &std::path::Path) -> Result<Table, StoreError> {
    let length = range.end.checked_sub(range.start).filter(|length| *length <= MAX_INDEX_BYTES);
    let length =
        length.ok_or_else(|| StoreError::corrupt(format!("read {}", path.display()), "its catalog is damaged"))?;
    // The commas stand behind the entries; the brackets take the place of what is around them.
    let mut bytes = vec![b' '; length as usize + 2];
    file.read_exact_at(&mut bytes[1..=length as usize], range.start).map_err(StoreError::io("read", path))?;
    if let Some(comma) = bytes.iter().rposition(|byte| !byte.is_ascii_whitespace()).filter(|_| length > 0) {
        bytes[comma] = b' ';
    }
    (bytes[0], bytes[length as usize + 1]) = (b'[', b']');
    let entries: Vec<&RawValue> = serde_json::from_slice(&bytes).map_err(json(path))?;
    let table = tabulate(&bytes, range.start.saturating_sub(1), &entries, path)?;
    Table::open(Bytes::Memory(table)).map_err(StoreError::io("sort", path))
}

/// The catalog that is there, if it is whole.
fn saved(layout: &Layout) -> Option<(Stamp, Table)> {
    let file = File::open(layout.catalog()).ok()?;
    let mut bytes = [0; STAMP];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let stamp = Stamp::decode(&bytes)?;
    let whole = checksum(&file).ok()? == stamp.table;
    whole.then(|| Table::open(Bytes::File(file, STAMP as u64)).ok()).flatten().map(|table| (stamp, table))
}

/// CRC-32 of all behind the stamp.
fn checksum(file: &File) -> std::io::Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    let (mut at, mut buffer) = (STAMP as u64, vec![0; 128 << 10]);
    loop {
        match file.read_at(&mut buffer, at)? {
            0 => return Ok(hasher.finalize()),
            count => {
                hasher.update(&buffer[..count]);
                at += count as u64;
            }
        }
    }
}

fn json(path: &std::path::Path) -> impl Fn(serde_json::Error) -> StoreError {
    move |error| StoreError::new(format!("read {}", path.display()), StoreErrorKind::Json(error))
}
