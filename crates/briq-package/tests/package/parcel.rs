//! Packages that are coded for their way, alone and told from a base, and what a reader of them refuses.

use std::fs;
use std::path::{Path, PathBuf};

use briq_package::codec::{self, Coding, Rule};
use briq_package::parcel::{self, Parcel};
use briq_package::{Draft, Package, PackageError, PackageErrorKind, Seal, example};
use proptest::prelude::*;
use tempfile::TempDir;

use super::kit::{self, SHARD, path};

/// A safetensors file of tensors, each with its type and bytes.
fn shard(tensors: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut at = 0;
    let listed: Vec<String> = tensors
        .iter()
        .map(|(name, datatype, bytes)| {
            let start = at;
            at += bytes.len();
            format!(r#""{name}":{{"dtype":"{datatype}","shape":[],"data_offsets":[{start},{at}]}}"#)
        })
        .collect();
    let header = format!("{{{}}}", listed.join(","));
    let data = tensors.iter().flat_map(|(_, _, bytes)| bytes.iter().copied());
    (header.len() as u64).to_le_bytes().into_iter().chain(header.into_bytes()).chain(data).collect()
}

/// Numbers in a bell's shape, the same ones for a seed.
fn weights(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    (0..count).map(|_| ((0..6).map(|_| next()).sum::<f32>() - 3.0) * 0.05).collect()
}

fn f32s(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn bf16s(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| ((number.to_bits() + 0x8000) >> 16).to_le_bytes()[..2].to_vec()).collect()
}

/// The numbers after a step of training.
fn tuned(numbers: &[f32]) -> Vec<f32> {
    numbers.iter().zip(weights(numbers.len(), 77)).map(|(number, step)| number + step * 0.002).collect()
}

/// A folder with packages that have this shard, by name.
fn folder(shards: &[(&str, Vec<u8>)]) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let pack = |(name, shard): &(&str, Vec<u8>)| {
        let target = folder.path().join(format!("{name}.briq"));
        let mut draft = Draft::new(example::manifest());
        for (name, bytes) in kit::contents().into_iter().filter(|(name, _)| *name != SHARD) {
            draft.add_bytes(path(name), bytes).unwrap();
        }
        draft.add_bytes(path(SHARD), shard.clone()).unwrap();
        draft.write(&target).unwrap();
        target
    };
    let files = shards.iter().map(pack).collect();
    (folder, files)
}

/// A package and one fine-tuned from it, with tensors of two types of which one did not change.
fn pair() -> (TempDir, PathBuf, PathBuf) {
    let (a, b, frozen) = (weights(40_000, 1), weights(30_000, 2), f32s(&weights(5000, 3)));
    let base = shard(&[("a", "F32", &f32s(&a)), ("b", "BF16", &bf16s(&b)), ("c", "F32", &frozen)]);
    let after = shard(&[("a", "F32", &f32s(&tuned(&a))), ("b", "BF16", &bf16s(&tuned(&b))), ("c", "F32", &frozen)]);
    let (folder, mut files) = folder(&[("base", base), ("tuned", after)]);
    let (tuned, base) = (files.pop().unwrap(), files.pop().unwrap());
    (folder, base, tuned)
}

fn expanded(parcel: &Path, base: Option<&Path>) -> Result<Vec<u8>, PackageError> {
    let base = base.map(|base| Package::open(base).unwrap());
    let target = parcel.with_extension("expanded");
    Parcel::open(parcel)?.expand(base.as_ref(), &target)?;
    Ok(fs::read(target).unwrap())
}

/// The parcel of a package.
fn sent(file: &Path, base: Option<&Path>) -> PathBuf {
    let target = parcel::file_name(file);
    let base = base.map(|base| Package::open(base).unwrap());
    parcel::write(&Package::open(file).unwrap(), base.as_ref(), &target).unwrap();
    target
}

