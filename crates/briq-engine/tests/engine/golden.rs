//! The golden replay finds what it must find, and nothing else.

use briq_engine::{DataType, GoldenErrorKind, GoldenExample, LoadedModel, Tensor, Tolerance, golden};

use crate::affine::Affine;

fn model(expected: Tensor) -> LoadedModel {
    let inputs = vec![Tensor::from_f32("x", &[1, 2], &[1.0, 2.0])];
    LoadedModel {
        name: "affine".to_owned(),
        version: "1.0.0".to_owned(),
        digest: "blake3:00".to_owned(),
        engine: Box::new(Affine::new(2.0, 1.0)),
        labels: None,
        golden: vec![GoldenExample { inputs, outputs: vec![expected] }],
        tolerance: Tolerance { absolute: 1e-3, relative: 0.0 },
    }
}

#[test]
fn agrees_within_the_tolerance_and_reports_the_largest_error() {
    let report = golden::replay(&model(Tensor::from_f32("y", &[1, 2], &[3.0, 5.0005]))).unwrap();
    assert_eq!(report.examples, 1);
    assert!((report.max_abs_error - 5e-4).abs() < 1e-6);
}

#[test]
fn names_the_first_value_out_of_tolerance() {
    let error = golden::replay(&model(Tensor::from_f32("y", &[1, 2], &[3.0, 5.5]))).unwrap_err();
    assert_eq!(error.to_string(), "golden example 0: output `y` at index 1 is 5, expected 5.5");
}

#[test]
fn rejects_another_form() {
    let error = golden::replay(&model(Tensor::from_f32("y", &[2], &[3.0, 5.0]))).unwrap_err();
    assert_eq!(error.to_string(), "golden example 0: output `y` is FP32 [1, 2], expected FP32 [2]");
}

#[test]
fn rejects_a_missing_output() {
    let error = golden::replay(&model(Tensor::from_f32("z", &[1, 2], &[3.0, 5.0]))).unwrap_err();
    assert!(matches!(error.kind, GoldenErrorKind::MissingOutput(name) if name == "z"));
}

#[test]
fn an_engine_that_refuses_the_example_is_the_source_of_the_error() {
    let mut model = model(Tensor::zeros("y", DataType::Fp32, &[1, 2]));
    model.golden[0].inputs.clear();
    let error = golden::replay(&model).unwrap_err();
    assert_eq!(error.to_string(), "golden example 0: the engine failed");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "input `x` is missing");
}

#[test]
fn not_a_number_never_passes_for_a_number() {
    let tolerance = Tolerance { absolute: 1e30, relative: 1e30 };
    assert!(!tolerance.admits(1.0, f64::NAN));
    assert!(!tolerance.admits(f64::NAN, 1.0));
    assert!(!tolerance.admits(f64::INFINITY, 1.0));
    assert!(!tolerance.admits(1.0, f64::INFINITY));
    assert!(tolerance.admits(f64::NAN, f64::NAN));
    assert!(tolerance.admits(f64::INFINITY, f64::INFINITY));
}

#[test]
fn byte_strings_must_be_equal() {
    let strings = |text: &[u8]| {
        let data = [&(text.len() as u32).to_le_bytes()[..], text].concat();
        Tensor::new("y", DataType::Bytes, &[1], data).unwrap()
    };
    let compare = |one, other| golden::compare(&strings(one), &strings(other), Tolerance::default());
    assert_eq!(compare(b"seven", b"seven").unwrap(), 0.0);
    assert!(matches!(compare(b"seven", b"eight"), Err(GoldenErrorKind::Bytes { index: 0, .. })));
}
