//! What a package never is, one case for each.

use briq_package::PackageErrorKind;

use super::kit;
use super::zip::{Member, manifest, member, members, zip};

fn rejects(bytes: &[u8], entry: Option<&str>, reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    let error = kit::verdict(folder.path(), bytes).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{error}: {source}").contains(reason), "{error}: {source}");
    assert_eq!(error.entry(), entry, "{error}");
    assert!(error.is_corrupt(), "{error}");
}

/// Changes the members before they are zipped; number 2 is `assets/labels.txt`.
fn rejects_members(change: impl FnOnce(&mut Vec<Member>), entry: Option<&str>, reason: &str) {
    let mut members = members();
    change(&mut members);
    rejects(&zip(&members), entry, reason);
}

/// Changes the first local header of that name, and not the directory.
fn rejects_local(name: &str, offset: usize, reason: &str) {
    let mut bytes = kit::bytes();
    let at = bytes
        .windows(name.len())
        .enumerate()
        .position(|(at, window)| window == name.as_bytes() && at >= 30 && bytes[at - 30..].starts_with(b"PK\x03\x04"));
    bytes[at.unwrap() - 30 + offset] ^= 1;
    rejects(&bytes, Some(name), reason);
}

const LABELS: Option<&str> = Some("assets/labels.txt");

#[test]
fn rejects_what_is_no_zip() {
    rejects(b"", None, "it is not a package");
    rejects(b"hello, this is a text of more than twenty-two bytes", None, "it is not a package");
    rejects(&kit::bytes()[..5000], None, "it is cut short");
}

#[test]
fn rejects_what_stands_before_or_after() {
    rejects(&[b"#!/bin/sh\n".as_slice(), &kit::bytes()].concat(), None, "10 bytes stand before it");
    rejects(&[&kit::bytes(), b"junk".as_slice()].concat(), None, "4 bytes follow its end");
    let mut commented = kit::bytes();
    let length = commented.len();
    commented[length - 2] = 4;
    commented.extend(b"junk");
    rejects(&commented, None, "it has a comment");
}

#[test]
fn rejects_every_other_kind_of_storage() {
    rejects_members(|m| m[2].method = 8, LABELS, "compressed (method 8)");
    rejects_members(|m| m[2].method = 93, LABELS, "compressed (method 93)");
    rejects_members(|m| m[2].flags |= 1, LABELS, "encrypted");
    rejects_members(|m| m[2].flags |= 1 << 6, LABELS, "encrypted");
    rejects_members(|m| m[2].flags |= 1 << 3, LABELS, "data descriptor");
    rejects_members(|m| m[2].mode = 0o120_777, LABELS, "a link");
    rejects_members(|m| m[2].comment = b"hi".to_vec(), LABELS, "comment");
}

#[test]
fn rejects_other_flags_and_permissions() {
    rejects_members(|m| m[2].flags = 0, LABELS, "not as briq writes it");
    rejects_members(|m| m[2].mode = 0o100_755, None, "its directory is not as briq writes it");
    rejects_members(|m| m[2].mode = 0o040_755, None, "its directory is not as briq writes it");
}

#[test]
fn rejects_paths_that_lead_outside() {
    for name in ["../labels.txt", "/etc/passwd", "a/../../b", "a\\b", "assets/", "a//b", ".", "C:labels.txt"] {
        rejects_members(|m| m[2].name = name.into(), Some(name), "not legal in a package");
    }
    rejects_members(|m| m[2].name = b"a\xff".to_vec(), Some("a\u{fffd}"), "not legal in a package");
}

#[test]
fn rejects_duplicate_and_overlapping_entries() {
    rejects_members(|m| m.insert(3, m[2].clone()), LABELS, "there twice");
    rejects_members(|m| m[3].shift = -10, Some("assets/names.txt"), "overlaps what stands before it");
    rejects_members(|m| m[2].shift = 10, LABELS, "leaves a gap before it");
    rejects_members(|m| m[2].gap = 64, LABELS, "leaves a gap before it");
}

#[test]
fn rejects_headers_that_contradict_the_directory() {
    rejects_local("model.onnx", 0, "local header is broken");
    rejects_local("model.onnx", 4, "not as briq writes it");
    rejects_local("model.onnx", 8, "compressed (method 1)");
    rejects_local("model.onnx", 10, "not as briq writes it");
    rejects_local("model.onnx", 14, "another checksum than the directory");
    rejects_local("model.onnx", 18, "another length than the directory");
    rejects_local("model.onnx", 22, "another length than the directory");
    rejects_local("model.onnx", 26, "another name than the directory");
    rejects_local("model.onnx", 39, "another name than the directory");
    rejects_local("model.onnx", 50, "local header or padding is not as briq writes it");
}

