//! Inputs are checked against the engine's specs before it sees them.

use briq_engine::{DataType, Tensor, infer_checked};

use crate::affine::Affine;

fn refusal(inputs: Vec<Tensor>) -> String {
    let error = infer_checked(&Affine::new(1.0, 0.0), inputs).unwrap_err();
    assert!(error.is_invalid_input());
    error.to_string()
}

#[test]
fn computes_when_all_fits() {
    let x = Tensor::from_f32("x", &[1, 2], &[1.0, -3.0]);
    let outputs = infer_checked(&Affine::new(2.0, 1.0), vec![x]).unwrap();
    assert_eq!(outputs[0].as_f32().unwrap(), [3.0, -5.0]);
}

#[test]
fn rejects_a_missing_input() {
    assert_eq!(refusal(vec![]), "input `x` is missing");
}

#[test]
fn rejects_an_unknown_input() {
    let tensors = vec![Tensor::zeros("x", DataType::Fp32, &[1, 2]), Tensor::zeros("z", DataType::Fp32, &[1])];
    assert_eq!(refusal(tensors), "unknown input `z`; the model takes x");
}

#[test]
fn rejects_a_repeated_input() {
    let x = Tensor::zeros("x", DataType::Fp32, &[1, 2]);
    assert_eq!(refusal(vec![x.clone(), x]), "input `x` is given more than once");
}

#[test]
fn rejects_another_datatype() {
    let x = Tensor::zeros("x", DataType::Fp64, &[1, 2]);
    assert_eq!(refusal(vec![x]), "input `x` has datatype FP64 where the model takes FP32");
}

#[test]
fn rejects_another_shape() {
    for shape in [vec![1, 3], vec![2], vec![1, 1, 2]] {
        let message = refusal(vec![Tensor::zeros("x", DataType::Fp32, &shape)]);
        assert_eq!(message, format!("input `x` has shape {shape:?} where the model takes [-1, 2]"));
    }
}

#[test]
fn rejects_data_of_another_length() {
    let x = Tensor { data: vec![0; 7], ..Tensor::zeros("x", DataType::Fp32, &[1, 2]) };
    assert_eq!(refusal(vec![x]), "tensor `x` is declared FP32 [1, 2], but its data has 7 bytes");
}
