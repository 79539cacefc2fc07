//! Where a package comes from, as a tree.

use std::collections::HashMap;

use briq_spec::lineage::{Ancestry, MAX_GENERATIONS};
use briq_spec::manifest::{DataDigest, SourceFile};
use briq_spec::{Blake3Digest, Manifest};
use expect_test::{Expect, expect};

fn digest(number: u8) -> Blake3Digest {
    Blake3Digest::from_bytes([number; 32])
}

/// A manifest of that name whose base, if any, has the digest of that number.
fn manifest(name: &str, base: Option<(&str, u8)>) -> Manifest {
    let mut manifest = super::manifest::manifest();
    manifest.name = name.parse().unwrap();
    manifest.lineage = briq_spec::manifest::Lineage::default();
    if let Some((name, number)) = base {
        manifest.lineage.base = Some(format!("{name}@{}", digest(number)));
        manifest.lineage.base_version = Some("0.9.0".parse().unwrap());
    }
    manifest
}

fn check(top: &Manifest, known: &HashMap<Blake3Digest, Manifest>, expected: Expect) -> Ancestry {
    let tree = Ancestry::of(top, digest(1), &mut |digest| known.get(digest).cloned());
    let zeros = tree.to_string();
    let short =
        (1..=9).fold(zeros, |text, number| text.replace(&digest(number).to_string(), &format!("blake3:{number}…")));
    expected.assert_eq(&short);
    tree
}

#[test]
fn a_tree_is_followed_as_far_as_packages_are_known() {
    let mut top = manifest("flowers", Some(("iris", 2)));
    top.lineage.data.push(DataDigest { name: "more.csv".into(), rows: 50, blake3: digest(5) });
    top.lineage.recipe = top.entries.first().map(|entry| entry.path.clone());
    top.lineage.seed = Some(7);
    top.lineage.frozen.push("dense_1.*".into());
    let mut middle = manifest("iris", Some(("plants", 3)));
    middle.lineage.data.push(DataDigest { name: "iris.csv".into(), rows: 150, blake3: digest(6) });
    let mut first = manifest("plants", None);
    first.lineage.source = Some(SourceFile { framework: "onnx".into(), name: "plants.onnx".into(), blake3: digest(7) });
    let known: HashMap<_, _> = [(digest(2), middle), (digest(3), first)].into();
    check(
        &top,
        &known,
        expect![[r#"
        flowers 1.2.3  blake3:1…
        ├─ data    more.csv, 50 rows, blake3:5…
        ├─ recipe  assets/labels.txt, seed 7
        ├─ frozen  dense_1.*
        └─ base    iris 1.2.3  blake3:2…
           ├─ data    iris.csv, 150 rows, blake3:6…
           └─ base    plants 1.2.3  blake3:3…
              └─ source  plants.onnx (onnx), blake3:7…
    "#]],
    );
    let none = HashMap::new();
    let tree = check(
        &top,
        &none,
        expect![[r#"
        flowers 1.2.3  blake3:1…
        ├─ data    more.csv, 50 rows, blake3:5…
        ├─ recipe  assets/labels.txt, seed 7
        ├─ frozen  dense_1.*
        └─ base    iris 0.9.0  blake3:2…  (not here)
    "#]],
    );
    let json = serde_json::to_value(&tree).unwrap();
    assert_eq!((&json["base"]["found"], &json["base"]["version"]), (&false.into(), &"0.9.0".into()));
}

#[test]
fn a_network_that_started_from_nothing_is_a_line() {
    check(
        &manifest("alone", None),
        &HashMap::new(),
        expect![[r#"
            alone 1.2.3  blake3:1…
        "#]],
    );
}

/// Digests rule circles out, but whoever looks up may lie.
#[test]
fn a_circle_ends() {
    let top = manifest("circle", Some(("circle", 1)));
    let tree = Ancestry::of(&top, digest(1), &mut |_| Some(manifest("circle", Some(("circle", 1)))));
    let generations = std::iter::successors(Some(&tree), |tree| tree.base.as_deref()).count();
    assert_eq!(generations, MAX_GENERATIONS + 2);
}
