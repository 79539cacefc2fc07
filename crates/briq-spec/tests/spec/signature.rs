use briq_spec::{DataType, Signature, TensorSpec};
use expect_test::{Expect, expect};

fn tensor(name: &str, datatype: DataType, shape: &[i64]) -> TensorSpec {
    TensorSpec { name: name.to_owned(), datatype, shape: shape.to_vec() }
}

fn older() -> Signature {
    Signature {
        inputs: vec![tensor("image", DataType::Fp32, &[-1, 1, 8, 8])],
        outputs: vec![tensor("probabilities", DataType::Fp32, &[-1, 10])],
    }
}

fn check(change: impl FnOnce(&mut Signature), expected: Expect) {
    let mut newer = older();
    change(&mut newer);
    let answer = newer.compatible_with(&older()).map_or_else(|error| error.to_string(), |()| "compatible".to_owned());
    expected.assert_eq(&answer);
}

#[test]
fn what_callers_rely_on_stays_compatible() {
    check(|_| {}, expect!["compatible"]);
    check(|s| s.inputs[0].shape = vec![-1, -1, 8, 8], expect!["compatible"]);
    check(|s| s.outputs[0].shape = vec![1, 10], expect!["compatible"]);
    check(|s| s.outputs.push(tensor("logits", DataType::Fp32, &[-1, 10])), expect!["compatible"]);
}

#[test]
fn what_breaks_callers_is_named() {
    check(
        |s| s.inputs[0].shape = vec![-1, 1, 16, 16],
        expect!["input was image FP32 [?, 1, 8, 8] and is image FP32 [?, 1, 16, 16]"],
    );
    check(
        |s| s.inputs[0].shape = vec![1, 1, 8, 8],
        expect!["input was image FP32 [?, 1, 8, 8] and is image FP32 [1, 1, 8, 8]"],
    );
    check(
        |s| s.outputs[0].shape = vec![-1, -1],
        expect!["output was probabilities FP32 [?, 10] and is probabilities FP32 [?, ?]"],
    );
    check(
        |s| s.outputs[0].datatype = DataType::Fp64,
        expect!["output was probabilities FP32 [?, 10] and is probabilities FP64 [?, 10]"],
    );
    check(|s| s.inputs[0].name = "x".to_owned(), expect!["input image FP32 [?, 1, 8, 8] is gone"]);
    check(|s| s.outputs.clear(), expect!["output probabilities FP32 [?, 10] is gone"]);
    check(
        |s| s.inputs.push(tensor("mask", DataType::Bool, &[-1])),
        expect!["input mask BOOL [?] is new, and callers do not send it"],
    );
}

#[test]
fn datatypes_bear_the_protocols_names() {
    let all = "BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 BF16 FP32 FP64 BYTES";
    for name in all.split(' ') {
        let datatype: DataType = serde_json::from_str(&format!("\"{name}\"")).unwrap();
        assert_eq!(datatype.as_str(), name);
        assert_eq!(datatype.size().is_none(), name == "BYTES");
    }
}