#[test]
fn what_is_expanded_is_the_package_byte_for_byte() {
    let (_folder, base, tuned) = pair();
    let whole = fs::read(&tuned).unwrap();
    let alone = sent(&tuned, None);
    assert!(expanded(&alone, None).unwrap() == whole);
    assert!(fs::metadata(&alone).unwrap().len() < whole.len() as u64 * 9 / 10);
    let delta = sent(&tuned, Some(&base));
    assert!(expanded(&delta, Some(&base)).unwrap() == whole);
    assert!(fs::metadata(delta).unwrap().len() < whole.len() as u64 * 7 / 10);
}

#[test]
fn a_delta_of_nothing_is_hardly_more_than_the_manifest() {
    let (_folder, base, _) = pair();
    let manifest = Package::open(&base).unwrap().manifest_bytes().len();
    assert!(fs::metadata(sent(&base, Some(&base))).unwrap().len() < manifest as u64 + 300);
}

#[test]
fn a_tensor_is_found_wherever_the_base_has_it() {
    let (a, b) = (f32s(&weights(9000, 1)), f32s(&weights(9000, 2)));
    let (_folder, files) = folder(&[
        ("base", shard(&[("a", "F32", &a), ("b", "F32", &b)])),
        ("tuned", shard(&[("new", "U8", b"new"), ("b", "F32", &b), ("a", "F32", &a)])),
    ]);
    let delta = sent(&files[1], Some(&files[0]));
    assert!(fs::metadata(&delta).unwrap().len() < 4000);
    assert!(expanded(&delta, Some(&files[0])).unwrap() == fs::read(&files[1]).unwrap());
}

#[test]
fn noise_costs_next_to_nothing() {
    let noise: Vec<u8> = weights(300_000, 5).iter().map(|number| (number.to_bits() >> 3) as u8).collect();
    let (_folder, files) = folder(&[("noise", shard(&[("a", "F32", &noise)]))]);
    let length = fs::metadata(&files[0]).unwrap().len();
    let parcel = sent(&files[0], None);
    assert!(fs::metadata(&parcel).unwrap().len() < length + 100);
    assert!(expanded(&parcel, None).unwrap() == fs::read(&files[0]).unwrap());
}

#[test]
fn seals_come_along() {
    let (folder, base, tuned) = pair();
    let sealed = folder.path().join("sealed.briq");
    let seals = ["signatures/b.sig", "signatures/a.sig"].map(|name| Seal { path: path(name), bytes: name.into() });
    Package::open(&tuned).unwrap().assemble_sealed(&sealed, &seals).unwrap();
    let delta = sent(&sealed, Some(&base));
    assert!(expanded(&delta, Some(&base)).unwrap() == fs::read(&sealed).unwrap());
}

#[test]
fn the_same_packages_give_the_same_parcel() {
    let (folder, base, tuned) = pair();
    let delta = fs::read(sent(&tuned, Some(&base))).unwrap();
    let mut again = Vec::new();
    let open = |file: &Path| Package::open(file).unwrap();
    let coded = parcel::encode(&open(&tuned), Some(&open(&base)), &mut again).unwrap();
    assert!(delta == again && coded.size == again.len() as u64);
    let parcel = Parcel::from_bytes(again).unwrap();
    assert_eq!((parcel.digest(), parcel.digest()), (coded.digest, open(&tuned).digest()));
    let target = folder.path().join("again.briq");
    assert_eq!(parcel.expand(Some(&open(&base)), &target).unwrap().size, fs::metadata(&target).unwrap().len());
}

#[test]
fn rejects_a_base_that_is_missing_or_another() {
    let (folder, base, tuned) = pair();
    let delta = sent(&tuned, Some(&base));
    let needed = format!("digits@{}", Package::open(&base).unwrap().digest());
    let missing = expanded(&delta, None).unwrap_err();
    assert!(missing.is_not_found() && missing.to_string().contains(&needed), "{missing}");
    let wrong = expanded(&delta, Some(&tuned)).unwrap_err();
    assert!(wrong.kind() == PackageErrorKind::Invalid && wrong.to_string().contains(&needed), "{wrong}");
    assert!(!kit::names(folder.path()).iter().any(|name| name.contains("expanded")));
}

/// Bytes that were changed, with the digest at their end set right.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let body = bytes.len() - 32;
    let digest = *blake3::hash(&bytes[..body]).as_bytes();
    bytes[body..].copy_from_slice(&digest);
    bytes
}

