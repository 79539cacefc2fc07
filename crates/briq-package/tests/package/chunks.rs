//! Where entries are cut, and the index that says so.

use std::collections::{BTreeMap, HashSet};

use briq_package::chunks::{Chunk, Index, LARGE_TENSOR_BYTES, MAX_CHUNK_BYTES, MAX_INDEX_BYTES, PIECE_BYTES, cut};
use briq_package::{Draft, Package, example};
use proptest::prelude::*;

use crate::kit::{SHARD, path};

/// Bytes without a pattern, other ones for each seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    std::iter::repeat_with(|| next().to_le_bytes()).flatten().take(length).collect()
}

/// A shard of tensors of these contents, whose header has some metadata.
fn shard(metadata: &str, tensors: &[Vec<u8>]) -> Vec<u8> {
    let mut members = vec![format!(r#""__metadata__":{{"note":"{metadata}"}}"#)];
    let mut offset = 0;
    for (number, tensor) in tensors.iter().enumerate() {
        let end = offset + tensor.len();
        members.push(format!(
            r#""t{number}":{{"dtype":"U8","shape":[{}],"data_offsets":[{offset},{end}]}}"#,
            tensor.len()
        ));
        offset = end;
    }
    let header = format!("{{{}}}", members.join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &tensors.concat()].concat()
}

fn length(chunks: &[Chunk]) -> usize {
    chunks.iter().map(|chunk| chunk.length as usize).sum()
}

/// How many bytes of `new` are in no chunk of `old`.
fn fresh(old: &[Chunk], new: &[Chunk]) -> usize {
    let known: HashSet<_> = old.iter().map(|chunk| chunk.digest).collect();
    new.iter().filter(|chunk| !known.contains(&chunk.digest)).map(|chunk| chunk.length as usize).sum()
}

fn tensors(count: u64, length: usize) -> Vec<Vec<u8>> {
    (0..count).map(|seed| noise(seed, length)).collect()
}

#[test]
fn a_header_that_grows_moves_no_cut_behind_it() {
    let tensors = [tensors(4, 3 << 20), tensors(50, 10_000)].concat();
    let (old, new) = (shard("", &tensors), shard(&"n".repeat(1001), &tensors));
    let (old, new) = (cut(&path(SHARD), &old), cut(&path(SHARD), &new));
    assert!(fresh(&old, &new) < 10_000, "{}", fresh(&old, &new));
}

#[test]
fn a_tensor_that_changes_is_the_only_one_that_is_fresh() {
    let mut tensors = tensors(64, LARGE_TENSOR_BYTES);
    let old = cut(&path(SHARD), &shard("", &tensors));
    tensors[17] = noise(1000, LARGE_TENSOR_BYTES);
    let new = cut(&path(SHARD), &shard("", &tensors));
    assert_eq!(fresh(&old, &new), LARGE_TENSOR_BYTES);
}

#[test]
fn a_byte_that_changes_makes_one_piece_of_its_tensor_fresh() {
    let mut tensors = tensors(2, 10 << 20);
    let old = cut(&path(SHARD), &shard("", &tensors));
    tensors[1][5_000_000] ^= 1;
    assert_eq!(fresh(&old, &cut(&path(SHARD), &shard("", &tensors))), PIECE_BYTES);
}

/// Small tensors and other entries are cut by their content: an insertion is noticed around it alone.
#[test]
fn an_insertion_makes_little_fresh() {
    let mut tensors = tensors(2000, 3000);
    let old = cut(&path(SHARD), &shard("", &tensors));
    tensors.insert(3, noise(9999, 3000));
    let new = cut(&path(SHARD), &shard("", &tensors));
    // The header names every tensor, so it is fresh too.
    assert!(fresh(&old, &new) < 700_000, "{}", fresh(&old, &new));

    let text = noise(1, 6_000_000);
    let (old, new) = (cut(&path("a"), &text), cut(&path("a"), &[b"inserted", text.as_slice()].concat()));
    assert!(fresh(&old, &new) < 600_000, "{}", fresh(&old, &new));
}

#[test]
fn what_is_no_shard_is_cut_all_the_same() {
    let lies = [
        Vec::new(),
        vec![255; 7],
        vec![255; 100_000],
        [&u64::MAX.to_le_bytes(), &noise(1, 500_000)[..]].concat(),
        [&4_u64.to_le_bytes()[..], b"null", &noise(1, 500_000)].concat(),
        [&51_u64.to_le_bytes()[..], br#"{"a":{"data_offsets":[18446744073709551615,300000]}}"#, &noise(1, 500_000)]
            .concat(),
    ];
    for bytes in lies {
        assert_eq!(length(&cut(&path(SHARD), &bytes)), bytes.len());
    }
}

fn packed() -> Package {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("p.briq");
    let mut draft = Draft::new(example::manifest());
    draft.add_bytes(path("model.onnx"), noise(5, 100_000)).unwrap();
    draft.add_bytes(path("README.md"), noise(6, 1000)).unwrap();
    draft.add_bytes(path("assets/same"), noise(5, 100_000)).unwrap();
    draft.add_bytes(path(SHARD), shard("", &tensors(3, 2 << 20))).unwrap();
    draft.write(&target).unwrap();
    Package::open(&target).unwrap()
}

#[test]
fn lists_the_larger_contents_of_a_package_each_once() {
    let package = packed();
    let index = Index::of(&package).unwrap();
    for entry in package.entries() {
        let chunks = index.chunks(&entry.sha256);
        assert_eq!(chunks.map(length), (entry.size >= 65_536).then_some(entry.size as usize), "{}", entry.path);
    }
    // 8 + 4, two contents, two chunks of each tensor and whatever the rest is cut into.
    assert_eq!(index.to_bytes()[8..12], 2_u32.to_le_bytes());
    assert_eq!(Index::from_bytes(&index.to_bytes()).unwrap(), index);
}

/// The least index, by hand: it says what the specification says.
fn least() -> Vec<u8> {
    [b"briqidx\x01".as_slice(), &[1, 0, 0, 0], &[7; 32], &[1, 0, 0, 0], &[5, 0, 0, 0], &[9; 32]].concat()
}

#[test]
fn reads_what_the_specification_shows() {
    let index = Index::from_bytes(&least()).unwrap();
    let content = briq_spec::Sha256Digest::from_bytes([7; 32]);
    let digest = briq_spec::Blake3Digest::from_bytes([9; 32]);
    assert_eq!(index.chunks(&content), Some([Chunk { length: 5, digest }].as_slice()));
    assert_eq!(index.to_bytes(), least());
    assert!(Index::from_bytes(b"briqidx\x01\0\0\0\0").unwrap().is_empty());
}

#[test]
fn rejects_what_is_no_index() {
    let with = |at: usize, bytes: &[u8]| {
        let mut all = least();
        all[at..at + bytes.len()].copy_from_slice(bytes);
        all
    };
    let twice = [&least()[..8], &[2, 0, 0, 0], &least()[12..], &least()[12..]].concat();
    let cases: BTreeMap<&str, Vec<u8>> = [
        ("at byte 0: it ends too early", Vec::new()),
        ("it does not begin as one of a form that is known", with(7, &[2])),
        ("at byte 8: it ends before what it counts", with(8, &[2])),
        ("at byte 44: it ends before what it counts", with(44, &u32::MAX.to_le_bytes())),
        ("at byte 44: a content has no chunk", with(44, &[0])),
        ("at byte 48: a chunk has 0 bytes", with(48, &[0])),
        ("at byte 48: a chunk has 16777217 bytes", with(48, &(MAX_CHUNK_BYTES + 1).to_le_bytes())),
        ("at byte 84: something follows its last chunk", [least(), vec![0]].concat()),
        ("at byte 84: its contents are not in the order of their digests", twice),
    ]
    .into();
    for (reason, bytes) in cases {
        let error = Index::from_bytes(&bytes).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read chunk index: {reason}"));
        assert!(error.is_corrupt());
    }
    let large = vec![0; MAX_INDEX_BYTES as usize + 1];
    let error = Index::from_bytes(&large).unwrap_err();
    assert_eq!(error.to_string(), "cannot read chunk index: it is larger than 67108864 bytes");
}

#[test]
fn rejects_every_truncation() {
    let bytes = Index::of(&packed()).unwrap().to_bytes();
    for end in 0..bytes.len() {
        assert!(Index::from_bytes(&bytes[..end]).is_err(), "{end}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chunks_cover_all_bytes(seed: u64, head in proptest::collection::vec(any::<u8>(), 0..40), length in 0..700_000_usize) {
        let bytes = [head, noise(seed, length)].concat();
        for name in ["a", SHARD] {
            let mut rest = bytes.as_slice();
            for chunk in cut(&path(name), &bytes) {
                let (own, behind) = rest.split_at(chunk.length as usize);
                prop_assert!(blake3::hash(own) == *chunk.digest.as_bytes());
                prop_assert!(chunk.length > 0 && chunk.length <= MAX_CHUNK_BYTES);
                rest = behind;
            }
            prop_assert!(rest.is_empty());
        }
    }

    /// Whatever is read is written as the same bytes.
    #[test]
    fn an_index_has_one_form(at in 0..84_usize, value: u8) {
        let mut bytes = least();
        bytes[at] = value;
        if let Ok(index) = Index::from_bytes(&bytes) {
            prop_assert_eq!(index.to_bytes(), bytes);
        }
    }
}
