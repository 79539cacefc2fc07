//! A sorted table of what an index names: found by binary search, listed in constant memory.
//!
//! The table lies in memory, or in a file of which only what is asked for is read. Its form, all numbers little-endian:
//!
//! ```text
//! head        where each part begins, and how many there are of each
//! groups      24 bytes for each repository, sorted: where its texts and rows are
//! rows        104 bytes for each entry: versions by precedence, then tags, then what has no tag
//! digests     36 bytes for each digest, sorted: of a manifest, a package or a subject, and the number of its row
//! texts       names of repositories; for each row its version or tag
//! ```
//!
//! Nothing in it is trusted to be in bounds, although whoever opens the file has compared its checksum.

use std::cmp::Ordering;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use briq_spec::{Blake3Digest, Sha256Digest};
use semver::Version;

use crate::index::{Sort, VersionRecord};
use crate::repository::Repository;

/// Bytes of the head.
const HEAD: usize = 24;
const GROUP: usize = 24;
const ROW: usize = 104;
const DIGEST: usize = 36;
/// Rows that are read at a time where many are wanted.
const BLOCK: u32 = 256;

/// One entry of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// What the entry is, with the version or tag it is found by.
    pub(crate) sort: Sort,
    /// SHA-256 of the manifest.
    pub(crate) manifest: Sha256Digest,
    /// BLAKE3 of the package, or SHA-256 of the subject of what is no package.
    pub(crate) about: Option<[u8; 32]>,
    /// Bytes of the package.
    pub(crate) size: u64,
    /// When the version came into the store.
    pub(crate) published: u64,
    /// Whether the version is yanked.
    pub(crate) yanked: bool,
    /// Where the entry stands in `index.json`.
    pub(crate) place: Range<u64>,
}

impl Row {
    /// The version that the row is of, if it is of one.
    pub(crate) fn record(&self) -> Option<VersionRecord> {
        let Sort::Version(version) = &self.sort else { return None };
        Some(VersionRecord {
            version: version.clone(),
            digest: Blake3Digest::from_bytes(self.about?),
            manifest: self.manifest,
            size: self.size,
            yanked: self.yanked,
            published: self.published,
        })
    }
}

/// Where the table is.
#[derive(Debug)]
pub(crate) enum Bytes {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file, behind this many bytes.
    File(File, u64),
}

impl Bytes {
    fn read(&self, at: u64, length: usize) -> std::io::Result<Vec<u8>> {
        match self {
            Self::File(file, base) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, base.saturating_add(at))?;
                Ok(bytes)
            }
            Self::Memory(all) => {
                let end = usize::try_from(at).ok().and_then(|start| Some(start..start.checked_add(length)?));
                end.and_then(|range| all.get(range)).map(<[u8]>::to_vec).ok_or_else(damaged)
            }
        }
    }
}

/// The table.
#[derive(Debug)]
pub(crate) struct Table {
    bytes: Bytes,
    groups: u32,
    rows: u32,
    digests: u32,
    texts: u64,
}

/// The rows of one repository, by their numbers.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// The repository; none holds the entries of other tools.
    pub(crate) repository: Option<Repository>,
    /// Its rows.
    pub(crate) rows: Range<u32>,
    /// Those of them that are versions: they come first.
    versions: u32,
}

impl Group {
    /// The rows of its versions.
    pub(crate) fn versions(&self) -> Range<u32> {
        self.rows.start..self.versions
    }

    /// The rows of its tags, and after them those without a tag.
    pub(crate) fn others(&self) -> Range<u32> {
        self.versions..self.rows.end
    }
}

impl Table {
    /// Opens a table that [`Table::encode`] has written.
    pub(crate) fn open(bytes: Bytes) -> std::io::Result<Self> {
        let head = bytes.read(0, HEAD)?;
        let table = Self {
            groups: u32_at(&head, 0)?,
            rows: u32_at(&head, 4)?,
            digests: u32_at(&head, 8)?,
            texts: u64_at(&head, 16)?,
            bytes,
        };
        let begin = table.digests_at() + u64::from(table.digests) * DIGEST as u64;
        if table.texts == begin { Ok(table) } else { Err(damaged()) }
    }

    fn rows_at(&self) -> u64 {
        HEAD as u64 + u64::from(self.groups) * GROUP as u64
    }

    fn digests_at(&self) -> u64 {
        self.rows_at() + u64::from(self.rows) * ROW as u64
    }

    /// Where the table is.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many repositories there are, that of other tools' entries included.
    pub(crate) fn groups(&self) -> u32 {
        self.groups
    }

    /// The repository with a number.
    pub(crate) fn group(&self, number: u32) -> std::io::Result<Group> {
        let fixed = self.bytes.read(HEAD as u64 + u64::from(number) * GROUP as u64, GROUP)?;
        let (text, registry, name) = (u32_at(&fixed, 0)?, u16_at(&fixed, 4)?, u16_at(&fixed, 6)?);
        let text = self.text(text, usize::from(registry) + usize::from(name))?;
        let (registry, name) = text.split_at_checked(registry.into()).ok_or_else(damaged)?;
        let registry = (!registry.is_empty()).then(|| registry.to_owned());
        let repository = match name {
            "" => None,
            name => Some(Repository { registry, name: name.parse().map_err(|_| damaged())? }),
        };
        let group = Group { repository, rows: u32_at(&fixed, 8)?..u32_at(&fixed, 12)?, versions: u32_at(&fixed, 16)? };
        let ordered = group.rows.start <= group.versions && group.versions <= group.rows.end;
        if ordered && group.rows.end <= self.rows { Ok(group) } else { Err(damaged()) }
    }

