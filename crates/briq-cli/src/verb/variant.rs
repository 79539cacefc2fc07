//! `briq variant`: the same network for other machines.

use std::path::PathBuf;

use briq_model::{Backend, HalfPrecision, Wanted};
use briq_spec::semver::BuildMetadata;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::output::bytes;
use crate::{compute, locate};

/// Make a variant of a package: the same version for other machines
///
/// A variant has the version of the package with a name behind it, as in 1.2.0+f16, and says which machines it is made for.
/// Publish it beside the others: whoever asks for digits@^1.2 gets the one that suits the machine, and digits@^1.2+f16 is this
/// one. With --datatype, weights take half of the disk and the network; they are widened when the network is loaded. Its
/// golden examples are then answered anew, and metrics, which were measured with other weights, are left out.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package
    #[arg(value_name = "REF")]
    reference: String,
    /// What tells it from the others [default: the datatype]
    #[arg(long, value_parser = BuildMetadata::new, required_unless_present = "datatype")]
    name: Option<BuildMetadata>,
    /// Keep weights of single precision in this datatype
    #[arg(long)]
    datatype: Option<Datatype>,
    /// A backend that it is made for; may be given several times [default: all]
    #[arg(long = "for", value_name = "BACKEND", value_parser = compute::parser())]
    backends: Vec<Backend>,
    /// The least memory of the device, such as 6GiB [default: what the weights take]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,
    /// The file to write [default: NAME-VERSION+VARIANT.briq]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Datatype {
    F16,
    Bf16,
}

#[derive(Serialize)]
struct Report {
    file: PathBuf,
    version: String,
    digest: String,
    size: u64,
    /// How far its answers to the golden examples are from those of the package it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    largest_difference: Option<f64>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    if arguments.backends.contains(&Backend::Auto) {
        return Err(Failure::new(Code::Input, "`auto` is no backend that a variant can be made for")
            .hint("leave --for out: a variant is for all backends unless it names some")
            .into());
    }
    let package = locate::package(context, &arguments.reference)?;
    let mut varied = briq_model::variant(&package, &arguments.wanted())?;
    let manifest = varied.draft.manifest_mut();
    let version = manifest.version.to_string();
    let file = PathBuf::from(format!("{}-{version}.briq", manifest.name.short()));
    let written = varied.draft.write(arguments.output.as_ref().unwrap_or(&file))?;
    let report = Report {
        file: written.path,
        version,
        digest: written.digest.to_string(),
        size: written.size,
        largest_difference: varied.difference,
    };
    context.output.data(&report, |report| {
        let difference = report.largest_difference;
        let difference = difference.map(|difference| format!("\ngolden answers differ by {difference:.1e} at most"));
        let Report { file, size, digest, .. } = report;
        format!("{}  {}  {digest}{}", file.display(), bytes(*size), difference.unwrap_or_default())
    })
}

impl Arguments {
    fn wanted(&self) -> Wanted {
        let datatype = self.datatype.map(|datatype| match datatype {
            Datatype::F16 => HalfPrecision::F16,
            Datatype::Bf16 => HalfPrecision::Bf16,
        });
        let default = || datatype.and_then(|datatype| BuildMetadata::new(datatype.as_str()).ok());
        Wanted {
            name: self.name.clone().or_else(default).unwrap_or_default(),
            datatype,
            backends: self.backends.clone(),
            memory: self.memory,
        }
    }
}

/// Bytes, with a unit of 1000 or 1024 if there is one.
fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("", 1),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = UNITS.iter().find(|(name, _)| *name == unit.trim()).map(|&(_, scale)| scale);
    let number = number.parse::<u64>().ok().zip(scale).and_then(|(number, scale)| number.checked_mul(scale));
    number.ok_or_else(|| "give bytes, or a whole number with MB, GB, TB, MiB, GiB or TiB".into())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("1024"), Ok(1024));
        assert_eq!(size("6GiB"), Ok(6 << 30));
        assert_eq!(size("6 GB"), Ok(6_000_000_000));
        for text in ["", "GiB", "1.5GiB", "6gb", "-1", "99999999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
