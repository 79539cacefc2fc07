use briq_spec::manifest::{
    Adapter, AdapterMethod, AdapterUpdate, DataDigest, Entry, FORMAT, Golden, Lineage, MAX_MANIFEST_BYTES, Manifest,
    ModelInfo, Tolerance,
};
use briq_spec::semver::Version;
use briq_spec::{Blake3Digest, DataType, EntryPath, Sha256Digest, Signature, SpecErrorKind, TensorSpec};
use expect_test::expect;
use proptest::prelude::*;

fn path(text: &str) -> EntryPath {
    text.parse().unwrap()
}

fn entry(text: &str, size: u64) -> Entry {
    let blake3 = Blake3Digest::from_bytes([1; 32]);
    Entry { path: path(text), size, blake3, sha256: Sha256Digest::from_bytes([2; 32]) }
}

fn tensor(name: &str, shape: &[i64]) -> TensorSpec {
    TensorSpec { name: name.to_owned(), datatype: DataType::Fp32, shape: shape.to_vec() }
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        format: FORMAT,
        name: "vision/digits".parse().unwrap(),
        version: Version::new(1, 2, 3),
        description: Some("Handwritten digits".to_owned()),
        license: Some("CC-BY-4.0".to_owned()),
        authors: vec!["A".to_owned()],
        signature: Signature { inputs: vec![tensor("input", &[-1, 64])], outputs: vec![tensor("output", &[-1, 10])] },
        model: ModelInfo {
            structure: path("model.onnx"),
            weights: vec![path("weights-00001-of-00001.safetensors")],
            parameters: 650,
            datatype: DataType::Fp32,
            opset: 17,
        },
        adapter: None,
        variant: None,
        labels: Some(path("assets/labels.txt")),
        golden: Some(Golden {
            inputs: path("golden/inputs.safetensors"),
            outputs: path("golden/outputs.safetensors"),
            examples: 16,
            tolerances: [("cpu".to_owned(), Tolerance { absolute: 1e-4, relative: 0.001 })].into(),
        }),
        metrics: [("test.accuracy".to_owned(), 0.1 + 0.2)].into(),
        lineage: Lineage {
            base: None,
            source: None,
            base_version: None,
            frozen: Vec::new(),
            data: vec![DataDigest {
                name: "digits.csv".to_owned(),
                rows: 7,
                blake3: Blake3Digest::from_bytes([3; 32]),
            }],
            recipe: Some(path("train/briq.toml")),
            seed: Some(u64::MAX),
        },
        entries: [
            "assets/labels.txt",
            "golden/inputs.safetensors",
            "golden/outputs.safetensors",
            "model.onnx",
            "train/briq.toml",
            "weights-00001-of-00001.safetensors",
        ]
        .map(|path| entry(path, 9))
        .into(),
    }
}

/// An adapter of another package.
fn adapter() -> Manifest {
    let mut manifest = manifest();
    manifest.format = 2;
    manifest.lineage.base = Some(format!("vision/base@{}", Blake3Digest::from_bytes([4; 32])));
    manifest.adapter = Some(Adapter {
        method: AdapterMethod::Lora,
        requirement: "^1.2".parse().unwrap(),
        updates: vec![update("fc1.weight"), update("fc2.weight")],
    });
    manifest
}

fn update(parameter: &str) -> AdapterUpdate {
    let (down, up) = (format!("{parameter}.A"), format!("{parameter}.B"));
    AdapterUpdate { parameter: parameter.to_owned(), down, up, rank: 8, scale: 2.0, transposed: false }
}

