//! `matrix`.

use briq_kernels::matrix::{BatchSpec, PackedMatrix, Transposed, multiply, multiply_batch};
use briq_kernels::{Activation, Epilogue, Weights};
use proptest::prelude::*;

use crate::{Expected, activation, each_unit, noise};

#[derive(Clone, Copy, Debug)]
struct Case {
    rows: usize,
    depth: usize,
    columns: usize,
    transposed: bool,
    /// Whether each column has a factor.
    factors: bool,
    bias: bool,
    residual: bool,
    activation: Activation,
    seed: u32,
}

fn check(case: Case) {
    let Case { rows, depth, columns, seed, .. } = case;
    let (left, right) = (noise(rows * depth, seed), noise(depth * columns, seed + 1));
    let factors = case.factors.then(|| noise(columns, seed + 4));
    let factor = |column: usize| factors.as_ref().map_or(1.0, |factors| f64::from(factors[column]));
    let bias = case.bias.then(|| noise(columns, seed + 2));
    let residual = case.residual.then(|| noise(rows * columns, seed + 3));
    let at = |k: usize, n: usize| right[if case.transposed { n * depth + k } else { k * columns + n }];
    let mut expected = Expected::default();
    for index in 0..rows * columns {
        let (row, column) = (index / columns, index % columns);
        let products = (0..depth).map(|k| f64::from(left[row * depth + k]) * f64::from(at(k, column)) * factor(column));
        let bias = bias.as_ref().map_or(0.0, |bias| f64::from(bias[column]));
        let residual = residual.as_ref().map_or(0.0, |residual| f64::from(residual[index]));
        expected.push(products.sum::<f64>() + bias + residual, case.activation);
    }
    each_unit(|unit| {
        let transposed = if case.transposed { Transposed::Yes } else { Transposed::No };
        let weights = Weights { numbers: &right, factors: factors.as_deref() };
        let matrix = PackedMatrix::pack(weights, depth, columns, transposed);
        let epilogue = Epilogue { bias: bias.as_deref(), residual: residual.as_deref(), activation: case.activation };
        let mut out = vec![f32::NAN; rows * columns];
        multiply(&left, rows, &matrix, &epilogue, &mut out);
        expected.check(unit, &out, 1e-5);
    });
}

proptest! {
    #[test]
    fn multiply_is_the_sum_of_products(
        (rows, depth, columns) in (0_usize..30, 0_usize..40, 1_usize..80),
        (transposed, factors, bias, residual) in any::<(bool, bool, bool, bool)>(),
        activation in activation(),
        seed in 0_u32..1000,
    ) {
        check(Case { rows, depth, columns, transposed, factors, bias, residual, activation, seed });
    }

    #[test]
    fn multiply_batch_is_a_product_for_each_entry(
        (batch, rows, depth, columns) in (0_usize..4, 1_usize..20, 1_usize..20, 1_usize..40),
        (transposed, shared) in any::<(bool, bool)>(),
        seed in 0_u32..1000,
    ) {
        let left = noise(batch.max(1) * rows * depth, seed);
        let right = noise(batch.max(1) * depth * columns, seed + 1);
        let right_stride = if shared { 0 } else { depth * columns };
        let mut expected = Expected::default();
        for (index, row, column) in (0..batch * rows * columns).map(|i| (i / (rows * columns), i / columns % rows, i % columns)) {
            let right = &right[index * right_stride..];
            let at = |k: usize| if transposed { right[column * depth + k] } else { right[k * columns + column] };
            let products = (0..depth).map(|k| f64::from(left[(index * rows + row) * depth + k]) * f64::from(at(k)));
            expected.push(0.5 * products.sum::<f64>(), Activation::Identity);
        }
        let transposed = if transposed { Transposed::Yes } else { Transposed::No };
        let spec = BatchSpec { batch, rows, depth, columns, left_stride: rows * depth, right_stride, transposed };
        each_unit(|unit| {
            let mut out = vec![f32::NAN; batch * rows * columns];
            multiply_batch(&spec, &left, &right, 0.5, &mut out);
            expected.check(unit, &out, 1e-5);
        });
    }
}

/// Sizes that need several blocks of every kind, several threads, and copies of rows that push one another out of a cache.
#[test]
fn multiply_in_many_blocks() {
    for (rows, depth, columns) in [(70, 1536, 300), (200, 1100, 70), (33, 2048, 520), (300, 64, 100), (1, 2048, 1000)] {
        let activation = Activation::Relu;
        let case = Case {
            rows,
            depth,
            columns,
            transposed: false,
            factors: false,
            bias: true,
            residual: true,
            activation,
            seed: 7,
        };
        check(case);
    }
}