/// The small package of the kit as a delta from itself with other names, so that every kind of field is there, and its base.
fn small() -> (TempDir, Vec<u8>, Package, Vec<u8>) {
    let (a, b) = (f32s(&weights(40, 1)), f32s(&weights(60, 2)));
    let (folder, files) = folder(&[
        ("base", shard(&[("a", "F32", &a), ("b", "BF16", &b)])),
        ("tuned", shard(&[("a", "F32", &f32s(&tuned(&weights(40, 1)))), ("b", "BF16", &b)])),
    ]);
    let sealed = folder.path().join("sealed.briq");
    let seal = Seal { path: path("signatures/a.sig"), bytes: b"a signature".to_vec() };
    Package::open(&files[1]).unwrap().assemble_sealed(&sealed, &[seal]).unwrap();
    let delta = fs::read(sent(&sealed, Some(&files[0]))).unwrap();
    let whole = fs::read(sealed).unwrap();
    (folder, delta, Package::open(&files[0]).unwrap(), whole)
}

fn verdict(bytes: Vec<u8>, base: &Package, folder: &Path) -> Result<Vec<u8>, PackageError> {
    let target = folder.join("verdict.briq");
    Parcel::from_bytes(bytes)?.expand(Some(base), &target)?;
    Ok(fs::read(target).unwrap())
}

#[test]
fn every_flip_truncation_and_trailing_byte_is_found() {
    let (folder, delta, base, _) = small();
    for at in 0..delta.len() {
        let mut flipped = delta.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(Parcel::from_bytes(flipped).is_err_and(|error| error.is_corrupt()), "byte {at}");
        let cut = verdict(delta[..at].to_vec(), &base, folder.path());
        assert!(cut.is_err_and(|error| error.is_corrupt()), "{at} bytes");
    }
    let longer = [&delta[..], b"x"].concat();
    assert!(Parcel::from_bytes(longer).is_err());
    let mut inside = delta.clone();
    inside.insert(delta.len() - 32, 0);
    let error = verdict(resealed(inside), &base, folder.path()).unwrap_err();
    assert!(error.is_corrupt() && error.to_string().contains("bytes follow its last entry"), "{error}");
}

/// Whoever makes a parcel also makes its digest: the entries themselves are what counts.
#[test]
fn no_forged_byte_gives_another_package() {
    let (folder, delta, base, whole) = small();
    for at in 0..delta.len() - 32 {
        for mask in [1, 0x80, 0xff] {
            let mut forged = delta.clone();
            forged[at] ^= mask;
            let Ok(package) = verdict(resealed(forged), &base, folder.path()) else { continue };
            let opened = kit::verdict(folder.path(), &package);
            assert!(package == whole || opened.is_ok(), "byte {at} with {mask:#x} gives what is no package");
        }
    }
}

/// What a parcel of given bytes is refused for.
fn refusal(change: impl Fn(&mut Vec<u8>)) -> PackageError {
    let (folder, mut delta, base, _) = small();
    change(&mut delta);
    verdict(resealed(delta), &base, folder.path()).unwrap_err()
}

#[test]
fn rejects_what_is_no_parcel_or_a_newer_one() {
    let error = Parcel::from_bytes(kit::bytes()).unwrap_err();
    assert!(error.is_corrupt() && error.to_string().contains("does not begin as a parcel does"), "{error}");
    assert!(refusal(|bytes| bytes[8] = 2).is_unsupported());
    assert!(refusal(|bytes| bytes[8] = 0).to_string().contains("there is no format 0"));
}

#[test]
fn rejects_lengths_that_cannot_be() {
    let error = refusal(|bytes| bytes[16..20].copy_from_slice(&u32::MAX.to_le_bytes()));
    assert_eq!(error.kind(), PackageErrorKind::Limit, "{error}");
    let error = refusal(|bytes| bytes[20..24].copy_from_slice(&65_u32.to_le_bytes()));
    assert_eq!(error.kind(), PackageErrorKind::Limit, "{error}");
    let error = refusal(|bytes| bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes()));
    assert!(error.is_corrupt() && error.to_string().contains("it ends too soon"), "{error}");
    let error = refusal(|bytes| bytes[24..28].copy_from_slice(b"/../"));
    assert!(error.to_string().contains("NAME@blake3:HEX"), "{error}");
}

