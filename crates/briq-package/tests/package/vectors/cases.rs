//! Every vector: its bytes, and what a reader must make of them.

use briq_package::PackageErrorKind;
use briq_spec::Variant;

use super::build::{adapter, adapting, ended, full, least, manifest, members, pack, patched, replaced, text, variant};
use crate::zip::{self, member};

/// A file and its verdict.
pub(super) struct Case {
    pub(super) file: &'static str,
    pub(super) bytes: Vec<u8>,
    /// Whether the reader is told that something may stand before the package.
    pub(super) allow_prefix: bool,
    /// `None` where it is a package.
    pub(super) refusal: Option<Refusal>,
}

/// Why, and in which entry, a file is no package.
pub(super) struct Refusal {
    pub(super) kind: PackageErrorKind,
    pub(super) entry: Option<&'static str>,
    pub(super) reason: &'static str,
}

fn accepted(file: &'static str, bytes: Vec<u8>) -> Case {
    Case { file, bytes, allow_prefix: false, refusal: None }
}

fn refused(file: &'static str, bytes: Vec<u8>, entry: Option<&'static str>, reason: &'static str) -> Case {
    let refusal = Refusal { kind: PackageErrorKind::Corrupt, entry, reason };
    Case { file, bytes, allow_prefix: false, refusal: Some(refusal) }
}

impl Case {
    fn of_kind(mut self, kind: PackageErrorKind) -> Self {
        self.refusal.as_mut().expect("only a refusal has a kind").kind = kind;
        self
    }

    fn behind_a_program(mut self) -> Self {
        self.allow_prefix = true;
        self
    }
}

const NOTES: Option<&str> = Some("assets/notes.txt");

