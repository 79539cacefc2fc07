//! The least version for a signature that changed.

use briq_spec::semver::Version;
use briq_spec::{Bump, DataType, Signature, TensorSpec, bump};
use expect_test::{Expect, expect};

fn tensor(name: &str, datatype: DataType, shape: &[i64]) -> TensorSpec {
    TensorSpec { name: name.into(), datatype, shape: shape.to_vec() }
}

fn older() -> Signature {
    Signature {
        inputs: vec![tensor("image", DataType::Fp32, &[-1, 1, 8, 8])],
        outputs: vec![tensor("scores", DataType::Fp32, &[-1, 10]), tensor("hidden", DataType::Fp32, &[-1, 64])],
    }
}

fn version(text: &str) -> Version {
    text.parse().expect("a version")
}

fn check(change: impl FnOnce(&mut Signature), expected: Expect) {
    let mut newer = older();
    change(&mut newer);
    let differences = newer.differences(&older());
    let lines = differences.iter().map(|difference| format!("{}: {difference}", difference.demands()));
    expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
    let worst = differences.iter().map(|difference| difference.demands()).max();
    assert_eq!(newer.least_bump(&older()), worst.unwrap_or(Bump::Patch));
}

#[test]
fn every_difference_is_named_with_what_it_demands() {
    check(|_| {}, expect![""]);
    check(|s| s.outputs.reverse(), expect![""]);
    check(
        |s| s.outputs.push(tensor("logits", DataType::Fp32, &[-1, 10])),
        expect!["minor: output logits FP32 [?, 10] is new"],
    );
    check(
        |s| s.inputs[0].shape = vec![-1, -1, 8, 8],
        expect!["minor: input was image FP32 [?, 1, 8, 8] and is image FP32 [?, ?, 8, 8]"],
    );
    check(
        |s| s.outputs[1].shape = vec![1, 64],
        expect!["minor: output was hidden FP32 [?, 64] and is hidden FP32 [1, 64]"],
    );
    check(|s| s.outputs.truncate(1), expect!["major: output hidden FP32 [?, 64] is gone"]);
    check(
        |s| {
            s.outputs.push(tensor("logits", DataType::Fp32, &[-1, 10]));
            s.inputs.push(tensor("mask", DataType::Bool, &[-1]));
            s.inputs[0].datatype = DataType::Uint8;
        },
        expect![[r#"
            major: input was image FP32 [?, 1, 8, 8] and is image UINT8 [?, 1, 8, 8]
            major: input mask BOOL [?] is new, and callers do not send it
            minor: output logits FP32 [?, 10] is new"#]],
    );
    check(
        |s| s.inputs[0].shape = vec![1, 1, 8, 8],
        expect!["major: input was image FP32 [?, 1, 8, 8] and is image FP32 [1, 1, 8, 8]"],
    );
}

#[test]
fn the_next_version_follows_cargo() {
    let cases = [
        (Bump::Patch, "1.2.3", "1.2.4"),
        (Bump::Minor, "1.2.3", "1.3.0"),
        (Bump::Major, "1.2.3", "2.0.0"),
        (Bump::Patch, "0.2.3", "0.2.4"),
        (Bump::Minor, "0.2.3", "0.2.4"),
        (Bump::Major, "0.2.3", "0.3.0"),
        (Bump::Minor, "0.0.3", "0.0.4"),
        (Bump::Major, "0.0.3", "0.0.4"),
    ];
    for (bump, from, to) in cases {
        assert_eq!(bump.next(&version(from)), version(to), "{bump} {from}");
    }
}

/// What publishing `newer` after `1.2.3` (or another version) comes to.
fn publish(from: &str, to: &str, change: impl FnOnce(&mut Signature)) -> String {
    let mut newer = older();
    change(&mut newer);
    let (from, to) = (version(from), version(to));
    bump::check((&from, &older()), (&to, &newer)).map_or_else(|error| error.to_string(), |()| "allowed".to_owned())
}

fn adds(signature: &mut Signature) {
    signature.outputs.push(tensor("logits", DataType::Fp32, &[-1, 10]));
}

fn breaks(signature: &mut Signature) {
    signature.outputs.truncate(1);
}

#[test]
fn rejects_less_than_what_is_demanded() {
    let minor = expect![
        "1.2.4 is no mere patch of 1.2.3: output logits FP32 [?, 10] is new; the least version for that is 1.3.0"
    ];
    minor.assert_eq(&publish("1.2.3", "1.2.4", adds));
    let major = expect![
        "1.3.0 would break callers of 1.2.3: output hidden FP32 [?, 64] is gone; the least version for that is 2.0.0"
    ];
    major.assert_eq(&publish("1.2.3", "1.3.0", |signature| {
        breaks(signature);
        adds(signature);
    }));
    let below_one = expect![
        "0.2.9 would break callers of 0.2.3: output hidden FP32 [?, 64] is gone; the least version for that is 0.3.0"
    ];
    below_one.assert_eq(&publish("0.2.3", "0.2.9", breaks));
}

#[test]
fn what_is_raised_far_enough_is_allowed() {
    type Change = fn(&mut Signature);
    let cases: [(&str, &str, Change); 8] = [
        ("1.2.3", "1.2.4", |_| {}),
        ("1.2.3", "1.3.0", adds),
        ("1.2.3", "2.0.0", breaks),
        ("0.2.3", "0.2.4", adds),
        ("0.2.3", "0.3.0", breaks),
        ("0.0.3", "0.0.4", breaks),
        ("1.2.3", "1.2.4-rc.1", breaks),
        ("1.2.3-rc.1", "1.2.3", breaks),
    ];
    for (from, to, change) in cases {
        assert_eq!(publish(from, to, change), "allowed", "{from} {to}");
    }
}
