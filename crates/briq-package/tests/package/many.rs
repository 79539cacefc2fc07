//! Packages of very many parts. What would take quadratic time would not end here.

use std::path::Path;

use briq_package::chunks::Index;
use briq_package::parcel::{self, Parcel};
use briq_package::{Draft, Package, example};
use safetensors::SafeTensors;

use super::kit::{SHARD, path};

const TENSORS: usize = 100_000;
const NUMBERS: usize = 16;
/// As many entries as a manifest of the largest size lists.
const ENTRIES: usize = 66_000;

fn name(number: usize) -> String {
    format!("encoder.layers.{}.block.{number}.weight", number / 100)
}

/// The numbers of a tensor; those of one tensor are others after an update.
fn numbers(number: usize, updated: bool) -> [f32; NUMBERS] {
    let step = if updated && number == TENSORS / 2 { 0.5 } else { 0.0 };
    std::array::from_fn(|at| (number * NUMBERS + at) as f32 + step)
}

/// A shard of all tensors. An update also has one more in front of the others.
fn shard(updated: bool) -> Vec<u8> {
    const BYTES: usize = NUMBERS * 4;
    let first = if updated { vec![("added".to_owned(), 0)] } else { Vec::new() };
    let listed = first.into_iter().chain((0..TENSORS).map(|number| (name(number), number)));
    let (mut header, mut data) = (String::from("{"), Vec::new());
    for (name, number) in listed {
        let at = data.len();
        let comma = if at > 0 { "," } else { "" };
        let offsets = format!(r#""data_offsets":[{at},{}]"#, at + BYTES);
        header += &format!(r#"{comma}"{name}":{{"dtype":"F32","shape":[{NUMBERS}],{offsets}}}"#);
        data.extend(numbers(number, updated).iter().flat_map(|number| number.to_le_bytes()));
    }
    header.push('}');
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
}

fn packed(target: &Path, entries: Vec<(&str, Vec<u8>)>) -> Package {
    let mut draft = Draft::new(example::manifest());
    draft.add_bytes(path("model.onnx"), b"structure".to_vec()).unwrap();
    entries.into_iter().for_each(|(name, bytes)| draft.add_bytes(path(name), bytes).unwrap());
    draft.write(target).unwrap();
    Package::open(target).unwrap()
}

/// The package that a delta from a base gives, which has to be the very same file; and how long the delta is.
fn through_a_delta(folder: &Path, package: &Package, base: &Package, file: &str) -> u64 {
    let (sent, expanded) = (folder.join("sent.briqz"), folder.join("expanded.briq"));
    let coded = parcel::write(package, Some(base), &sent).unwrap();
    Parcel::open(&sent).unwrap().expand(Some(base), &expanded).unwrap();
    assert_eq!(std::fs::read(expanded).unwrap(), std::fs::read(folder.join(file)).unwrap());
    coded.size
}

#[test]
fn a_hundred_thousand_tensors_are_packed_and_read_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let package = packed(&folder.path().join("old.briq"), vec![(SHARD, shard(false))]);
    package.verify().unwrap();
    let mapped = package.share(&path(SHARD)).unwrap();
    let tensors = SafeTensors::deserialize(&mapped).unwrap();
    assert_eq!(tensors.len(), TENSORS);
    for number in 0..TENSORS {
        let tensor = tensors.tensor(&name(number)).unwrap();
        let expected = numbers(number, false).map(f32::to_le_bytes);
        assert_eq!(tensor.data(), expected.as_flattened());
    }

    let updated = packed(&folder.path().join("new.briq"), vec![(SHARD, shard(true))]);
    let (old, new) = (Index::of(&package).unwrap(), Index::of(&updated).unwrap());
    let chunks = |index: &Index, package: &Package| index.chunks(&package.entries()[1].sha256).unwrap().to_vec();
    let (old, new) = (chunks(&old, &package), chunks(&new, &updated));
    let moved: u64 = new.iter().filter(|chunk| !old.contains(chunk)).map(|chunk| u64::from(chunk.length)).sum();
    println!("{moved} of {} bytes are in chunks that changed", updated.entries()[1].size);
    let size = through_a_delta(folder.path(), &updated, &package, "new.briq");
    println!("the delta has {size} bytes");
}

#[test]
fn a_delta_of_very_many_entries_is_coded_and_expanded() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..ENTRIES).map(|number| format!("assets/{number:05}")).collect();
    let entries = |last: u8| {
        let contents = |(number, name): (usize, &String)| {
            let mark = if number == ENTRIES / 2 { last } else { 0 };
            [number.to_le_bytes().as_slice(), &[mark], name.as_bytes()].concat()
        };
        let assets = names.iter().enumerate().map(|entry| (entry.1.as_str(), contents(entry)));
        assets.chain([(SHARD, b"weights".to_vec())]).collect()
    };
    let old = packed(&folder.path().join("old.briq"), entries(0));
    let new = packed(&folder.path().join("new.briq"), entries(1));
    through_a_delta(folder.path(), &new, &old, "new.briq");
}