    /// The repository with a name.
    pub(crate) fn find_group(&self, repository: Option<&Repository>) -> std::io::Result<Option<Group>> {
        let found = search(0..self.groups, |number| Ok(self.group(number)?.repository.as_ref().cmp(&repository)))?;
        found.ok().map(|number| self.group(number)).transpose()
    }

    /// One row.
    pub(crate) fn row(&self, number: u32) -> std::io::Result<Row> {
        self.block(number..number.saturating_add(1))?.pop().ok_or_else(damaged)
    }

    /// Where a row of a group stands, or would stand.
    pub(crate) fn find(&self, group: &Group, wanted: &Sort) -> std::io::Result<Result<u32, u32>> {
        search(group.rows.clone(), |number| Ok(self.row(number)?.sort.cmp(wanted)))
    }

    /// Rows in order, read a block at a time.
    pub(crate) fn rows(&self, range: Range<u32>) -> impl Iterator<Item = std::io::Result<Row>> {
        let starts = range.clone().step_by(BLOCK as usize);
        starts.flat_map(move |start| flat(self.block(start..start.saturating_add(BLOCK).min(range.end))))
    }

    /// Rows from the last to the first.
    pub(crate) fn rows_back(&self, range: Range<u32>) -> impl Iterator<Item = std::io::Result<Row>> {
        let ends = (0..range.len().div_ceil(BLOCK as usize)).map(move |block| range.end - block as u32 * BLOCK);
        let first = range.start;
        ends.flat_map(move |end| flat(self.block(end.saturating_sub(BLOCK).max(first)..end).map(reversed)))
    }

    /// Rows that are about a digest, in no order.
    pub(crate) fn about(&self, digest: &[u8; 32]) -> std::io::Result<Vec<u32>> {
        let first = search(0..self.digests, |number| {
            // Where there are several, the first is wanted: nothing is ever equal.
            Ok(if self.digest(number)?.0 < *digest { Ordering::Less } else { Ordering::Greater })
        })?;
        let first = first.unwrap_or_else(|first| first);
        let mut found = Vec::new();
        for number in first..self.digests {
            match self.digest(number)? {
                (other, row) if other == *digest => found.push(row),
                _ => break,
            }
        }
        Ok(found)
    }

    /// Every digest that rows are about.
    fn digest(&self, number: u32) -> std::io::Result<([u8; 32], u32)> {
        let fixed = self.bytes.read(self.digests_at() + u64::from(number) * DIGEST as u64, DIGEST)?;
        Ok((array(&fixed, 0)?, u32_at(&fixed, 32)?))
    }

    fn text(&self, at: u32, length: usize) -> std::io::Result<String> {
        String::from_utf8(self.bytes.read(self.texts + u64::from(at), length)?).map_err(|_| damaged())
    }

    /// Reads rows with two reads: their texts follow one another as they do.
    fn block(&self, range: Range<u32>) -> std::io::Result<Vec<Row>> {
        if range.is_empty() || range.end > self.rows {
            return Err(damaged());
        }
        let fixed = self.bytes.read(self.rows_at() + u64::from(range.start) * ROW as u64, range.len() * ROW)?;
        let (first, last) = (&fixed[..ROW], &fixed[fixed.len() - ROW..]);
        let begin = u32_at(first, 0)?;
        let end = u64::from(u32_at(last, 0)?) + u64::from(u16_at(last, 4)?);
        let length = end.checked_sub(begin.into()).filter(|length| *length <= u64::from(BLOCK) << 16);
        let texts = self.text(begin, length.ok_or_else(damaged)? as usize)?;
        fixed.chunks_exact(ROW).map(|fixed| row(fixed, &texts, begin)).collect()
    }
}

fn row(fixed: &[u8], texts: &str, begin: u32) -> std::io::Result<Row> {
    let start = u32_at(fixed, 0)?.checked_sub(begin).ok_or_else(damaged)? as usize;
    let text = texts.get(start..start + usize::from(u16_at(fixed, 4)?)).ok_or_else(damaged)?;
    let manifest = Sha256Digest::from_bytes(array(fixed, 40)?);
    let sort = match fixed[6] {
        0 => Sort::Version(Version::parse(text).map_err(|_| damaged())?),
        1 => Sort::Malformed(text.to_owned()),
        2 => Sort::Tag(text.to_owned()),
        3 => Sort::Untagged(manifest),
        _ => return Err(damaged()),
    };
    let place = u64_at(fixed, 8)?;
    let about = array(fixed, 72)?;
    Ok(Row {
        sort,
        manifest,
        about: (about != [0; 32]).then_some(about),
        size: u64_at(fixed, 24)?,
        published: u64_at(fixed, 32)?,
        yanked: fixed[7] == 1,
        place: place..place.saturating_add(u32_at(fixed, 16)?.into()),
    })
}

