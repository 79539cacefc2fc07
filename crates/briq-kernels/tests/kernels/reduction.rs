//! Reductions, against plain loops.

use briq_kernels::reduction::{Extent, Reduction};
use proptest::prelude::*;

use crate::support::{Numbers, assert_close, for_each_unit};

const ALL: [Reduction; 5] = [Reduction::Sum, Reduction::Mean, Reduction::SumOfSquares, Reduction::Max, Reduction::Min];

fn scalar(reduction: Reduction, values: impl Iterator<Item = f64> + Clone) -> f64 {
    match reduction {
        Reduction::Sum => values.sum(),
        Reduction::Mean => values.clone().sum::<f64>() / values.count() as f64,
        Reduction::SumOfSquares => values.map(|x| x * x).sum(),
        Reduction::Max => values.fold(f64::NEG_INFINITY, f64::max),
        _ => values.fold(f64::INFINITY, f64::min),
    }
}

#[track_caller]
fn check(reduction: Reduction, extent: Extent, seed: u64) {
    let Extent { outer, reduced, inner } = extent;
    let input = Numbers::new(seed).take(outer * reduced * inner);
    let expected: Vec<f64> = (0..outer * inner)
        .map(|index| {
            let (row, column) = (index / inner, index % inner);
            scalar(reduction, (0..reduced).map(|at| f64::from(input[(row * reduced + at) * inner + column])))
        })
        .collect();
    for_each_unit(|unit| {
        let mut out = vec![f32::NAN; outer * inner];
        reduction.apply(&input, extent, &mut out);
        assert_close(unit, &out, &expected, 2e-5);
    });
}

#[test]
fn large_tensors_are_split_and_exact_enough() {
    for reduction in ALL {
        check(reduction, Extent { outer: 1, reduced: 300_007, inner: 1 }, 1);
        check(reduction, Extent { outer: 1003, reduced: 501, inner: 1 }, 2);
        check(reduction, Extent { outer: 2, reduced: 3136, inner: 70 }, 3);
    }
}

#[test]
fn no_numbers_have_the_sum_zero() {
    let mut out = [1.0; 3];
    Reduction::Sum.apply(&[], Extent { outer: 3, reduced: 0, inner: 1 }, &mut out);
    assert_eq!(out, [0.0; 3]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_extent_is_right(outer in 1_usize..6, reduced in 1_usize..300, inner in 1_usize..150, kind in 0_usize..5, rows: bool, seed: u64) {
        check(ALL[kind], Extent { outer, reduced, inner: if rows { 1 } else { inner } }, seed);
    }
}
