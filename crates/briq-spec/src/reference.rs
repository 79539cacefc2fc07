//! How a person names a package: `[host[:port]/]path/name@REQ[+VARIANT]`, `…:ALIAS`, `…@blake3:HEX`, or a path to a `.briq`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use semver::{BuildMetadata, Version, VersionReq};

use crate::digest::Blake3Digest;
use crate::error::SpecError;
use crate::name::{Alias, PackageName};
use crate::text::written_as_string;

const WHAT: &str = "reference";

/// What a person wrote to name a package.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reference {
    /// A package file: whatever begins with `/`, `./` or `../` or ends in `.briq`.
    File(PathBuf),
    /// A package in a store or registry.
    Package {
        /// `host[:port]` of the registry; `None` for the local store. The first component of a reference is a host
        /// when it holds a `.` or a `:` or is `localhost`, as in Docker.
        registry: Option<String>,
        /// The name there.
        name: PackageName,
        /// Which of its versions.
        selector: Selector,
    },
}

/// Which of a package's versions is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// Nothing was said: the newest release.
    Any,
    /// The newest version that meets a requirement, under Cargo's rules.
    Requirement(VersionReq),
    /// The newest that meets a requirement, of the versions that have this variant.
    Variant(VersionReq, BuildMetadata),
    /// The version that an alias points to.
    Alias(Alias),
    /// Exactly one package.
    Digest(Blake3Digest),
}

impl Selector {
    /// Whether a version's number alone lets it be chosen.
    ///
    /// A pre-release is chosen only by a requirement that names a pre-release of the same `major.minor.patch`. An
    /// alias or a digest chooses by other means than the number, so the answer is false.
    pub fn selects(&self, version: &Version) -> bool {
        match self {
            Self::Any => VersionReq::STAR.matches(version),
            Self::Requirement(requirement) => requirement.matches(version),
            Self::Variant(requirement, build) => requirement.matches(version) && version.build == *build,
            Self::Alias(_) | Self::Digest(_) => false,
        }
    }
}

impl Reference {
    /// [`Selector::selects`]; false for a file.
    pub fn selects(&self, version: &Version) -> bool {
        match self {
            Self::File(_) => false,
            Self::Package { selector, .. } => selector.selects(version),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Requirement(requirement) => write!(f, "@{requirement}"),
            Self::Variant(requirement, build) => write!(f, "@{requirement}+{build}"),
            Self::Alias(alias) => write!(f, ":{alias}"),
            Self::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => {
                let text = path.display().to_string();
                let mark = if is_file(&text) { "" } else { "./" };
                write!(f, "{mark}{text}")
            }
            Self::Package { registry: Some(host), name, selector } => write!(f, "{host}/{name}{selector}"),
            Self::Package { registry: None, name, selector } => write!(f, "{name}{selector}"),
        }
    }
}

impl FromStr for Reference {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        if text.is_empty() {
            return Err(SpecError::syntax(WHAT, text, "it is empty"));
        }
        if is_file(text) {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let (registry, rest) = split_host(text)?;
        let (name, selector) = split_selector(rest).map_err(|error| within(text, error))?;
        let name = name.parse().map_err(|error| within(text, error))?;
        Ok(Self::Package { registry: registry.map(str::to_owned), name, selector })
    }
}

written_as_string!(Reference, "Reference", "A package: NAME@REQUIREMENT, NAME:ALIAS, NAME@blake3:HEX or a file.", ".");

fn is_file(text: &str) -> bool {
    [".briq", ".briqz"].iter().any(|end| text.ends_with(end))
        || ["/", "./", "../"].iter().any(|start| text.starts_with(start))
}

/// The host, when the first component is one, and what follows it.
fn split_host(text: &str) -> Result<(Option<&str>, &str), SpecError> {
    // A `/` after `@` belongs to no path: what stands there is a mistaken requirement.
    let path = text.split('@').next().unwrap_or(text);
    match path.split_once('/') {
        Some((host, _)) if is_host(host) => {
            check_host(host).map_err(|reason| SpecError::syntax(WHAT, text, reason))?;
            Ok((Some(host), &text[host.len() + 1..]))
        }
        _ => Ok((None, text)),
    }
}

fn is_host(component: &str) -> bool {
    component.contains(['.', ':']) || component == "localhost"
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let (domain, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => return check_ipv6(address, port),
        None => host.split_once(':').map_or((host, None), |(domain, port)| (domain, Some(port))),
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    if domain.is_empty() || !domain.bytes().all(legal) {
        return Err("its registry is not a host name");
    }
    port.map_or(Ok(()), check_port)
}

fn check_ipv6(address: &str, port: &str) -> Result<(), &'static str> {
    address.parse::<std::net::Ipv6Addr>().map_err(|_| "its registry is not an address")?;
    match port.strip_prefix(':') {
        Some(port) => check_port(port),
        None if port.is_empty() => Ok(()),
        None => Err("its registry is not an address"),
    }
}

fn check_port(port: &str) -> Result<(), &'static str> {
    port.parse::<u16>().map(drop).map_err(|_| "the port of its registry is not a number from 0 to 65535")
}

fn split_selector(rest: &str) -> Result<(&str, Selector), SpecError> {
    if let Some((name, wanted)) = rest.split_once('@') {
        return Ok((name, parse_wanted(wanted)?));
    }
    match rest.split_once(':') {
        Some((name, alias)) => Ok((name, Selector::Alias(alias.parse()?))),
        None => Ok((rest, Selector::Any)),
    }
}

fn parse_wanted(wanted: &str) -> Result<Selector, SpecError> {
    if wanted.contains(':') {
        return wanted.parse().map(Selector::Digest);
    }
    let malformed = |source: semver::Error| {
        SpecError::syntax("version requirement", wanted, source.to_string()).with_hint(
            "write `@1.2` or `@^1.2` for a version, `@1.2+NAME` for a variant of it, `:NAME` for an alias, \
             `@blake3:HEX` for a digest",
        )
    };
    let (requirement, build) = wanted.rsplit_once('+').unwrap_or((wanted, ""));
    let requirement = VersionReq::parse(requirement).map_err(malformed)?;
    match BuildMetadata::new(build).map_err(malformed)? {
        build if !build.is_empty() => Ok(Selector::Variant(requirement, build)),
        _ if wanted.ends_with('+') => Err(SpecError::syntax("version requirement", wanted, "its variant has no name")),
        _ => Ok(Selector::Requirement(requirement)),
    }
}

/// The error of a part, told of the whole.
fn within(text: &str, error: SpecError) -> SpecError {
    let hint = error.hint();
    let whole = SpecError::syntax(WHAT, text, "one of its parts is wrong").with_source(error);
    match hint {
        Some(hint) => whole.with_hint(hint),
        None => whole,
    }
}
