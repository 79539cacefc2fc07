//! The packages that the vectors deviate from, and how.

use briq_spec::Manifest;
use briq_spec::manifest::{Adapter, AdapterMethod, AdapterUpdate};
use serde_json::Value;

use crate::zip::{self, Member, member};

/// Three small files; what is in them is nothing to the container.
fn contents() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("assets/labels.json", b"[\"no\",\"yes\"]\n".to_vec()),
        ("assets/notes.txt", b"hello\n".to_vec()),
        ("model.onnx", b"structure".to_vec()),
    ]
}

/// The least manifest over these files: a network without weights.
pub(super) fn least(contents: &[(&str, Vec<u8>)]) -> Manifest {
    let mut manifest = zip::manifest(contents);
    manifest.model.weights.clear();
    manifest.model.parameters = 0;
    manifest
}

pub(super) fn pack(manifest: &[u8], contents: &[(&str, Vec<u8>)]) -> Vec<Member> {
    let files = contents.iter().map(|(name, data)| member(name, data));
    std::iter::once(member("briq.json", manifest)).chain(files).collect()
}

/// The members of the small package; the manifest is number 0, the notes are number 2.
fn small() -> Vec<Member> {
    pack(&least(&contents()).to_canonical_json(), &contents())
}

/// The small package with other members.
pub(super) fn members(change: impl FnOnce(&mut Vec<Member>)) -> Vec<u8> {
    let mut members = small();
    change(&mut members);
    zip::zip(&members)
}

/// The small package with a manifest that says something else, written canonically.
pub(super) fn manifest(change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
    let mut manifest = least(&contents());
    change(&mut manifest);
    members(|members| members[0].data = manifest.to_canonical_json())
}

/// The small package with a manifest of other text.
pub(super) fn text(change: impl FnOnce(String) -> String) -> Vec<u8> {
    let before = String::from_utf8(least(&contents()).to_canonical_json()).unwrap();
    let after = change(before.clone());
    assert_ne!(before, after, "the change changes nothing");
    members(|members| members[0].data = after.into_bytes())
}

/// One text of the manifest in place of another.
pub(super) fn replaced(from: &str, to: &str) -> Vec<u8> {
    text(|text| text.replacen(from, to, 1))
}

/// The small package with other bytes at a place, counted from the first local header of the notes.
pub(super) fn patched(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip::zip(&small());
    let name = b"assets/notes.txt";
    let at = zip
        .windows(name.len())
        .enumerate()
        .position(|(at, window)| window == name && at >= 30 && zip[at - 30..].starts_with(b"PK\x03\x04"));
    let at = at.unwrap() - 30 + offset;
    zip[at..at + bytes.len()].copy_from_slice(bytes);
    zip
}

/// The small package with other bytes at a place, counted back from its end.
pub(super) fn ended(back: usize, bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip::zip(&small());
    let at = zip.len() - back;
    zip[at..at + bytes.len()].copy_from_slice(bytes);
    zip
}

/// A safetensors file of one number.
pub(super) fn shard(name: &str) -> Vec<u8> {
    let mut header = format!(r#"{{"{name}":{{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}}}"#).into_bytes();
    header.resize((8 + header.len()).next_multiple_of(64) - 8, b' ');
    [&(header.len() as u64).to_le_bytes(), header.as_slice(), &1f32.to_le_bytes()].concat()
}

/// A package that uses every field of the manifest.
pub(super) fn full() -> Vec<u8> {
    let contents = vec![
        ("assets/labels.json", b"[\"no\",\"yes\"]\n".to_vec()),
        ("golden/inputs.safetensors", shard("input")),
        ("golden/outputs.safetensors", shard("output")),
        ("model.onnx", b"structure".to_vec()),
        ("train/briq.toml", b"[package]\n".to_vec()),
        ("weights-00001-of-00001.safetensors", shard("w")),
    ];
    let mut value: Value = serde_json::to_value(zip::manifest(&contents)).unwrap();
    let fields: Value = serde_json::from_str(include_str!("full.json")).unwrap();
    for (name, field) in fields.as_object().unwrap() {
        value[name] = field.clone();
    }
    let manifest: Manifest = serde_json::from_value(value).unwrap();
    zip::zip(&pack(&manifest.to_canonical_json(), &contents))
}

/// A package that is an adapter.
pub(super) fn adapter() -> Vec<u8> {
    let contents = vec![
        ("adapter_config.json", b"{}".to_vec()),
        ("adapter_model.safetensors", shard("w.lora_A.weight")),
        ("model.onnx", b"structure".to_vec()),
    ];
    let mut manifest = least(&contents);
    manifest.model.weights = vec!["adapter_model.safetensors".parse().unwrap()];
    manifest.model.parameters = 2;
    adapt(&mut manifest);
    zip::zip(&pack(&manifest.to_canonical_json(), &contents))
}

/// The small package as a variant, which says something else.
pub(super) fn variant(change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
    manifest(|manifest| {
        manifest.format = 3;
        manifest.version = "1.0.0+gpu".parse().unwrap();
        manifest.variant = Some(briq_spec::Variant {
            of: Some(format!("digits@{}", briq_spec::Blake3Digest::from_bytes([4; 32]))),
            backends: vec!["wgpu".to_owned()],
            memory: Some(6 << 30),
        });
        change(manifest);
    })
}

/// The small package with the manifest of an adapter that says something else.
pub(super) fn adapting(change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
    manifest(|manifest| {
        adapt(manifest);
        change(manifest);
    })
}

fn adapt(manifest: &mut Manifest) {
    manifest.format = 2;
    manifest.lineage.base = Some(format!("digits@{}", briq_spec::Blake3Digest::from_bytes([4; 32])));
    manifest.lineage.base_version = Some(briq_spec::semver::Version::new(1, 0, 0));
    manifest.adapter = Some(Adapter {
        method: AdapterMethod::Lora,
        requirement: "^1.0.0".parse().unwrap(),
        updates: vec![AdapterUpdate {
            parameter: "w".to_owned(),
            down: "w.lora_A.weight".to_owned(),
            up: "w.lora_B.weight".to_owned(),
            rank: 1,
            scale: 2.0,
            transposed: true,
        }],
    });
}