#[test]
fn rejects_entries_that_the_manifest_does_not_list() {
    rejects_members(|m| m.insert(2, member("assets/extra", b"x")), Some("assets/extra"), "does not list it");
    rejects_members(|m| m.push(member("x", b"x")), Some("x"), "does not list it");
    rejects_members(|m| m[2].name = b"assets/fabels.txt".to_vec(), Some("assets/fabels.txt"), "does not list it");
}

#[test]
fn rejects_entries_that_are_missing() {
    rejects_members(|m| drop(m.remove(2)), LABELS, "it is missing");
    rejects_members(|m| drop(m.pop()), Some(kit::SHARD), "it is missing");
    rejects_members(|m| m.truncate(1), Some("assets/empty"), "it is missing");
    rejects_members(Vec::clear, None, "first entry is not briq.json");
    rejects_members(|m| drop(m.remove(0)), None, "first entry is not briq.json");
}

#[test]
fn rejects_entries_out_of_order() {
    rejects_members(|m| m.swap(2, 3), LABELS, "stands after assets/names.txt");
    rejects_members(|m| m.swap(0, 1), None, "first entry is not briq.json");
    rejects_members(|m| m.insert(1, member("signatures/a", b"")), Some("assets/empty"), "stands after signatures/a");
}

#[test]
fn rejects_contents_other_than_the_manifests() {
    rejects_members(|m| m[2].data.push(b'\n'), LABELS, "and the manifest says 17");
    rejects_members(|m| m[2].data[0] ^= 1, LABELS, "do not match its BLAKE3");
    let mut other = manifest(&kit::contents());
    other.entries[1].sha256 = other.entries[0].sha256;
    rejects_members(|m| m[0].data = other.to_canonical_json(), LABELS, "do not match its SHA-256");
}

#[test]
fn rejects_a_manifest_that_is_none() {
    rejects_members(|m| m[0].data = b"{}".to_vec(), None, "its manifest is not valid");
    rejects_members(|m| m[0].data.push(b' '), None, "not in its canonical form");
    let mut newer = manifest(&kit::contents());
    newer.format = briq_spec::manifest::NEWEST_FORMAT + 1;
    rejects_members(|m| m[0].data = newer.to_canonical_json(), None, "of format 4");
}

/// No folder can hold a seal `signatures/a` and a seal `signatures/a/b`.
#[test]
fn rejects_a_seal_below_a_seal() {
    let seals = ["signatures/a", "signatures/a-b", "signatures/a/b"].map(|name| member(name, b""));
    rejects_members(|m| m.extend(seals), Some("signatures/a/b"), "lies below another seal");
}

/// A newer format is not damage, and fetching it again would not help.
#[test]
fn rejects_a_newer_format_with_other_advice() {
    let mut newer = manifest(&kit::contents());
    newer.format = briq_spec::manifest::NEWEST_FORMAT + 1;
    let mut members = members();
    members[0].data = newer.to_canonical_json();
    let folder = tempfile::tempdir().unwrap();
    let error = kit::verdict(folder.path(), &zip(&members)).unwrap_err();
    assert!(error.is_unsupported() && error.kind() == PackageErrorKind::Unsupported);
    assert_eq!(error.hint().unwrap(), "use a newer version of briq");
}

#[test]
fn rejects_more_than_the_limits() {
    let too_many = |count: u64| {
        let mut bytes = b"PK\x06\x06".to_vec();
        bytes.extend(44u64.to_le_bytes());
        bytes.extend([0x2d, 3, 0x2d, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        [count, count, 0, 0].iter().for_each(|field| bytes.extend(field.to_le_bytes()));
        bytes.extend(b"PK\x06\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0");
        bytes.extend(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0");
        bytes
    };
    rejects(&too_many(2_000_000), None, "at most 1000065 are read");
    rejects(&too_many(u64::MAX), None, "at most 1000065 are read");
    rejects(&too_many(1_000_000), None, "its directory of 1000000 entries has 0 bytes");
    let seal = |number: usize| member(&format!("signatures/{number:03}"), b"");
    rejects_members(|m| m.extend((0..65).map(seal)), None, "65 seals, and at most 64");
    let folder = tempfile::tempdir().unwrap();
    let error = kit::verdict(folder.path(), &too_many(2_000_000)).unwrap_err();
    assert_eq!(error.kind(), PackageErrorKind::Limit);
}
