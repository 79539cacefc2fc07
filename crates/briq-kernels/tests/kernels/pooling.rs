//! `pooling`.

use briq_kernels::pooling::{Divisor, PoolImages, PoolSpec, average_pool, global_average_pool, max_pool};
use proptest::prelude::*;

use crate::{Expected, each_unit, noise};

/// Largest and mean of each window, by the definition; `beyond` pads are not counted.
fn reference(spec: &PoolSpec, images: &PoolImages, input: &[f32], divisor: Divisor) -> (Vec<f64>, Vec<f64>) {
    let ([height, width], channels) = (images.input, images.channels);
    let (mut largest, mut means) = (Vec::new(), Vec::new());
    for index in 0..images.batch * images.output[0] * images.output[1] * channels {
        let (pixel, channel) = (index / channels, index % channels);
        let (x, y) = (pixel % images.output[1], pixel / images.output[1] % images.output[0]);
        let image = pixel / (images.output[0] * images.output[1]);
        let (mut max, mut sum, mut count) = (f64::NEG_INFINITY, 0.0, 0);
        for tap in 0..spec.kernel[0] * spec.kernel[1] {
            let y = y * spec.strides[0] + tap / spec.kernel[1] * spec.dilations[0];
            let x = x * spec.strides[1] + tap % spec.kernel[1] * spec.dilations[1];
            let inside =
                (spec.pads[0]..spec.pads[0] + height).contains(&y) && (spec.pads[1]..spec.pads[1] + width).contains(&x);
            let padded = y < height + spec.pads[0] + spec.pads[2] && x < width + spec.pads[1] + spec.pads[3];
            count += usize::from(if divisor == Divisor::Image { inside } else { padded });
            if inside {
                let pixel = (image * height + y - spec.pads[0]) * width + x - spec.pads[1];
                let value = f64::from(input[pixel * channels + channel]);
                (max, sum) = (max.max(value), sum + value);
            }
        }
        largest.push(max);
        means.push(sum / count.max(1) as f64);
    }
    (largest, means)
}

proptest! {
    #[test]
    fn pools_are_their_definition(
        (kernel, strides, dilations) in ([1_usize..5, 1_usize..5], [1_usize..4, 1_usize..4], [1_usize..3, 1_usize..3]),
        pads in [0_usize..3, 0_usize..3, 0_usize..3, 0_usize..3],
        (batch, channels, input) in (1_usize..3, 1_usize..100, [1_usize..10, 1_usize..10]),
        (padded, up) in any::<(bool, bool)>(),
        seed in 0_u32..1000,
    ) {
        let spec = PoolSpec { kernel, strides, dilations, pads };
        let output = std::array::from_fn(|axis| {
            let room = input[axis] + pads[axis] + pads[axis + 2];
            let rest = room.saturating_sub(dilations[axis] * (kernel[axis] - 1) + 1);
            1 + if up { rest.div_ceil(strides[axis]) } else { rest / strides[axis] }
        });
        let images = PoolImages { batch, channels, input, output };
        let values = noise(batch * input[0] * input[1] * channels, seed);
        let divisor = if padded { Divisor::Padded } else { Divisor::Image };
        let (largest, means) = reference(&spec, &images, &values, divisor);
        let means = Expected::new(means);
        each_unit(|unit| {
            let mut out = vec![f32::NAN; means.values.len()];
            average_pool(&spec, &images, divisor, &values, &mut out);
            means.check(unit, &out, 1e-6);
            max_pool(&spec, &images, &values, &mut out);
            assert!(out.iter().zip(&largest).all(|(&a, &b)| f64::from(a) == b));
        });
    }

    #[test]
    fn the_global_mean_is_over_all_pixels(
        (batch, channels, pixels) in (1_usize..4, 1_usize..80, 1_usize..60),
        seed in 0_u32..1000,
    ) {
        let values = noise(batch * channels * pixels, seed);
        let mut expected = vec![0.0; batch * channels];
        for (index, &value) in values.iter().enumerate() {
            expected[index / (channels * pixels) * channels + index % channels] += f64::from(value) / pixels as f64;
        }
        let expected = Expected::new(expected);
        each_unit(|unit| {
            let mut out = vec![f32::NAN; expected.values.len()];
            global_average_pool(&values, batch, pixels, channels, &mut out);
            expected.check(unit, &out, 1e-6);
        });
    }
}
