//! What a store of many versions costs: `cargo run --release -p briq-store --example scale -- [VERSIONS] [REPOSITORIES]`.
//!
//! Fills a store's index with versions of packages that nobody has, then asks it in fresh processes, each of which says
//! how long the whole took, from opening the store, and how much memory it had at most. At the end packages are really
//! published into it.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use briq_package::{Draft, Package};
use briq_spec::{PackageName, Selector};
use briq_store::{Store, StoreError};

type Outcome<T> = Result<T, Box<dyn Error>>;

const PUBLISHED: u32 = 20;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["resolve", root, requirement] => resolve(root.as_ref(), requirement),
        ["list", root] => list(root.as_ref()),
        [] => [1000, 10_000, 100_000].into_iter().try_for_each(|versions| measure(versions, 1)),
        [versions] => measure(versions.parse()?, 1),
        [versions, repositories, ..] => measure(versions.parse()?, repositories.parse()?),
    }
}

fn measure(versions: u32, repositories: u32) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("store");
    let store = Store::open(&root)?;
    std::fs::write(root.join("index.json"), index(versions, repositories))?;
    println!("{versions} versions in {repositories} repositories");
    let begin = Instant::now();
    store.names()?;
    println!("  first look, which makes the catalog  {}", shown(begin.elapsed()));
    for requirement in ["*", "=1.1.0", "^999999"] {
        println!("  resolve model0@{requirement:<8}              {}", ask(&["resolve"], &root, &[requirement])?);
    }
    println!("  list all                             {}", ask(&["list"], &root, &[])?);
    publish(&store, folder.path())
}

/// The real thing, with its syncs to the disk.
fn publish(store: &Store, folder: &Path) -> Outcome<()> {
    let packages = (0..PUBLISHED).map(|number| package(folder, number)).collect::<Outcome<Vec<_>>>()?;
    // The index of another tool has no room: the first publication writes it anew.
    store.publish(&packages[0])?;
    store.names()?;
    let begin = Instant::now();
    packages[1..].iter().try_for_each(|package| store.publish(package).map(drop))?;
    println!("  publish a small package              {}", shown(begin.elapsed() / (PUBLISHED - 1)));
    let begin = Instant::now();
    store.yank(&packages[0].manifest().name, &packages[0].manifest().version, true)?;
    println!("  yank, which writes the whole index   {}", shown(begin.elapsed()));
    Ok(())
}

fn package(folder: &Path, number: u32) -> Outcome<Package> {
    let mut manifest = briq_package::example::manifest();
    manifest.version = semver::Version::new(1, number.into(), 0);
    let mut draft = Draft::new(manifest);
    draft.add_bytes("model.onnx".parse()?, b"the structure".to_vec())?;
    draft.add_bytes("weights-00001-of-00001.safetensors".parse()?, vec![1; 1000])?;
    let path = folder.join(format!("{number}.briq"));
    draft.write(&path)?;
    Ok(Package::open(&path)?)
}

fn resolve(root: &Path, requirement: &str) -> Outcome<()> {
    let begin = Instant::now();
    let name: PackageName = "model0".parse()?;
    let found = Store::open(root)?.resolve(&name, &Selector::Requirement(requirement.parse()?));
    let found = found.map_or_else(|_| "nothing".to_owned(), |record| record.version.to_string());
    report(begin, &found);
    Ok(())
}

fn list(root: &Path) -> Outcome<()> {
    let begin = Instant::now();
    let store = Store::open(root)?;
    let mut count = 0;
    for name in store.names()? {
        store.visit_versions(&name, |_| {
            count += 1;
            Ok::<_, StoreError>(())
        })?;
    }
    report(begin, &format!("{count} versions"));
    Ok(())
}

fn report(begin: Instant, found: &str) {
    println!("{}  {}  {found}", shown(begin.elapsed()), peak());
}

fn shown(time: Duration) -> String {
    format!("{:8.1} ms", time.as_secs_f64() * 1e3)
}

/// The most memory that this process had (Linux).
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown");
    line.trim().to_owned()
}

/// Runs a question in a process of its own.
fn ask(question: &[&str], root: &Path, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(std::env::current_exe()?).args(question).arg(root).args(arguments).output()?;
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// `index.json` as Briq writes it.
fn index(versions: u32, repositories: u32) -> String {
    let mut text = String::from(r#"{"schemaVersion":2,"manifests":["#);
    for number in 0..versions {
        let (name, nth) = (format!("model{}", number % repositories), number / repositories);
        let version = format!("{}.{}.{}", nth / 10_000, nth / 100 % 100, nth % 100);
        let comma = if number == 0 { "\n" } else { ",\n" };
        write!(
            text,
            r#"{comma}{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{number:064x}","size":2500,"artifactType":"application/vnd.cncf.model.manifest.v1+json","annotations":{{"dev.briq.package.digest":"blake3:{number:064x}","dev.briq.package.name":"{name}","dev.briq.package.size":"5000000","dev.briq.published":"1700000000","dev.briq.repository":"{name}","org.opencontainers.image.ref.name":"{name}:{version}","org.opencontainers.image.version":"{version}"}}}}"#
        )
        .expect("a string takes all that is written to it");
    }
    text.push_str("\n]}\n");
    text
}
