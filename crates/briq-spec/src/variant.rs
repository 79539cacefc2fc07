//! Variants: several packages of one version, made for different machines.
//!
//! Their versions differ in the metadata of the build alone, `1.2.0` and `1.2.0+f16`, which has no part in the order of
//! versions. A requirement finds a version, and the [`Machine`] that asks finds the variant.

use std::cmp::Reverse;
use std::error::Error;
use std::fmt;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::signature::DataType;

/// Where a variant comes from, and which machines it is made for. What is left out holds for every machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// The package that it was made from, as `NAME@blake3:HEX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The backends that it is made for, such as `wgpu`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<String>,
    /// The least memory of the device in bytes; where it is left out, the bytes of the shards are taken for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

/// What asks for a package: the devices that it could run on, the best first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    /// Nothing is known of a machine without devices: every variant fits it.
    pub devices: Vec<Device>,
}

/// Something that computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The backend that runs on it.
    pub backend: String,
    /// Its memory in bytes, where that is known. Where it is not, it is taken for enough.
    pub memory: Option<u64>,
}

/// No variant fits the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit(Vec<(Version, Obstacle)>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Obstacle {
    Backends(Vec<String>),
    Memory { needed: u64, there: u64 },
}

/// Whether both are the same version, or variants of it.
pub fn same_version(a: &Version, b: &Version) -> bool {
    a.cmp_precedence(b).is_eq()
}

impl Machine {
    /// A machine of which nothing is known.
    pub const ANY: Self = Self { devices: Vec::new() };

    /// The best of some variants for this machine.
    ///
    /// The best device for which any is fit decides. Of those that fit it, one that is made for its backend goes before
    /// one that is made for all, then the most precise datatype, then the lowest version.
    ///
    /// # Errors
    /// None fits: what each lacks. So it is, too, where there are none.
    pub fn choose<'a>(&self, variants: &'a [Manifest]) -> Result<&'a Manifest, Unfit> {
        if self.devices.is_empty() {
            return best(variants.iter(), |manifest| worth(manifest, false)).ok_or(Unfit(Vec::new()));
        }
        let on = |device: &Device| {
            let fitting = variants.iter().filter(|manifest| obstacle(manifest, device).is_none());
            best(fitting, |manifest| worth(manifest, names(manifest, &device.backend)))
        };
        self.devices.iter().find_map(on).ok_or_else(|| self.unfit(variants))
    }

    fn unfit(&self, variants: &[Manifest]) -> Unfit {
        let lacks = |manifest: &Manifest| {
            // Memory says more than a backend that it is not meant for.
            let obstacles = self.devices.iter().filter_map(|device| obstacle(manifest, device));
            let worst = obstacles.max_by_key(|obstacle| matches!(obstacle, Obstacle::Memory { .. }))?;
            Some((manifest.version.clone(), worst))
        };
        Unfit(variants.iter().filter_map(lacks).collect())
    }
}

fn best<'a, K: Ord>(
    variants: impl Iterator<Item = &'a Manifest>,
    worth: impl Fn(&'a Manifest) -> K,
) -> Option<&'a Manifest> {
    variants.max_by_key(|manifest| worth(manifest))
}

/// What makes one variant better than another, both of which fit.
fn worth(manifest: &Manifest, named: bool) -> (bool, usize, Reverse<&Version>) {
    (named, precision(manifest.model.datatype), Reverse(&manifest.version))
}

/// Bits that carry a number.
fn precision(datatype: DataType) -> usize {
    8 * datatype.size().unwrap_or(0)
}

fn names(manifest: &Manifest, backend: &str) -> bool {
    manifest.variant.iter().flat_map(|variant| &variant.backends).any(|name| name == backend)
}

fn obstacle(manifest: &Manifest, device: &Device) -> Option<Obstacle> {
    let backends = manifest.variant.as_ref().map(|variant| variant.backends.as_slice()).unwrap_or_default();
    if !backends.is_empty() && !names(manifest, &device.backend) {
        return Some(Obstacle::Backends(backends.to_vec()));
    }
    let (needed, there) = (manifest.memory(), device.memory?);
    (needed > there).then_some(Obstacle::Memory { needed, there })
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backends(names) => write!(f, "is for {}", names.join(", ")),
            Self::Memory { needed, there } => write!(f, "needs {needed} bytes of memory where there are {there}"),
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons: Vec<String> = self.0.iter().map(|(version, obstacle)| format!("{version} {obstacle}")).collect();
        write!(f, "no variant fits this machine: {}", reasons.join("; "))
    }
}

impl Error for Unfit {}
