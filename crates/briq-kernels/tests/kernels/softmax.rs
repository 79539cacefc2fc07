//! Softmax, against plain loops.

use briq_kernels::InOut;
use briq_kernels::softmax::{log_softmax, softmax};
use proptest::prelude::*;

use crate::support::{Numbers, for_each_unit, wide};

fn reference(row: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let row = wide(row);
    let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|x| (x - most).exp()).sum();
    (row.iter().map(|x| (x - most).exp() / sum).collect(), row.iter().map(|x| x - most - sum.ln()).collect())
}

#[track_caller]
fn check(rows: usize, width: usize, factor: f32, seed: u64) {
    let input = Numbers::new(seed).scaled(rows * width, factor);
    for_each_unit(|unit| {
        let (mut shares, mut logs) = (vec![f32::NAN; input.len()], vec![f32::NAN; input.len()]);
        softmax(InOut::between(&input, &mut shares), width);
        log_softmax(InOut::between(&input, &mut logs), width);
        for (row, input) in input.chunks(width).enumerate() {
            let expected = reference(input);
            for column in 0..width {
                let (share, log) = (f64::from(shares[row * width + column]), f64::from(logs[row * width + column]));
                // The distance to the largest is rounded before its exponential is taken.
                let relative = 1e-6 + 1.2e-7 * expected.1[column].abs();
                let error = (share - expected.0[column]).abs();
                assert!(
                    error <= relative * expected.0[column] + f64::from(f32::MIN_POSITIVE),
                    "{unit:?} {row} {column}: {share}"
                );
                let error = (log - expected.1[column]).abs();
                assert!(error <= 1e-6 * expected.1[column].abs().max(1.0), "{unit:?} {row} {column}: {log}");
            }
        }
        let mut values = input.clone();
        softmax(InOut::in_place(&mut values), width);
        assert_eq!(values, shares, "{unit:?} in place");
    });
}

#[test]
fn masked_scores_get_nothing() {
    for_each_unit(|unit| {
        let mut row = [1.0, f32::NEG_INFINITY, 1.0];
        softmax(InOut::in_place(&mut row), 3);
        assert_eq!(row, [0.5, 0.0, 0.5], "{unit:?}");
    });
}

#[test]
fn many_rows_are_split_and_complete() {
    check(1536, 128, 5.0, 1);
    check(128, 1000, 5.0, 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_rows_are_right(rows in 1_usize..9, width in 1_usize..200, factor in 0.1_f32..60.0, seed: u64) {
        check(rows, width, factor, seed);
    }
}
