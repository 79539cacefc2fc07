//! Tensors are checked views of bytes.

use briq_engine::{DataType, Tensor};
use proptest::prelude::*;

proptest! {
    #[test]
    fn f32_round_trips(values in prop::collection::vec(any::<f32>(), 0..64)) {
        let tensor = Tensor::from_f32("x", &[values.len()], &values);
        let back = tensor.as_f32().unwrap();
        prop_assert_eq!(back.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), values.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_are_either_valid_or_refused(
        kind in 0_usize..14, shape in prop::collection::vec(any::<usize>(), 0..4), data in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let datatype = DataType::all().nth(kind).unwrap();
        if let Ok(tensor) = Tensor::new("x", datatype, &shape, data) {
            let read = tensor.to_f64().map(|values| values.len()).or_else(|_| tensor.as_byte_strings().map(|s| s.len()));
            prop_assert_eq!(read.unwrap(), tensor.element_count());
        }
    }
}

#[test]
fn every_type_reads_as_numbers() {
    for datatype in DataType::all().filter(|datatype| datatype.size().is_some()) {
        assert_eq!(Tensor::zeros("x", datatype, &[2, 2]).to_f64().unwrap(), [0.0; 4], "{datatype}");
    }
    let half = Tensor::new("x", DataType::Fp16, &[1], vec![0x00, 0x3c]).unwrap();
    assert_eq!(half.to_f64().unwrap(), [1.0]);
}

#[test]
fn byte_strings_are_read_in_order() {
    let tensor = Tensor::new("x", DataType::Bytes, &[2], b"\x02\0\0\0hi\x00\0\0\0".to_vec()).unwrap();
    assert_eq!(tensor.as_byte_strings().unwrap(), [&b"hi"[..], b""]);
}

#[test]
fn rejects_a_byte_string_past_the_end() {
    let error = Tensor::new("x", DataType::Bytes, &[1], b"\x05\0\0\0hi".to_vec()).unwrap_err();
    assert_eq!(error.to_string(), "tensor `x` is declared BYTES [1], but its byte strings do not fill its data");
}

#[test]
fn rejects_a_shape_whose_product_overflows() {
    let error = Tensor::new("x", DataType::Fp64, &[usize::MAX, usize::MAX], Vec::new()).unwrap_err();
    assert!(error.is_invalid_input());
}

#[test]
fn rejects_reading_as_another_type() {
    let error = Tensor::zeros("x", DataType::Int64, &[1]).as_f32().unwrap_err();
    assert_eq!(error.to_string(), "tensor `x` is INT64, not FP32");
}
