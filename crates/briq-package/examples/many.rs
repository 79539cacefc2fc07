//! What very many tensors cost: `cargo run --release -p briq-package --example many -- [TENSORS] [NUMBERS]`.
//!
//! Packs a package of so many tensors of so many numbers each, then has it verified, opened, read by name, cut and coded as a
//! delta, each in a fresh process, which says how long it took and how much memory it had at most, less the files that it mapped.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use briq_package::chunks::Index;
use briq_package::parcel::{self, Parcel};
use briq_package::{Draft, Package};
use safetensors::SafeTensors;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const SHARD: &str = "weights-00001-of-00001.safetensors";
const STEPS: [&str; 8] = ["pack", "verify", "open", "map", "read", "cut", "delta", "expand"];

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [step, folder] = arguments.as_slice()
        && STEPS.contains(&step.as_str())
    {
        return work(step, Path::new(folder));
    }
    let number = |at: usize, other: usize| arguments.get(at).map_or(Ok(other), |text| text.parse());
    let (tensors, numbers) = (number(0, 100_000)?, number(1, 16)?);
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("old"), shard(tensors, numbers, 0.0))?;
    fs::write(folder.path().join("new"), shard(tensors, numbers, 0.5))?;
    pack(folder.path(), "old")?;
    println!("{tensors} tensors of {numbers} numbers, {} bytes", fs::metadata(folder.path().join("old"))?.len());
    for step in STEPS {
        let output = Command::new(std::env::current_exe()?).arg(step).arg(folder.path()).output()?;
        print!("  {step:<7}{}", String::from_utf8(output.stdout)?);
        eprint!("{}", String::from_utf8(output.stderr)?);
    }
    Ok(())
}

fn work(step: &str, folder: &Path) -> Outcome {
    let begin = Instant::now();
    if step == "pack" {
        pack(folder, "new")?;
        return report(begin, "");
    }
    // Open to the end, since what they have mapped is no memory of this process.
    let new = if step == "expand" { None } else { Some(Package::open(&file(folder, "new"))?) };
    let old = if ["delta", "expand"].contains(&step) { Some(Package::open(&file(folder, "old"))?) } else { None };
    let coded = folder.join("new.briqz");
    let said = match (step, &new) {
        ("verify", Some(new)) => format!("{} bytes", new.verify()?.bytes),
        ("open", Some(new)) => format!("{} entries", new.entries().len()),
        ("map", Some(new)) => format!("{} bytes", new.map_unverified(&SHARD.parse()?)?.len()),
        ("read", Some(new)) => read(new)?,
        ("cut", Some(new)) => format!("{} bytes of index", Index::of(new)?.to_bytes().len()),
        ("delta", Some(new)) => format!("{} bytes", parcel::write(new, old.as_ref(), &coded)?.size),
        _ => {
            let expanded = Parcel::open(&coded)?.expand(old.as_ref(), &folder.join("expanded.briq"))?;
            format!("{} bytes", expanded.size)
        }
    };
    report(begin, &said)
}

fn report(begin: Instant, said: &str) -> Outcome {
    println!("{:>7.1} ms {:>7.1} MB  {said}", begin.elapsed().as_secs_f64() * 1e3, peak()?);
    Ok(())
}

/// Every tensor by its name.
fn read(package: &Package) -> Outcome<String> {
    let bytes = package.share(&SHARD.parse()?)?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let mut sum = 0;
    for name in tensors.names() {
        sum += tensors.tensor(name)?.data().len();
    }
    Ok(format!("{} tensors, {sum} bytes", tensors.len()))
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.briq"))
}

fn pack(folder: &Path, name: &str) -> Outcome {
    let mut draft = Draft::new(briq_package::example::manifest());
    draft.add_bytes("model.onnx".parse()?, b"structure".to_vec())?;
    draft.add_file(SHARD.parse()?, folder.join(name))?;
    draft.write(&file(folder, name))?;
    Ok(())
}

/// A shard of tensors of equal length; `step` is added to every thousandth of them.
fn shard(tensors: usize, numbers: usize, step: f32) -> Vec<u8> {
    let (mut header, mut data) = (String::from("{"), Vec::new());
    for number in 0..tensors {
        let (at, end) = (number * numbers * 4, (number + 1) * numbers * 4);
        let comma = if number > 0 { "," } else { "" };
        let member = format!(r#"{{"dtype":"F32","shape":[{numbers}],"data_offsets":[{at},{end}]}}"#);
        header += &format!(r#"{comma}"layers.{}.block.{number}.weight":{member}"#, number / 100);
        let step = if number % 1000 == 0 { step } else { 0.0 };
        data.extend((0..numbers).flat_map(|n| (((number * numbers + n) as f32).sin() + step).to_le_bytes()));
    }
    header.push('}');
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

/// The most memory of this process that is not of files, in megabytes.
fn peak() -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let (most, files) = (field("VmHWM:").unwrap_or_default(), field("RssFile:").unwrap_or_default());
    Ok((most - files) / 1e3 * 1.024)
}