pub(super) fn cases() -> Vec<Case> {
    [
        accepted_cases(),
        ends(),
        storage(),
        places(),
        paths(),
        members_and_manifest(),
        forms(),
        fields(),
        adapters(),
        variants(),
        formats(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn small() -> Vec<u8> {
    members(|_| {})
}

fn script() -> Vec<u8> {
    [b"#!/bin/sh\n".as_slice(), &small()].concat()
}

fn accepted_cases() -> Vec<Case> {
    let seal = |members: &mut Vec<zip::Member>| members.push(member("signatures/model.sig", b"{}"));
    let one = vec![("model.onnx", Vec::new())];
    vec![
        accepted("least.briq", zip::zip(&pack(&least(&one).to_canonical_json(), &one))),
        accepted("small.briq", small()),
        accepted("every-field.briq", full()),
        accepted("adapter.briq", adapter()),
        accepted("variant.briq", variant(|_| {})),
        accepted("sealed.briq", members(seal)),
        accepted("behind-a-program.briq", script()).behind_a_program(),
    ]
}

fn ends() -> Vec<Case> {
    let whole = small();
    let after = [&whole, b"junk".as_slice()].concat();
    let mut commented = after.clone();
    commented[whole.len() - 2] = 4;
    vec![
        refused("empty.briq", Vec::new(), None, "it is not a package"),
        refused("cut-short.briq", whole[..whole.len() - 30].to_vec(), None, "it is cut short"),
        refused("bytes-before.briq", script(), None, "10 bytes stand before it"),
        refused("bytes-after.briq", after, None, "4 bytes follow its end"),
        refused("comment.briq", commented, None, "it has a comment"),
        refused("other-disk.briq", ended(18, &[1, 0]), None, "its directory is not as briq writes it"),
        refused("other-count-on-disk.briq", ended(14, &[3, 0]), None, "its directory is not as briq writes it"),
        refused("count-too-small.briq", ended(12, &[3, 0]), None, "its directory goes on after its last entry"),
        refused("count-too-large.briq", ended(12, &[5, 0]), None, "record 5 of its directory is broken"),
        refused("directory-elsewhere.briq", ended(6, &[0xff; 3]), None, "its end record points outside of it"),
        refused("zip64-count.briq", wide_end(2_000_000), None, "at most 1000065 are read")
            .of_kind(PackageErrorKind::Limit),
        refused("zip64-lie.briq", wide_end(1_000_000), None, "its directory of 1000000 entries has 0 bytes"),
        refused("zip64-absent.briq", ended(12, &[0xff; 2]), None, "its Zip64 end record is broken"),
        refused("zip64-unneeded.briq", unneeded(), None, "record 1 of its directory is broken"),
    ]
}

/// The records of an end that claims so many entries, and nothing else.
fn wide_end(count: u64) -> Vec<u8> {
    let mut bytes = end64([count, count, 0, 0], 0);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([0xff; 12]);
    bytes.extend([0, 0]);
    bytes
}

fn end64(fields: [u64; 4], at: u64) -> Vec<u8> {
    let mut bytes = b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\x03\x2d\0\0\0\0\0\0\0\0\0".to_vec();
    fields.iter().for_each(|field| bytes.extend(field.to_le_bytes()));
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(at.to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
    bytes
}

/// True Zip64 records where none is needed.
fn unneeded() -> Vec<u8> {
    let whole = small();
    let (body, end) = whole.split_at(whole.len() - 22);
    let number = |at: usize| u64::from(u32::from_le_bytes(end[at..at + 4].try_into().unwrap()));
    let (size, at) = (number(12), number(16));
    [body, &end64([4, 4, size, at], body.len() as u64), end].concat()
}

fn storage() -> Vec<Case> {
    vec![
        refused("deflated.briq", members(|m| m[2].method = 8), NOTES, "compressed (method 8)"),
        refused("encrypted.briq", members(|m| m[2].flags |= 1), NOTES, "encrypted"),
        refused("strongly-encrypted.briq", members(|m| m[2].flags |= 1 << 6), NOTES, "encrypted"),
        refused("data-descriptor.briq", members(|m| m[2].flags |= 1 << 3), NOTES, "data descriptor"),
        refused("link.briq", members(|m| m[2].mode = 0o120_777), NOTES, "a link"),
        refused("device.briq", members(|m| m[2].mode = 0o020_666), None, "its directory is not as briq writes it"),
        refused("folder.briq", members(|m| m[2].mode = 0o040_755), None, "its directory is not as briq writes it"),
        refused("executable.briq", members(|m| m[2].mode = 0o100_755), None, "its directory is not as briq writes it"),
        refused("entry-comment.briq", members(|m| m[2].comment = b"hi".to_vec()), NOTES, "it has a comment"),
        refused("no-utf8-flag.briq", members(|m| m[2].flags = 0), NOTES, "not as briq writes it"),
        refused("time.briq", patched(10, &[1]), NOTES, "not as briq writes it"),
        refused("padding.briq", patched(60, &[1]), NOTES, "not as briq writes it"),
    ]
}

fn places() -> Vec<Case> {
    vec![
        refused("twice.briq", members(|m| m.insert(3, m[2].clone())), NOTES, "it is there twice"),
        refused("overlapping.briq", members(|m| m[2].shift = -10), NOTES, "overlaps what stands before it"),
        refused("gap.briq", members(|m| m[2].gap = 64), NOTES, "leaves a gap before it"),
        refused("local-signature.briq", patched(0, b"XX"), NOTES, "local header is broken"),
        refused("local-checksum.briq", patched(14, &[0]), NOTES, "another checksum than the directory"),
        refused("local-length.briq", patched(22, &[7]), NOTES, "another length than the directory"),
        refused("local-name.briq", patched(30, b"b"), NOTES, "another name than the directory"),
        refused("local-method.briq", patched(8, &[8]), NOTES, "compressed (method 8)"),
    ]
}

fn paths() -> Vec<Case> {
    let named = |file, name: &'static str| {
        refused(file, members(|m| m[2].name = name.into()), Some(name), "its path is not legal in a package")
    };
    vec![
        named("path-parent.briq", "../notes.txt"),
        named("path-parent-inside.briq", "a/../../notes.txt"),
        named("path-absolute.briq", "/etc/notes.txt"),
        named("path-drive.briq", "C:notes.txt"),
        named("path-backslash.briq", "assets\\notes.txt"),
        named("path-folder.briq", "assets/"),
        named("path-control.briq", "assets/no\tes.txt"),
        refused(
            "path-not-utf8.briq",
            members(|m| m[2].name = b"a\xff".to_vec()),
            Some("a\u{fffd}"),
            "its path is not legal in a package",
        ),
    ]
}

fn members_and_manifest() -> Vec<Case> {
    let extra = Some("assets/more.txt");
    let seals = ["signatures/a", "signatures/a/b"].map(|name| member(name, b""));
    let many = (0..65).map(|number| member(&format!("signatures/{number:02}"), b""));
    vec![
        refused("manifest-missing.briq", members(|m| drop(m.remove(0))), None, "its first entry is not briq.json"),
        refused("manifest-second.briq", members(|m| m.swap(0, 1)), None, "its first entry is not briq.json"),
        refused("unlisted.briq", members(|m| m.insert(2, member("assets/more.txt", b"x"))), extra, "does not list it"),
        refused("missing.briq", members(|m| drop(m.remove(2))), NOTES, "it is missing"),
        refused(
            "unsorted.briq",
            members(|m| m.swap(1, 2)),
            Some("assets/labels.json"),
            "it stands after assets/notes.txt",
        ),
        refused("length.briq", members(|m| m[2].data.push(b'!')), NOTES, "has 7 bytes, and the manifest says 6"),
        refused("contents.briq", members(|m| m[2].data[0] = b'H'), NOTES, "do not match its BLAKE3 digest"),
        refused(
            "sha256.briq",
            manifest(|m| m.entries[1].sha256 = m.entries[0].sha256),
            NOTES,
            "do not match its SHA-256 digest",
        ),
        refused(
            "seal-first.briq",
            members(|m| m.insert(1, member("signatures/a", b""))),
            Some("assets/labels.json"),
            "it stands after signatures/a",
        ),
        refused(
            "seal-below-seal.briq",
            members(|m| m.extend(seals)),
            Some("signatures/a/b"),
            "lies below another seal",
        ),
        refused("seals.briq", members(|m| m.extend(many)), None, "65 seals, and at most 64")
            .of_kind(PackageErrorKind::Limit),
    ]
}

/// The right manifest in another form.
fn forms() -> Vec<Case> {
    let other = |file, bytes| refused(file, bytes, None, "it is not in its canonical form");
    let unreadable = |file, bytes| refused(file, bytes, None, "it does not read as one");
    vec![
        other("form-no-line-feed.briq", text(|text| text.trim_end().to_owned())),
        other("form-crlf.briq", text(|text| text.replace('\n', "\r\n"))),
        other("form-compact.briq", replaced("  \"format\": 1", "\"format\":1")),
        other("form-escape.briq", replaced("digits", "\\u0064igits")),
        other("form-null.briq", replaced("\"signature\"", "\"description\": null,\n  \"signature\"")),
        other("form-empty-list.briq", replaced("\"signature\"", "\"authors\": [],\n  \"signature\"")),
        other(
            "form-order.briq",
            text(|text| {
                text.replacen(
                    "  \"name\": \"digits\",\n  \"version\": \"1.0.0\",",
                    "  \"version\": \"1.0.0\",\n  \"name\": \"digits\",",
                    1,
                )
            }),
        ),
        other("form-integer.briq", replaced("\"lineage\"", "\"metrics\": {\n    \"loss\": 1\n  },\n  \"lineage\"")),
        other("form-no-lineage.briq", replaced("  \"lineage\": {},\n", "")),
        unreadable("form-bom.briq", text(|text| format!("\u{feff}{text}"))),
        unreadable("form-doubled-field.briq", replaced("\"format\": 1,", "\"format\": 1,\n  \"format\": 1,")),
        unreadable("form-upper-case-digest.briq", replaced("blake3:", "BLAKE3:")),
    ]
}

/// A manifest in its form that breaks a rule.
fn fields() -> Vec<Case> {
    let broken = |file, change: fn(&mut briq_spec::Manifest), reason| refused(file, manifest(change), None, reason);
    vec![
        broken(
            "structure-missing.briq",
            |m| m.model.structure = path("m.onnx"),
            "structure m.onnx is not among its entries",
        ),
        broken("labels-missing.briq", |m| m.labels = Some(path("l")), "labels l is not among its entries"),
        broken(
            "weights-twice.briq",
            |m| m.model.weights = vec![path("model.onnx"); 2],
            "its weights name model.onnx twice",
        ),
        broken("base-without-digest.briq", |m| m.lineage.base = Some("digits@1.0.0".into()), "is not NAME@blake3:HEX"),
        broken(
            "tensor-twice.briq",
            |m| m.signature.inputs.push(m.signature.inputs[0].clone()),
            "has no name of its own",
        ),
        broken("dimension.briq", |m| m.signature.inputs[0].shape[0] = -2, "has a dimension below -1"),
        broken("own-path.briq", |m| m.entries[0].path = path("briq.json"), "it lists briq.json, which no manifest may"),
        broken(
            "file-and-folder.briq",
            |m| m.entries[1].path = path("assets/labels.json/x"),
            "both a file and a folder",
        ),
        broken("entries-unsorted.briq", |m| m.entries.swap(0, 1), "stands after assets/notes.txt"),
    ]
}

/// An adapter that breaks a rule.
fn adapters() -> Vec<Case> {
    let broken = |file, change: fn(&mut briq_spec::Manifest), reason| refused(file, adapting(change), None, reason);
    let updates = "its adapter changes \"w\" twice";
    vec![
        broken("adapter-without-base.briq", |m| m.lineage.base = None, "its lineage names no base"),
        broken("adapter-empty.briq", |m| change(m).clear(), "changes no parameter of its base"),
        broken("adapter-twice.briq", |m| change(m).extend_from_within(..), updates),
        broken("adapter-without-rank.briq", |m| change(m)[0].rank = 0, "has no rank"),
    ]
}

fn change(manifest: &mut briq_spec::Manifest) -> &mut Vec<briq_spec::manifest::AdapterUpdate> {
    &mut manifest.adapter.as_mut().expect("it is an adapter").updates
}

/// A variant that breaks a rule.
fn variants() -> Vec<Case> {
    let broken = |file, change: fn(&mut Variant), reason| {
        let change = |manifest: &mut briq_spec::Manifest| change(manifest.variant.as_mut().expect("it is a variant"));
        refused(file, variant(change), None, reason)
    };
    vec![
        broken("variant-empty.briq", |v| *v = Variant::default(), "its variant says nothing"),
        broken("variant-backend.briq", |v| v.backends[0] = "WGPU".into(), "is no name of a backend"),
        broken("variant-of.briq", |v| v.of = Some("digits".into()), "is not NAME@blake3:HEX"),
    ]
}

fn path(text: &str) -> briq_spec::EntryPath {
    text.parse().unwrap()
}

/// What another version would write.
fn formats() -> Vec<Case> {
    let unreadable = |file, bytes| refused(file, bytes, None, "it does not read as one");
    let newer = replaced("\"format\": 1,", "\"format\": 4,\n  \"quantization\": \"int4\",");
    vec![
        refused("format-4.briq", newer, None, "it is of format 4, and this program reads formats 1 to 3")
            .of_kind(PackageErrorKind::Unsupported),
        refused("format-too-high.briq", manifest(|m| m.format = 2), None, "its format is 2 instead of 1"),
        refused("format-too-low.briq", adapting(|m| m.format = 1), None, "its format is 1 instead of 2"),
        refused("format-too-low-3.briq", variant(|m| m.format = 2), None, "its format is 2 instead of 3"),
        refused("format-0.briq", replaced("\"format\": 1,", "\"format\": 0,"), None, "it is of format 0"),
        unreadable("format-missing.briq", replaced("  \"format\": 1,\n", "")),
        unreadable("unknown-field.briq", replaced("\"format\": 1,", "\"format\": 1,\n  \"quantization\": \"int4\",")),
        unreadable("unknown-inner-field.briq", replaced("\"opset\": 17", "\"opset\": 17,\n    \"heads\": 8")),
        unreadable("unknown-datatype.briq", replaced("\"FP32\"", "\"FP4\"")),
    ]
}