#[test]
fn the_canonical_form_reads_back() {
    let bytes = manifest().to_canonical_json();
    assert_eq!(Manifest::from_canonical_json(&bytes).unwrap(), manifest());
    assert!(bytes.ends_with(b"}\n"));
    let text = String::from_utf8(bytes).unwrap();
    expect![[r#"
        {
          "format": 1,
          "name": "vision/digits",
          "version": "1.2.3","#]]
    .assert_eq(&text.lines().take(4).collect::<Vec<_>>().join("\n"));
    assert!(text.contains("\"test.accuracy\": 0.30000000000000004"), "{text}");
}

/// The form of numbers that the specification of the format describes.
#[test]
fn numbers_have_the_fewest_digits() {
    let cases = [
        (1e15, "1000000000000000.0"),
        (1e16, "1e+16"),
        (1234567890123456.0, "1234567890123456.0"),
        (12345678901234568.0, "1.2345678901234568e+16"),
        (1e-5, "0.00001"),
        (1.5e-5, "0.000015"),
        (1e-6, "1e-6"),
        (-0.0, "-0.0"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e+308"),
    ];
    for (value, text) in cases {
        let mut manifest = manifest();
        manifest.metrics = [("m".to_owned(), value)].into();
        let written = String::from_utf8(manifest.to_canonical_json()).unwrap();
        assert!(written.contains(&format!("\n    \"m\": {text}\n")), "{text} in {written}");
    }
}

#[test]
fn entries_are_found_by_path() {
    let manifest = manifest();
    assert_eq!(manifest.entry(&path("model.onnx")), Some(&manifest.entries[3]));
    assert_eq!(manifest.entry(&path("model.onn")), None);
}

fn rejects(change: impl FnOnce(&mut Manifest), reason: &str) {
    let mut manifest = manifest();
    change(&mut manifest);
    let error = Manifest::from_canonical_json(&manifest.to_canonical_json()).unwrap_err();
    let all = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
    assert!(all.contains(reason), "{all}");
}

#[test]
fn rejects_entries_that_contradict_each_other() {
    rejects(|m| m.entries.swap(0, 1), "stands after");
    rejects(|m| m.entries[1] = m.entries[0].clone(), "stands after");
    rejects(|m| m.entries.insert(1, entry("briq.json", 1)), "which no manifest may");
    rejects(|m| m.entries.insert(4, entry("signatures/a", 1)), "which no manifest may");
    rejects(|m| m.entries.insert(4, entry("model.onnx/deep", 1)), "both a file and a folder");
    rejects(|m| m.entries.insert(4, entry("signatures", 1)), "both a file and a folder");
    rejects(|m| m.entries.insert(1, entry("briq.json/a", 1)), "both a file and a folder");
}

#[test]
fn rejects_mentions_of_absent_entries() {
    rejects(|m| m.model.structure = path("other.onnx"), "structure other.onnx is not among its entries");
    rejects(|m| m.model.weights.push(path("w")), "weights w is not");
    rejects(|m| m.labels = Some(path("l")), "labels l is not");
    rejects(|m| m.lineage.recipe = Some(path("r")), "recipe r is not");
    rejects(|m| m.golden.as_mut().unwrap().outputs = path("g"), "golden outputs g is not");
}

#[test]
fn rejects_a_shard_named_twice() {
    rejects(
        |m| m.model.weights.push(m.model.weights[0].clone()),
        "weights name weights-00001-of-00001.safetensors twice",
    );
}

#[test]
fn rejects_a_base_without_its_digest() {
    let digest = Blake3Digest::from_bytes([4; 32]);
    for base in ["digits".to_owned(), "digits@1.0.0".to_owned(), format!("Digits@{digest}"), format!("{digest}")] {
        rejects(|m| m.lineage.base = Some(base), "is not NAME@blake3:HEX");
    }
    let mut tuned = manifest();
    tuned.lineage.base = Some(format!("vision/digits@{digest}"));
    assert!(tuned.validate().is_ok());
}

#[test]
fn an_adapter_reads_back_and_names_its_base() {
    let text = String::from_utf8(adapter().to_canonical_json()).unwrap();
    assert_eq!(Manifest::from_canonical_json(text.as_bytes()).unwrap(), adapter());
    let (name, digest) = adapter().base().unwrap();
    assert_eq!((name.as_str(), digest), ("vision/base", Blake3Digest::from_bytes([4; 32])));
    let (_, text) = text.split_once("\"adapter\": ").unwrap();
    expect![[r#"
        {
            "method": "lora",
            "requirement": "^1.2",
            "updates": [
              {
                "parameter": "fc1.weight",
                "down": "fc1.weight.A",
                "up": "fc1.weight.B",
                "rank": 8,
                "scale": 2.0,
                "transposed": false"#]]
    .assert_eq(&text.lines().take(11).collect::<Vec<_>>().join("\n"));
}

fn rejects_adapter(change: impl FnOnce(&mut Manifest), reason: &str) {
    rejects(
        |manifest| {
            *manifest = adapter();
            change(manifest);
        },
        reason,
    );
}

fn updates(manifest: &mut Manifest) -> &mut Vec<AdapterUpdate> {
    &mut manifest.adapter.as_mut().unwrap().updates
}

#[test]
fn rejects_adapters_that_change_nothing_or_one_thing_twice() {
    rejects_adapter(|m| m.lineage.base = None, "its lineage names no base");
    rejects_adapter(|m| updates(m).clear(), "changes no parameter");
    rejects_adapter(|m| updates(m)[1] = update("fc1.weight"), "changes \"fc1.weight\" twice");
    rejects_adapter(|m| updates(m)[1].up.clear(), "has an empty name");
    rejects_adapter(|m| updates(m)[0].rank = 0, "has no rank");
    let mut infinite = adapter();
    updates(&mut infinite)[0].scale = f64::NAN;
    assert!(infinite.validate().unwrap_err().to_string().contains("not a finite number"));
}

/// One content has one number, or it would have two identities.
#[test]
fn rejects_every_format_but_the_least_that_has_what_is_used() {
    rejects_adapter(|m| m.format = 1, "its format is 1 instead of 2");
    rejects(|m| m.format = 2, "its format is 2 instead of 1");
}

#[test]
fn rejects_a_method_that_is_not_known() {
    let text = String::from_utf8(adapter().to_canonical_json()).unwrap();
    let error = Manifest::from_canonical_json(text.replace("\"lora\"", "\"dora\"").as_bytes()).unwrap_err();
    assert_eq!(error.kind(), SpecErrorKind::Syntax);
}

#[test]
fn rejects_a_format_before_the_first() {
    let error = Manifest::from_canonical_json(br#"{"format": 0}"#).unwrap_err();
    assert_eq!((error.kind(), error.hint()), (SpecErrorKind::Invalid, None));
}

#[test]
fn rejects_tensors_and_numbers_out_of_range() {
    rejects(|m| m.signature.inputs[0].shape[0] = -2, "below -1");
    rejects(|m| m.signature.outputs.push(tensor("output", &[])), "no name of its own");
    rejects(|m| m.signature.outputs[0].name.clear(), "no name of its own");
    rejects(|m| m.golden.as_mut().unwrap().tolerances.get_mut("cpu").unwrap().absolute = -1.0, "tolerance for cpu");
    let mut infinite = manifest();
    infinite.metrics.insert("loss".to_owned(), f64::INFINITY);
    assert!(infinite.validate().unwrap_err().to_string().contains("metric loss"));
}

#[test]
fn rejects_a_newer_format_before_its_fields() {
    let newer = br#"{"format": 4, "something": "new"}"#;
    let error = Manifest::from_canonical_json(newer).unwrap_err();
    assert!(error.is_unsupported());
    assert_eq!(error.to_string(), "invalid manifest: it is of format 4, and this program reads formats 1 to 3");
}

#[test]
fn rejects_every_other_spelling() {
    let text = String::from_utf8(manifest().to_canonical_json()).unwrap();
    let others = [
        text.trim_end().to_owned(),
        text.replacen("  ", "   ", 1),
        text.replace("0.001", "1e-3"),
        text.replace("\"description\"", "\"descripti\\u006fn\""),
        text.replace("\"authors\": [", "\"authors\": [ "),
        text.replacen("\"format\": 1,", "\"format\": 1,\n  \"description\": null,", 1)
            .replace("  \"description\": \"Handwritten digits\",\n", ""),
    ];
    for other in others {
        let error = Manifest::from_canonical_json(other.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), SpecErrorKind::NotCanonical, "{error} in {other}");
    }
}

#[test]
fn rejects_unknown_and_doubled_fields() {
    let text = String::from_utf8(manifest().to_canonical_json()).unwrap();
    for other in [
        text.replacen("\"format\": 1,", "\"format\": 1,\"x\": 1,", 1),
        text.replacen("\"format\": 1,", "\"format\": 1,\"format\": 1,", 1),
    ] {
        assert_eq!(Manifest::from_canonical_json(other.as_bytes()).unwrap_err().kind(), SpecErrorKind::Syntax);
    }
}

#[test]
fn rejects_more_bytes_than_the_limit() {
    let error = Manifest::from_canonical_json(&vec![b' '; MAX_MANIFEST_BYTES + 1]).unwrap_err();
    assert!(error.is_limit());
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(2), ..ProptestConfig::default() })]

    /// Every finite double must survive: parse and print are exact inverses.
    #[test]
    fn every_metric_survives(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO, name in "\\PC{0,20}") {
        let mut manifest = manifest();
        manifest.metrics.insert(name, value);
        let read = Manifest::from_canonical_json(&manifest.to_canonical_json()).unwrap();
        prop_assert_eq!(read, manifest);
    }

    #[test]
    fn no_change_of_a_byte_reads_as_the_same(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut bytes = manifest().to_canonical_json();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(read) = Manifest::from_canonical_json(&bytes) {
            prop_assert_ne!(read, manifest());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Manifest::from_canonical_json(&bytes).is_err());
    }
}
