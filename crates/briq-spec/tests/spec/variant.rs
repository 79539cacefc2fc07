use briq_spec::manifest::{Manifest, ModelInfo};
use briq_spec::variant::{Device, Machine, Variant, same_version};
use briq_spec::{DataType, SpecErrorKind};

use crate::manifest::manifest;

const GIB: u64 = 1 << 30;

fn variant(version: &str, datatype: DataType, backends: &[&str], memory: Option<u64>) -> Manifest {
    let whole = manifest();
    let backends: Vec<String> = backends.iter().map(ToString::to_string).collect();
    let variant = Variant { backends, memory, ..Variant::default() };
    Manifest {
        version: version.parse().unwrap(),
        model: ModelInfo { datatype, ..whole.model.clone() },
        variant: (variant != Variant::default()).then_some(variant),
        ..whole
    }
}

/// One of each kind that people make.
fn variants() -> [Manifest; 4] {
    [
        variant("1.0.0+f16", DataType::Fp16, &[], Some(4 * GIB)),
        variant("1.0.0+f32", DataType::Fp32, &[], Some(8 * GIB)),
        variant("1.0.0+gpu", DataType::Fp16, &["wgpu", "cuda"], Some(6 * GIB)),
        variant("1.0.0+int8", DataType::Int8, &["flex"], Some(2 * GIB)),
    ]
}

fn chosen(devices: &[(&str, Option<u64>)]) -> String {
    let device = |&(backend, gib): &(&str, Option<u64>)| Device {
        backend: backend.to_owned(),
        memory: gib.map(|gib| gib * GIB),
    };
    let machine = Machine { devices: devices.iter().map(device).collect() };
    match machine.choose(&variants()) {
        Ok(manifest) => manifest.version.build.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_best_that_fits_is_chosen() {
    assert_eq!(chosen(&[]), "f32", "of an unknown machine, the most precise");
    assert_eq!(chosen(&[("ndarray", Some(16))]), "f32");
    assert_eq!(chosen(&[("ndarray", Some(7))]), "f16");
    assert_eq!(chosen(&[("ndarray", None)]), "f32", "memory that is not known is enough");
    assert_eq!(chosen(&[("flex", Some(16))]), "int8", "what is made for the backend goes first");
    assert_eq!(chosen(&[("wgpu", Some(24)), ("flex", Some(16))]), "gpu");
    assert_eq!(chosen(&[("wgpu", Some(5)), ("flex", Some(16))]), "f16", "the better device, if anything fits it");
    assert_eq!(chosen(&[("wgpu", Some(1)), ("flex", Some(3))]), "int8");
}

#[test]
fn what_fits_nothing_says_what_each_lacks() {
    let text = chosen(&[("ndarray", Some(1))]);
    assert!(text.contains("1.0.0+f16 needs 4294967296 bytes of memory where there are 1073741824"), "{text}");
    assert!(text.contains("1.0.0+gpu is for wgpu, cuda"), "{text}");
}

#[test]
fn without_a_word_the_shards_are_what_is_needed() {
    let plain = [variant("1.0.0", DataType::Fp32, &[], None)];
    let machine = |memory| Machine { devices: vec![Device { backend: "flex".into(), memory: Some(memory) }] };
    assert_eq!(plain[0].memory(), 9);
    assert!(machine(9).choose(&plain).is_ok());
    assert!(machine(8).choose(&plain).is_err());
}

#[test]
fn variants_share_a_version() {
    let same = |a: &str, b: &str| same_version(&a.parse().unwrap(), &b.parse().unwrap());
    assert!(same("1.0.0+f16", "1.0.0"));
    assert!(!same("1.0.0-rc.1+f16", "1.0.0+f16"));
}

#[test]
fn a_variant_is_of_format_3() {
    let manifest = Manifest { format: 3, ..variants()[2].clone() };
    let text = String::from_utf8(manifest.to_canonical_json()).unwrap();
    assert!(text.contains("\"memory\": 6442450944"), "{text}");
    assert_eq!(Manifest::from_canonical_json(text.as_bytes()).unwrap(), manifest);
    for format in [1, 2] {
        let error = Manifest { format, ..manifest.clone() }.validate().unwrap_err();
        assert_eq!(error.kind(), SpecErrorKind::Invalid);
    }
}

#[test]
fn rejects_a_variant_that_says_nothing_or_too_much() {
    let rejects = |backends: &[&str], reason: &str| {
        let backends = backends.iter().map(ToString::to_string).collect();
        let variant = Some(Variant { backends, ..Variant::default() });
        let error = Manifest { format: 3, variant, ..manifest() }.validate().unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    };
    rejects(&[], "says nothing");
    rejects(&["wgpu", "wgpu"], "names wgpu twice");
    rejects(&["WGPU"], "no name of a backend");
    rejects(&[""], "no name of a backend");
    let of = Variant { of: Some("digits@1.0.0".into()), ..Variant::default() };
    let error = Manifest { format: 3, variant: Some(of), ..manifest() }.validate().unwrap_err();
    assert!(error.to_string().contains("which is not NAME@blake3:HEX"), "{error}");
}
