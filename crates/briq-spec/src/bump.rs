//! By how much a version has to be raised for what changed in the signature.
//!
//! What breaks callers demands a major version, what callers can see but need not mind a minor one, everything else a
//! patch. Below 1.0.0 the numbers mean what Cargo takes them to mean: the first that is not zero is the major one.

use std::error::Error;
use std::fmt;

use semver::{Prerelease, Version};
use serde::Serialize;

use crate::signature::{Difference, Signature};

/// Which number of a version is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bump {
    /// The signature is the same.
    Patch,
    /// It takes or gives more than before.
    Minor,
    /// Callers break.
    Major,
}

impl Bump {
    /// The least version after `version` that raises it so far. Metadata of a build and a prerelease are dropped.
    ///
    /// ```
    /// use briq_spec::{Bump, semver::Version};
    ///
    /// let next = |bump: Bump, version: &str| bump.next(&version.parse::<Version>().unwrap()).to_string();
    /// assert_eq!(next(Bump::Minor, "1.2.3"), "1.3.0");
    /// assert_eq!(next(Bump::Major, "1.2.3"), "2.0.0");
    /// assert_eq!(next(Bump::Major, "0.2.3"), "0.3.0");
    /// assert_eq!(next(Bump::Minor, "0.2.3"), "0.2.4");
    /// ```
    #[must_use]
    pub fn next(self, version: &Version) -> Version {
        let (major, minor, patch) = (version.major, version.minor, version.patch);
        match (self, major, minor) {
            (Self::Major, 0, 0) | (Self::Minor, 0, _) | (Self::Patch, ..) => Version::new(major, minor, patch + 1),
            (Self::Major, 0, _) | (Self::Minor, ..) => Version::new(major, minor + 1, 0),
            (Self::Major, ..) => Version::new(major + 1, 0, 0),
        }
    }
}

impl fmt::Display for Bump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}

/// Whether `newer` raises the version of `older` as far as their signatures demand. Prereleases promise nothing and are
/// held to nothing.
///
/// # Errors
/// When it does not: what changed, and the least version that may have changed so.
pub fn check(older: (&Version, &Signature), newer: (&Version, &Signature)) -> Result<(), Box<TooLittle>> {
    let is_prerelease = |version: &Version| version.pre != Prerelease::EMPTY;
    let differences = newer.1.differences(older.1);
    let bump = differences.first().map_or(Bump::Patch, Difference::demands);
    let least = bump.next(older.0);
    if differences.is_empty() || *newer.0 >= least || is_prerelease(newer.0) || is_prerelease(older.0) {
        return Ok(());
    }
    let demanding = differences.into_iter().filter(|difference| difference.demands() == bump).collect();
    let (older, newer) = (older.0.clone(), newer.0.clone());
    Err(Box::new(TooLittle { older, newer, bump, least, differences: demanding }))
}

/// A version that is not raised as far as its signature demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLittle {
    older: Version,
    newer: Version,
    bump: Bump,
    least: Version,
    differences: Vec<Difference>,
}

impl TooLittle {
    /// What is demanded.
    pub fn bump(&self) -> Bump {
        self.bump
    }

    /// The least version that may have the newer signature.
    pub fn least(&self) -> &Version {
        &self.least
    }

    /// The differences that demand it.
    pub fn differences(&self) -> &[Difference] {
        &self.differences
    }
}

impl fmt::Display for TooLittle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { older, newer, bump, least, differences } = self;
        match bump {
            Bump::Major => write!(f, "{newer} would break callers of {older}: ")?,
            Bump::Minor | Bump::Patch => write!(f, "{newer} is no mere patch of {older}: ")?,
        }
        let differences: Vec<String> = differences.iter().map(Difference::to_string).collect();
        write!(f, "{}; the least version for that is {least}", differences.join(", "))
    }
}

impl Error for TooLittle {}
