//! `resize`.

use briq_kernels::resize::{Axis, ResizeSpec, resize};
use proptest::prelude::*;

use crate::{Expected, each_unit, noise};

/// Taps somewhere in `from` positions, with any weights; single ones count whole.
fn taps(count: usize, from: usize, to: usize, seed: u32) -> (Axis, Vec<(usize, f32)>) {
    let at = |number: &f32| ((number + 1.0) / 2.0 * from as f32) as usize;
    let positions: Vec<usize> = noise(count * to, seed).iter().map(|number| at(number).min(from - 1)).collect();
    let weights = if count == 1 { vec![1.0; to] } else { noise(count * to, seed + 1) };
    let pairs = positions.iter().copied().zip(weights.iter().copied()).collect();
    (Axis::new(count, positions, weights), pairs)
}

proptest! {
    #[test]
    fn resized_images_are_weighted_sums(
        (batch, channels) in (1_usize..3, 1_usize..40),
        (size, output) in ([1_usize..8, 1_usize..8], [1_usize..12, 1_usize..12]),
        (down, across) in (1_usize..5, 1_usize..5),
        seed in 0_u32..1000,
    ) {
        let spec = ResizeSpec { batch, channels, size, output };
        let (rows, by_row) = taps(down, size[0], output[0], seed);
        let (columns, by_column) = taps(across, size[1], output[1], seed + 7);
        let input = noise(batch * size[0] * size[1] * channels, seed + 3);
        let sum = |index: usize| {
            let (pixel, channel) = (index / channels, index % channels);
            let (x, y) = (pixel % output[1], pixel / output[1] % output[0]);
            let image = pixel / (output[0] * output[1]) * size[0];
            let across = |row: usize| by_column[x * across..][..across].iter().map(move |&(column, weight)| (row, column, weight));
            let all = by_row[y * down..][..down].iter().flat_map(|&(row, outer)| across(row).map(move |tap| (tap, outer)));
            let term = |((row, column, inner), outer): ((usize, usize, f32), f32)| {
                f64::from(input[((image + row) * size[1] + column) * channels + channel]) * f64::from(inner) * f64::from(outer)
            };
            all.map(term).sum::<f64>()
        };
        let count = batch * output[0] * output[1] * channels;
        let expected = Expected::new((0..count).map(sum).collect());
        each_unit(|unit| {
            let mut out = vec![f32::NAN; count];
            resize(&spec, &rows, &columns, &input, &mut out);
            expected.check(unit, &out, 2e-6);
        });
    }
}

#[test]
#[should_panic(expected = "axes of the images' sizes")]
fn a_tap_outside_is_refused() {
    let spec = ResizeSpec { batch: 1, channels: 1, size: [1, 2], output: [1, 1] };
    let axis = |position| Axis::new(1, vec![position], vec![1.0]);
    resize(&spec, &axis(0), &axis(2), &[0.0; 2], &mut [0.0]);
}
