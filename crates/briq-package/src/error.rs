//! The error of this crate: what was being done to which package, and where in it the fault is.

use std::error::Error;
use std::fmt;
use std::io;

use briq_spec::{SpecError, SpecErrorKind};

/// Something that could not be done with a package.
#[derive(Debug)]
pub struct PackageError {
    doing: String,
    fault: Fault,
}

/// What sort of fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackageErrorKind {
    /// The file, or the entry in it, does not exist.
    NotFound,
    /// The bytes are not those of a package, or not those that were packed.
    Corrupt,
    /// A named limit is exceeded.
    Limit,
    /// The package is of a newer format than this program reads.
    Unsupported,
    /// What is to be packed or unpacked breaks a rule: an entry twice, a target in use.
    Invalid,
    /// A file could not be read or written.
    Io,
}

/// The fault itself, before it is known in what package.
#[derive(Debug)]
pub(crate) struct Fault(Box<Details>);

/// Behind a pointer, so that a `Result` stays small.
#[derive(Debug)]
struct Details {
    kind: PackageErrorKind,
    entry: Option<String>,
    offset: Option<u64>,
    reason: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    pub(crate) fn new(kind: PackageErrorKind, reason: impl Into<String>) -> Self {
        Self(Box::new(Details { kind, entry: None, offset: None, reason: reason.into(), source: None }))
    }

    pub(crate) fn corrupt(reason: impl Into<String>) -> Self {
        Self::new(PackageErrorKind::Corrupt, reason)
    }

    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::new(PackageErrorKind::Invalid, reason)
    }

    pub(crate) fn limit(reason: impl Into<String>) -> Self {
        Self::new(PackageErrorKind::Limit, reason)
    }

    pub(crate) fn io(reason: impl Into<String>, source: io::Error) -> Self {
        let missing = source.kind() == io::ErrorKind::NotFound;
        let kind = if missing { PackageErrorKind::NotFound } else { PackageErrorKind::Io };
        Self::new(kind, reason).because(source)
    }

    /// A manifest that was read and breaks a rule.
    pub(crate) fn manifest(source: SpecError) -> Self {
        let kind = match source.kind() {
            SpecErrorKind::Limit => PackageErrorKind::Limit,
            SpecErrorKind::Unsupported => PackageErrorKind::Unsupported,
            _ => PackageErrorKind::Corrupt,
        };
        Self::new(kind, "its manifest is not valid").because(source)
    }

    /// A provenance statement that was read and does not hold.
    pub(crate) fn provenance(source: SpecError) -> Self {
        Self::corrupt("it does not hold").because(source)
    }

    /// A manifest that is to be written and breaks a rule.
    pub(crate) fn draft(source: SpecError) -> Self {
        Self::invalid("its manifest would not be valid").because(source)
    }

    fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    pub(crate) fn in_entry(mut self, entry: impl AsRef<str>) -> Self {
        self.0.entry = Some(entry.as_ref().to_owned());
        self
    }

    pub(crate) fn at(mut self, offset: usize) -> Self {
        self.0.offset = Some(offset as u64);
        self
    }

    pub(crate) fn during(self, doing: impl Into<String>) -> PackageError {
        PackageError { doing: doing.into(), fault: self }
    }
}

impl PackageError {
    /// What sort of fault it is.
    pub fn kind(&self) -> PackageErrorKind {
        self.fault.0.kind
    }

    /// True when the file, or the entry in it, does not exist.
    pub fn is_not_found(&self) -> bool {
        self.fault.0.kind == PackageErrorKind::NotFound
    }

    /// True when the bytes are not those of a package that this program reads, or not those that were packed.
    pub fn is_corrupt(&self) -> bool {
        use PackageErrorKind::{Corrupt, Limit, Unsupported};
        matches!(self.fault.0.kind, Corrupt | Limit | Unsupported)
    }

    /// True when the package is of a newer format than this program reads.
    pub fn is_unsupported(&self) -> bool {
        self.fault.0.kind == PackageErrorKind::Unsupported
    }

    /// True when a file could not be read or written: a full disk, missing permission.
    pub fn is_io(&self) -> bool {
        self.fault.0.kind == PackageErrorKind::Io
    }

    /// The entry with the fault, if it lies in one.
    pub fn entry(&self) -> Option<&str> {
        self.fault.0.entry.as_deref()
    }

    /// The offset of the fault from the start of the package, if it has one.
    pub fn offset(&self) -> Option<u64> {
        self.fault.0.offset
    }

    /// What a person may do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self.fault.0.kind {
            PackageErrorKind::Corrupt => "fetch or pack it again; what was changed cannot be told from an attack",
            PackageErrorKind::Unsupported => "use a newer version of briq",
            PackageErrorKind::Io if self.is_full_disk() => "make room on the disk; what was there before is untouched",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    fn is_full_disk(&self) -> bool {
        let source = self.fault.0.source.as_ref().and_then(|source| source.downcast_ref::<io::Error>());
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
        source.is_some_and(|error| full.contains(&error.kind()))
    }
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: ", self.doing)?;
        match (&self.fault.0.entry, self.fault.0.offset) {
            (Some(entry), Some(offset)) => write!(f, "entry {entry:?} at byte {offset}: ")?,
            (Some(entry), None) => write!(f, "entry {entry:?}: ")?,
            (None, Some(offset)) => write!(f, "at byte {offset}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.fault.0.reason)
    }
}

impl Error for PackageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.fault.0.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
