//! Numbers of two tensors, against plain loops.

use briq_diff::figures::{Figures, figures};
use briq_graph::ElementType;
use proptest::prelude::*;

fn singles(before: &[f32], after: &[f32]) -> Figures {
    let bytes = |numbers: &[f32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    figures((ElementType::F32, &bytes(before)), (ElementType::F32, &bytes(after))).unwrap()
}

fn plain(before: &[f64], after: &[f64]) -> Figures {
    let mut found = Figures { elements: before.len() as u64, ..Figures::default() };
    for (&a, &b) in before.iter().zip(after) {
        let same = a == b || (a.is_nan() && b.is_nan());
        let difference = if same { 0.0 } else { (b - a).abs() };
        found.changed += u64::from(!same);
        if a.is_finite() {
            found.norm_before += a * a;
        }
        if difference.is_finite() {
            found.largest = found.largest.max(difference);
            found.norm += difference * difference;
        } else {
            found.not_finite += 1;
        }
    }
    Figures { norm: found.norm.sqrt(), norm_before: found.norm_before.sqrt(), ..found }
}

fn close(found: &Figures, expected: &Figures) -> bool {
    let near = |a: f64, b: f64| a == b || (a - b).abs() <= 1e-12 * b.abs();
    let counts = |of: &Figures| (of.elements, of.changed, of.not_finite, of.largest.to_bits());
    counts(found) == counts(expected)
        && near(found.norm, expected.norm)
        && near(found.norm_before, expected.norm_before)
}

#[test]
fn what_is_no_number_is_counted_apart() {
    let (nan, infinity) = (f32::NAN, f32::INFINITY);
    let before = [nan, infinity, infinity, 0.0, nan, 3.0, 1.0];
    let after = [nan, infinity, -infinity, -0.0, 1.0, 4.0, infinity];
    let found = singles(&before, &after);
    assert_eq!((found.elements, found.changed, found.not_finite, found.largest), (7, 4, 3, 1.0));
    assert_eq!((found.norm, found.norm_before), (1.0, 10.0_f64.sqrt()));
}

#[test]
fn a_change_from_nothing_has_no_relative_size() {
    assert_eq!(singles(&[0.0, 0.0], &[0.0, 1.0]).relative(), None);
    assert_eq!(singles(&[0.0, 0.0], &[0.0, 0.0]).relative(), Some(0.0));
    assert_eq!(singles(&[], &[]).fraction(), 0.0);
}

#[test]
fn large_integers_are_told_apart() {
    let bytes = |numbers: [i64; 2]| numbers.map(i64::to_le_bytes).concat();
    let (before, after) = (bytes([1 << 62, i64::MIN]), bytes([(1 << 62) + 1, i64::MAX]));
    let found = figures((ElementType::I64, &before), (ElementType::I64, &after)).unwrap();
    assert_eq!((found.changed, found.largest), (2, 18_446_744_073_709_551_615.0));
}

#[test]
fn precisions_are_compared_with_each_other() {
    let before = [1.0_f32, 0.1, -2.5].map(f32::to_le_bytes).concat();
    let after = [1.0_f32, 0.1, -2.5].map(|number| half::f16::from_f32(number).to_le_bytes()).concat();
    let found = figures((ElementType::F32, &before), (ElementType::F16, &after)).unwrap();
    assert_eq!(found.changed, 1);
    assert!(found.largest > 0.0 && found.largest < 1e-4, "{found:?}");
    assert_eq!(figures((ElementType::F32, &before), (ElementType::F16, &after[2..])), None);
    assert_eq!(figures((ElementType::I4, &[0]), (ElementType::I4, &[1])), None);
}

/// Long enough for several chunks, so that their order is seen: the figures are the same however they are cut.
#[test]
fn figures_do_not_depend_on_threads() {
    let wave = |step: f32| (0..200_003_u32).map(|at| (at as f32 * step).sin()).collect::<Vec<f32>>();
    let (before, after) = (wave(0.1), wave(0.100_1));
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let many = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let alone = one.install(|| singles(&before, &after));
    assert_eq!(many.install(|| singles(&before, &after)), alone);
    let double = |numbers: &[f32]| numbers.iter().map(|&number| f64::from(number)).collect::<Vec<_>>();
    assert!(close(&alone, &plain(&double(&before), &double(&after))), "{alone:?}");
}

/// Numbers among which some are equal, and some are none.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => (-4_i8..4).prop_map(f64::from),
        2 => -1e3..1e3_f64,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0]),
    ]
}

proptest! {
    #[test]
    fn agrees_with_plain_loops(pairs in prop::collection::vec((number(), number()), 0..3000)) {
        let (before, after): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let bytes = |numbers: &[f64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
        let found = figures((ElementType::F64, &bytes(&before)), (ElementType::F64, &bytes(&after))).unwrap();
        let expected = plain(&before, &after);
        prop_assert!(close(&found, &expected), "{found:?} {expected:?}");
    }
}
