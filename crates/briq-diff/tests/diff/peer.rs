//! NumPy computes the same figures from the same shards, which the `safetensors` library reads.
//!
//! `BRIQ_PYTHON` names the interpreter; without both in it the test says that it was skipped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use briq_diff::figures::figures;
use briq_graph::{ElementType, weights};
use serde_json::Value;

/// Reads both files and prints, for each tensor, elements, changed, largest, norm, norm_before.
const SCRIPT: &str = "
import json, sys
import numpy as np
from safetensors.numpy import load_file
before, after = load_file(sys.argv[1]), load_file(sys.argv[2])
found = {}
for name, a in before.items():
    a, b = a.astype(np.float64).ravel(), after[name].astype(np.float64).ravel()
    d = b - a
    found[name] = [a.size, int((a != b).sum()), float(np.abs(d).max()), float(np.linalg.norm(d)), float(np.linalg.norm(a))]
print(json.dumps(found))
";

fn python() -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("BRIQ_PYTHON").unwrap_or_else(|| "python3".into()));
    let output = Command::new(&python).args(["-c", "import numpy, safetensors"]).output();
    if output.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    let in_ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
    assert!(!in_ci, "numpy and safetensors for Python are not installed, and in CI nothing is skipped");
    println!("skipped: numpy and safetensors for Python are not installed");
    None
}

/// Numbers that repeat after no short while, some of which differ between the two sides.
fn numbers(side: u32) -> impl Iterator<Item = f64> {
    (0..70_000_u32).map(move |at| {
        let scrambled = at.wrapping_mul(2_654_435_761) >> 8;
        let moved = if at % 7 == 3 { side } else { 0 };
        f64::from(scrambled % 2001 + moved) / 16.0 - 60.0
    })
}

/// The tensors of one side: the same numbers in every type that NumPy has.
fn tensors(side: u32) -> Vec<(ElementType, Vec<u8>)> {
    use ElementType as E;
    let of = |element, bytes: fn(f64) -> Vec<u8>| (element, numbers(side).flat_map(bytes).collect());
    vec![
        of(E::F32, |number| (number as f32).to_le_bytes().into()),
        of(E::F64, |number| (number * 1.000_001).to_le_bytes().into()),
        of(E::F16, |number| half::f16::from_f64(number).to_le_bytes().into()),
        of(E::I8, |number| (number as i8).to_le_bytes().into()),
        of(E::U8, |number| (number as u8).to_le_bytes().into()),
        of(E::I16, |number| ((number * 16.0) as i16).to_le_bytes().into()),
        of(E::U16, |number| (number as u16).to_le_bytes().into()),
        of(E::I32, |number| ((number * 1e6) as i32).to_le_bytes().into()),
        of(E::U32, |number| (number as u32).to_le_bytes().into()),
        of(E::I64, |number| ((number * 1e9) as i64).to_le_bytes().into()),
        of(E::U64, |number| (number as u64).to_le_bytes().into()),
        of(E::Bool, |number| vec![u8::from(number > 0.0)]),
    ]
}

fn shard(path: &std::path::Path, tensors: &[(ElementType, Vec<u8>)]) {
    let shape = [70_000];
    let named: Vec<_> = tensors
        .iter()
        .map(|(element, data)| weights::Tensor { name: element.name(), element: *element, shape: &shape, data })
        .collect();
    let mut bytes = Vec::new();
    weights::write(&named, &BTreeMap::new(), &mut bytes).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn numpy_computes_the_same_figures() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let paths = ["before.safetensors", "after.safetensors"].map(|name| folder.path().join(name));
    let (before, after) = (tensors(0), tensors(5));
    shard(&paths[0], &before);
    shard(&paths[1], &after);
    let output = Command::new(python).args(["-c", SCRIPT]).args(&paths).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    for ((element, before), (_, after)) in before.iter().zip(&after) {
        let found = figures((*element, before), (*element, after)).unwrap();
        let expected: Vec<f64> =
            theirs[element.name()].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
        let ours = [found.elements as f64, found.changed as f64, found.largest, found.norm, found.norm_before];
        for (ours, theirs) in ours.iter().zip(&expected) {
            // NumPy sums in another order.
            assert!((ours - theirs).abs() <= 1e-12 * theirs.abs(), "{element}: {found:?} {expected:?}");
        }
        assert!(found.changed > 0 && found.changed < 70_000, "{element} has some changes: {found:?}");
    }
}
