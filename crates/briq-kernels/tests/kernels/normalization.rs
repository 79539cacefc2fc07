//! Normalisation, against plain loops.

use briq_kernels::InOut;
use briq_kernels::normalization::{
    BatchNorm, GroupNorm, LayerNorm, group_norm, layer_norm, rms_norm, scale_shift, skip_layer_norm,
};
use proptest::prelude::*;

use crate::support::{Numbers, assert_close, for_each_unit, wide};

const EPSILON: f32 = 1e-5;

fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64)
}

fn layer_reference(row: &[f64], norm: &LayerNorm<'_>) -> Vec<f64> {
    let (mean, variance) = moments(row);
    let bias = |column: usize| norm.bias.map_or(0.0, |bias| f64::from(bias[column]));
    let normal = |x: f64| (x - mean) / (variance + f64::from(norm.epsilon)).sqrt();
    row.iter().enumerate().map(|(column, &x)| normal(x) * f64::from(norm.scale[column]) + bias(column)).collect()
}

fn square_reference(row: &[f64], norm: &LayerNorm<'_>) -> Vec<f64> {
    let mean = row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
    let bias = |column: usize| norm.bias.map_or(0.0, |bias| f64::from(bias[column]));
    let factor = 1.0 / (mean + f64::from(norm.epsilon)).sqrt();
    row.iter().enumerate().map(|(column, &x)| x * factor * f64::from(norm.scale[column]) + bias(column)).collect()
}

#[track_caller]
fn check_rows(rows: usize, width: usize, biased: bool, seed: u64) {
    let mut numbers = Numbers::new(seed);
    let (x, skip) = (numbers.scaled(rows * width, 3.0), numbers.take(rows * width));
    let (scale, bias) = (numbers.take(width), numbers.take(width));
    let norm = LayerNorm { scale: &scale, bias: biased.then_some(bias.as_slice()), epsilon: 1e-3 };
    let expected = |values: &[f32], reference: fn(&[f64], &LayerNorm<'_>) -> Vec<f64>| -> Vec<f64> {
        wide(values).chunks(width).flat_map(|row| reference(row, &norm)).collect()
    };
    for_each_unit(|unit| {
        let mut out = vec![f32::NAN; x.len()];
        layer_norm(InOut::between(&x, &mut out), &norm);
        assert_close(unit, &out, &expected(&x, layer_reference), 3e-6);
        let mut values = x.clone();
        layer_norm(InOut::in_place(&mut values), &norm);
        assert_eq!(values, out, "{unit:?} in place");
        rms_norm(InOut::between(&x, &mut out), &norm);
        assert_close(unit, &out, &expected(&x, square_reference), 3e-6);
        let mut sums = x.clone();
        skip_layer_norm(&mut sums, &skip, &norm, &mut out);
        let added: Vec<f32> = x.iter().zip(&skip).map(|(x, skip)| x + skip).collect();
        assert_eq!(sums, added, "{unit:?} sums");
        assert_close(unit, &out, &expected(&added, layer_reference), 3e-6);
    });
}

#[track_caller]
fn check_groups(batch: usize, pixels: usize, groups: usize, width: usize, seed: u64) {
    let channels = groups * width;
    let mut numbers = Numbers::new(seed);
    let x = numbers.scaled(batch * pixels * channels, 2.0);
    let (scale, bias) = (numbers.take(channels), numbers.take(channels));
    let mut expected = vec![0.0; x.len()];
    for (image, group) in (0..batch).flat_map(|image| (0..groups).map(move |group| (image, group))) {
        let places: Vec<usize> = (0..pixels)
            .flat_map(|pixel| {
                (0..width).map(move |channel| (image * pixels + pixel) * channels + group * width + channel)
            })
            .collect();
        let values: Vec<f64> = places.iter().map(|&place| f64::from(x[place])).collect();
        let (mean, variance) = moments(&values);
        for place in places {
            let normal = (f64::from(x[place]) - mean) / (variance + f64::from(EPSILON)).sqrt();
            expected[place] = normal * f64::from(scale[place % channels]) + f64::from(bias[place % channels]);
        }
    }
    for_each_unit(|unit| {
        let mut out = vec![f32::NAN; x.len()];
        let norm = GroupNorm { batch, pixels, groups, scale: &scale, bias: &bias, epsilon: EPSILON };
        group_norm(&x, &norm, &mut out);
        // One number alone is its own mean; what is left is rounding, which the small epsilon magnifies.
        if pixels * width > 2 {
            assert_close(unit, &out, &expected, 2e-5);
        }
    });
}

#[test]
fn a_large_mean_does_not_swallow_the_variance() {
    let x: Vec<f32> = (0..64).map(|at| 4096.0 + at as f32 / 16.0).collect();
    let scale = vec![1.0; 64];
    let norm = LayerNorm { scale: &scale, bias: None, epsilon: EPSILON };
    for_each_unit(|unit| {
        let mut out = vec![f32::NAN; 64];
        layer_norm(InOut::between(&x, &mut out), &norm);
        assert_close(unit, &out, &layer_reference(&wide(&x), &norm), 1e-3);
    });
}

#[test]
fn many_rows_are_split_and_complete() {
    check_rows(1024, 768, true, 1);
    check_groups(2, 3136, 32, 2, 2);
    check_groups(1, 900, 1, 40, 3);
    check_groups(1, 1, 8, 4, 4);
}

#[test]
fn batch_statistics_become_a_factor_and_a_summand() {
    let mut numbers = Numbers::new(5);
    let (x, scale, bias, mean) = (numbers.take(7 * 19), numbers.take(19), numbers.take(19), numbers.take(19));
    let variance: Vec<f32> = numbers.take(19).iter().map(|x| x.abs() + 0.1).collect();
    let norm = BatchNorm { scale: &scale, bias: &bias, mean: &mean, variance: &variance, epsilon: EPSILON };
    let expected: Vec<f64> = wide(&x)
        .iter()
        .enumerate()
        .map(|(at, x)| {
            let [scale, bias, mean, variance] =
                [&scale, &bias, &mean, &variance].map(|slice| f64::from(slice[at % 19]));
            (x - mean) / (variance + f64::from(EPSILON)).sqrt() * scale + bias
        })
        .collect();
    for_each_unit(|unit| {
        let (scale, shift) = norm.fold();
        let mut out = vec![f32::NAN; x.len()];
        scale_shift(InOut::between(&x, &mut out), &scale, &shift);
        assert_close(unit, &out, &expected, 2e-6);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_rows_are_right(rows in 1_usize..6, width in 2_usize..200, biased: bool, seed: u64) {
        check_rows(rows, width, biased, seed);
    }

    #[test]
    fn any_groups_are_right(batch in 1_usize..3, pixels in 1_usize..50, groups in 1_usize..20, width in 1_usize..9, seed: u64) {
        check_groups(batch, pixels, groups, width, seed);
    }
}
