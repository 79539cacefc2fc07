use std::fs;

use briq_package::{Draft, Options, Package, Verified, example};
use proptest::prelude::*;

use super::kit::{self, SHARD, path};

#[test]
fn what_was_packed_is_read() {
    let (_folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    for (name, bytes) in kit::contents() {
        assert_eq!(package.read(&path(name)).unwrap(), bytes);
    }
    let names: Vec<&str> = package.entries().iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(names, kit::contents().iter().map(|(name, _)| *name).collect::<Vec<_>>());
    assert_eq!(package.structure().unwrap(), b"structure");
    assert_eq!(package.text(&path("assets/labels.txt")).unwrap(), "null\neins\nzwölf\n");
    assert_eq!(package.manifest().to_canonical_json(), package.manifest_bytes());
    assert_eq!(package.digest().as_bytes(), blake3::hash(package.manifest_bytes()).as_bytes());
    let bytes = kit::contents().iter().map(|(_, bytes)| bytes.len() as u64).sum();
    assert_eq!(package.verify().unwrap(), Verified { entries: 5, bytes });
}

#[test]
fn an_absent_entry_is_not_found() {
    let (_folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    let error = package.read(&path("x")).unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(
        error.to_string(),
        format!("cannot read package {}: entry \"x\": the package has no such entry", target.display())
    );
    assert!(package.map_unverified(&path("briq.json")).is_err());
}

#[test]
fn rejects_text_that_is_none() {
    let (_folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    assert!(package.text(&path(SHARD)).unwrap_err().to_string().contains("not UTF-8"));
}

/// Opening does not look at weights; reading does.
#[test]
fn rejects_a_changed_entry_when_it_is_read() {
    let (_folder, target) = kit::packed();
    let mut bytes = fs::read(&target).unwrap();
    bytes[4096 + 17] ^= 1;
    fs::write(&target, bytes).unwrap();
    let package = Package::open(&target).unwrap();
    let error = package.read(&path(SHARD)).unwrap_err();
    assert!(error.is_corrupt());
    assert_eq!(error.entry(), Some(SHARD));
    assert!(error.to_string().ends_with("its bytes do not match its BLAKE3 digest"), "{error}");
    assert!(package.read(&path("model.onnx")).is_ok());
    assert!(package.verify().is_err());
}

#[test]
fn rejects_what_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Package::open(&folder.path().join("x.briq")).unwrap_err().is_not_found());
    assert!(Package::open(folder.path()).unwrap_err().is_io());
}

#[test]
fn bytes_whose_memory_was_given_back_are_read_again() {
    let (_folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    for entry in package.entries() {
        let shared = package.share(&entry.path).unwrap();
        let before = shared.to_vec();
        shared.release();
        assert_eq!(*shared, *before, "{}", entry.path);
    }
}

#[test]
fn a_package_is_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Package>();
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(1), cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_contents_survive(entries in prop::collection::btree_map("[a-c]{1,2}/[a-zé ]{1,9}(\\.safetensors)?", prop::collection::vec(any::<u8>(), 0..5000), 0..6)) {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("any.briq");
        let mut draft = Draft::new(example::manifest());
        draft.add_bytes(path("model.onnx"), Vec::new()).unwrap();
        draft.add_bytes(path(SHARD), vec![1]).unwrap();
        for (name, bytes) in &entries {
            draft.add_bytes(path(name), bytes.clone()).unwrap();
        }
        draft.write(&target).unwrap();
        let package = Package::open(&target).unwrap();
        prop_assert_eq!(package.verify().unwrap().entries, entries.len() + 2);
        for (name, bytes) in &entries {
            prop_assert_eq!(package.read(&path(name)).unwrap(), bytes);
        }
    }
}

#[test]
fn a_package_in_memory_is_the_same() {
    let package = Package::from_bytes(kit::bytes(), Options::default()).unwrap();
    assert_eq!(package.digest(), Package::open(&kit::packed().1).unwrap().digest());
    assert_eq!(package.verify().unwrap(), package.verify_identity().unwrap());
    let error = Package::from_bytes(kit::bytes()[1..].to_vec(), Options::default()).unwrap_err();
    assert!(error.is_corrupt() && error.to_string().starts_with("cannot open package in memory: "), "{error}");
}

/// Shards of more than one chunk, and of more than one thread's worth: the digests are those of the plain bytes.
#[test]
fn large_entries_from_memory_and_from_files_are_hashed_alike() {
    let folder = tempfile::tempdir().unwrap();
    let mut large = kit::draft();
    for (number, length) in [(128 << 10) - 1, 128 << 10, 3 * (256 << 10), 3_000_001].into_iter().enumerate() {
        let bytes: Vec<u8> = (0..length).map(|at: u32| (at % 251) as u8).collect();
        let source = folder.path().join(number.to_string());
        fs::write(&source, &bytes).unwrap();
        large.add_file(path(&format!("assets/file-{number}")), source).unwrap();
        large.add_bytes(path(&format!("assets/memory-{number}")), bytes).unwrap();
    }
    let target = folder.path().join("large.briq");
    large.write(&target).unwrap();
    let package = Package::open(&target).unwrap();
    package.verify().unwrap();
    for number in 0..4 {
        let [file, memory] = ["file", "memory"].map(|kind| {
            let entry = package.manifest().entry(&path(&format!("assets/{kind}-{number}"))).unwrap();
            (entry.size, entry.blake3, entry.sha256)
        });
        assert_eq!(file, memory);
    }
    let again = folder.path().join("again.briq");
    package.assemble(&again).unwrap();
    assert_eq!(fs::read(target).unwrap(), fs::read(again).unwrap());
}

/// What the identity does not cover: a claim that the packer made, here of its SHA-256.
#[test]
fn a_false_claim_is_found_by_the_whole_verification_alone() {
    let (_folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    let text = String::from_utf8(package.manifest_bytes().to_vec()).unwrap();
    let sha256 = package.manifest().entry(&path(SHARD)).unwrap().sha256.to_string();
    let lying = text.replace(&sha256, &format!("sha256:{}", "0".repeat(64)));
    let blobs = tempfile::tempdir().unwrap();
    for (name, bytes) in kit::contents() {
        fs::write(blobs.path().join(name.replace('/', "-")), bytes).unwrap();
    }
    let locate = |entry: &briq_spec::manifest::Entry| blobs.path().join(entry.path.as_str().replace('/', "-"));
    let package = Package::from_blobs(lying.into_bytes(), locate).unwrap();
    assert!(package.verify_identity().is_ok());
    let error = package.verify().unwrap_err();
    assert!(error.to_string().ends_with("its bytes do not match its SHA-256 digest"), "{error}");
}