#[test]
fn rejects_coded_numbers_that_cannot_be() {
    let coding = Coding { width: 2, rule: Rule::Xor };
    let rejects = |coded: &[u8], reason: &str| {
        let error = codec::decode(coding, coded, None, 200).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    };
    rejects(&[0], "it ends too soon");
    rejects(&[0, 0, 0], "bytes follow");
    rejects(&[0, 3], "in no known way");
    rejects(&[0, 1, 7, 7], "it ends too soon");
    rejects(&[0, 2, 100, 0, 0, 0], "longer than it would be raw");
    rejects(&[0, 2, 4, 0, 0, 0, 1, 2, 3, 4], "no zstd frame");
    let short = codec::encode(Coding::PLAIN, &[7; 90], None);
    rejects(&[&[0], &short[..]].concat(), "too short");
    let long = codec::encode(Coding::PLAIN, &[7; 110], None);
    rejects(&[&[0], &long[..]].concat(), "no zstd frame");
    assert!(codec::decode(coding, &[0; 16], None, 1 << 40).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(4), cases: 200, ..ProptestConfig::default() })]

    /// Bits of every kind, not-a-number with what it carries among them.
    #[test]
    fn every_number_comes_back(
        words in prop::collection::vec(prop_oneof![any::<u64>(), 0..4_u64, Just(0x7ff0_0000_dead_beef_u64)], 0..3000),
        noise in any::<u64>(), width in 0..4_u32, difference in any::<bool>(), based in any::<bool>(),
    ) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let base: Vec<u8> = words.iter().flat_map(|word| (word ^ (noise & word >> 5)).to_le_bytes()).collect();
        let rule = if difference { Rule::Difference } else { Rule::Xor };
        let coding = Coding { width: 1 << width, rule };
        let base = based.then_some(&base[..]);
        let coded = codec::encode(coding, &bytes, base);
        prop_assert_eq!(codec::decode(coding, &coded, base, bytes.len()), Ok(bytes));
    }

    /// Shards of any tensors, told from any others.
    #[test]
    fn every_package_comes_back(
        old in prop::collection::vec((0..5_usize, 0..700_usize, any::<u32>()), 0..6),
        new in prop::collection::vec((0..5_usize, 0..700_usize, any::<u32>()), 0..6),
    ) {
        let shard = |tensors: &[(usize, usize, u32)]| {
            let bytes: Vec<Vec<u8>> = tensors.iter().map(|(_, length, seed)| f32s(&weights(*length, seed % 3))).collect();
            let name = |index: usize| ["a", "b", "c", "d", "e", "f"][index];
            let datatype = |kind: usize| ["F32", "BF16", "F64", "I8", "UNKNOWN"][kind];
            let listed: Vec<_> =
                tensors.iter().zip(&bytes).enumerate().map(|(index, ((kind, ..), bytes))| (name(index), datatype(*kind), &bytes[..])).collect();
            self::shard(&listed)
        };
        let (_folder, files) = folder(&[("base", shard(&old)), ("tuned", shard(&new))]);
        for base in [None, Some(&*files[0])] {
            prop_assert!(expanded(&sent(&files[1], base), base).unwrap() == fs::read(&files[1]).unwrap());
        }
    }
}

/// Several blocks, the last of them not whole.
#[test]
fn long_tensors_come_back() {
    for width in [1, 2, 4, 8] {
        let bytes = f32s(&weights(codec::BLOCK_NUMBERS * 5 / 2 + 2, 9));
        let base = f32s(&tuned(&weights(codec::BLOCK_NUMBERS * 5 / 2 + 2, 9)));
        let coding = Coding { width, rule: Rule::Difference };
        let coded = codec::encode(coding, &bytes, Some(&base));
        assert!(codec::decode(coding, &coded, Some(&base), bytes.len()).unwrap() == bytes);
    }
}