/// What a table is made of.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    rows: Vec<(Option<Repository>, Row)>,
}

impl Builder {
    /// Adds an entry.
    pub(crate) fn add(&mut self, repository: Option<Repository>, row: Row) {
        self.rows.push((repository, row));
    }

    /// The table's bytes; `None` if there is more than its form has room for.
    pub(crate) fn encode(mut self) -> Option<Vec<u8>> {
        self.rows.sort_by(|a, b| (&a.0, &a.1.sort).cmp(&(&b.0, &b.1.sort)));
        let (mut groups, mut rows, mut digests, mut texts) = (Vec::new(), Vec::new(), Vec::new(), String::new());
        let (mut number, mut count) = (0_u32, 0_u32);
        for group in self.rows.chunk_by(|a, b| a.0 == b.0) {
            count += 1;
            encode_group(&mut groups, &mut texts, group, number)?;
            for (_, row) in group {
                encode_row(&mut rows, &mut texts, row)?;
                let about = [Some(*row.manifest.as_bytes()), row.about];
                digests.extend(about.into_iter().flatten().map(|digest| (digest, number)));
                number = number.checked_add(1)?;
            }
        }
        digests.sort_unstable();
        let begin = HEAD + groups.len() + rows.len() + digests.len() * DIGEST;
        let mut bytes = Vec::with_capacity(begin + texts.len());
        for part in [count, number, u32::try_from(digests.len()).ok()?, 0] {
            bytes.extend(part.to_le_bytes());
        }
        bytes.extend((begin as u64).to_le_bytes());
        bytes.extend(groups);
        bytes.extend(rows);
        for (digest, number) in digests {
            bytes.extend(digest);
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(texts.into_bytes());
        Some(bytes)
    }
}

fn encode_group(into: &mut Vec<u8>, texts: &mut String, group: &[(Option<Repository>, Row)], first: u32) -> Option<()> {
    let at = u32::try_from(texts.len()).ok()?;
    let repository = group.first()?.0.as_ref();
    let registry = repository.and_then(|repository| repository.registry.as_deref()).unwrap_or_default();
    let name = repository.map_or("", |repository| repository.name.as_str());
    let versions = group.iter().filter(|(_, row)| row.sort.is_version()).count();
    into.extend(at.to_le_bytes());
    into.extend(u16::try_from(registry.len()).ok()?.to_le_bytes());
    into.extend(u16::try_from(name.len()).ok()?.to_le_bytes());
    for number in [0, group.len(), versions] {
        into.extend(first.checked_add(u32::try_from(number).ok()?)?.to_le_bytes());
    }
    into.extend([0; 4]);
    texts.push_str(registry);
    texts.push_str(name);
    Some(())
}

fn encode_row(into: &mut Vec<u8>, texts: &mut String, row: &Row) -> Option<()> {
    let (kind, text) = match &row.sort {
        Sort::Version(version) => (0, version.to_string()),
        Sort::Malformed(tag) => (1, tag.clone()),
        Sort::Tag(tag) => (2, tag.clone()),
        Sort::Untagged(_) => (3, String::new()),
    };
    into.extend(u32::try_from(texts.len()).ok()?.to_le_bytes());
    into.extend(u16::try_from(text.len()).ok()?.to_le_bytes());
    into.extend([kind, u8::from(row.yanked)]);
    into.extend(row.place.start.to_le_bytes());
    into.extend(u32::try_from(row.place.end - row.place.start).ok()?.to_le_bytes());
    into.extend([0; 4]);
    into.extend(row.size.to_le_bytes());
    into.extend(row.published.to_le_bytes());
    into.extend(row.manifest.as_bytes());
    into.extend(row.about.unwrap_or_default());
    texts.push_str(&text);
    Some(())
}

/// Binary search over numbers, where looking at one can fail.
fn search(range: Range<u32>, compare: impl Fn(u32) -> std::io::Result<Ordering>) -> std::io::Result<Result<u32, u32>> {
    let Range { start: mut low, end: mut high } = range;
    while low < high {
        let middle = low + (high - low) / 2;
        match compare(middle)? {
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
            Ordering::Equal => return Ok(Ok(middle)),
        }
    }
    Ok(Err(low))
}

fn flat(block: std::io::Result<Vec<Row>>) -> impl Iterator<Item = std::io::Result<Row>> {
    let (rows, error) = match block {
        Ok(rows) => (rows, None),
        Err(error) => (Vec::new(), Some(Err(error))),
    };
    rows.into_iter().map(Ok).chain(error)
}

fn reversed(mut rows: Vec<Row>) -> Vec<Row> {
    rows.reverse();
    rows
}

fn damaged() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, "the catalog is damaged")
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> std::io::Result<[u8; N]> {
    bytes.get(at..at + N).and_then(|part| part.try_into().ok()).ok_or_else(damaged)
}

fn u16_at(bytes: &[u8], at: usize) -> std::io::Result<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> std::io::Result<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> std::io::Result<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}
