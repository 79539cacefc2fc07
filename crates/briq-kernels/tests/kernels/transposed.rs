//! `convolution::TransposedConvolution`.

use briq_kernels::Activation;
use briq_kernels::convolution::{TransposedConvolution, TransposedSpec};
use proptest::prelude::*;

use crate::{Expected, each_unit, noise};

/// Every number of the input spread over the output, which is then cut.
fn reference(
    spec: &TransposedSpec,
    input: &[f32],
    batch: usize,
    size: [usize; 2],
    output: [usize; 2],
    weights: &[f32],
) -> Vec<f64> {
    let (own, channels) = (spec.filters / spec.groups, spec.channels / spec.groups);
    let mut out = vec![0.0; batch * output[0] * output[1] * spec.filters];
    for (index, &number) in input.iter().enumerate() {
        let (pixel, channel) = (index / spec.channels, index % spec.channels);
        let (image, y, x) = (pixel / (size[0] * size[1]), pixel / size[1] % size[0], pixel % size[1]);
        for at in 0..own * spec.kernel[0] * spec.kernel[1] {
            let (filter, tap) = (at / (spec.kernel[0] * spec.kernel[1]), at % (spec.kernel[0] * spec.kernel[1]));
            let y = (y * spec.strides[0] + tap / spec.kernel[1]).wrapping_add_signed(-spec.cuts[0]);
            let x = (x * spec.strides[1] + tap % spec.kernel[1]).wrapping_add_signed(-spec.cuts[1]);
            if y < output[0] && x < output[1] {
                let to = ((image * output[0] + y) * output[1] + x) * spec.filters + channel / channels * own + filter;
                let weight = weights[channel * own * spec.kernel[0] * spec.kernel[1] + at];
                out[to] += f64::from(number) * f64::from(weight);
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn transposed_convolutions_are_their_definition(
        (channels, filters, groups) in (1_usize..20, 1_usize..20, 1_usize..3),
        (kernel, strides) in ([1_usize..6, 1_usize..6], [1_usize..4, 1_usize..4]),
        (begin, end, extra) in ([0_isize..3, 0_isize..3], [0_isize..3, 0_isize..3], [0_isize..2, 0_isize..2]),
        (batch, size) in (1_usize..3, [1_usize..7, 1_usize..7]),
        biased in any::<bool>(),
        seed in 0_u32..1000,
    ) {
        let cuts = [begin[0], begin[1], end[0] - extra[0], end[1] - extra[1]];
        let spec = TransposedSpec { channels: channels * groups, filters: filters * groups, groups, kernel, strides, cuts };
        let input = noise(batch * size[0] * size[1] * spec.channels, seed);
        let weights = noise(spec.channels * filters * kernel[0] * kernel[1], seed + 1);
        let bias = biased.then(|| noise(spec.filters, seed + 2));
        each_unit(|unit| {
            let made = TransposedConvolution::new(spec, &weights, bias.as_deref(), Activation::Relu).expect("it fits");
            // What cuts more than the kernel spreads is not for it.
            let Some(convolution) = made else {
                assert!((0..2).any(|axis| begin[axis].max(end[axis]) + strides[axis] as isize > kernel[axis] as isize));
                return;
            };
            let output = convolution.output(size);
            let mut out = vec![f32::NAN; batch * output[0] * output[1] * spec.filters];
            convolution.run(&input, batch, size, &mut out);
            let mut expected = Expected::default();
            for (index, sum) in reference(&spec, &input, batch, size, output, &weights).into_iter().enumerate() {
                let bias = bias.as_ref().map_or(0.0, |bias| f64::from(bias[index % spec.filters]));
                expected.push(sum + bias, Activation::Relu);
            }
            expected.check(unit, &out, 2e-5);
        });
    }
}

#[test]
fn sizes_that_contradict_one_another_are_refused() {
    let spec = TransposedSpec { channels: 2, filters: 2, groups: 1, kernel: [2, 2], strides: [2, 2], cuts: [0; 4] };
    let refused = |spec, weights: usize, bias: usize| {
        TransposedConvolution::new(spec, &vec![0.0; weights], Some(&vec![0.0; bias]), Activation::Identity).is_err()
    };
    assert!(!refused(spec, 16, 2));
    assert!(refused(spec, 15, 2));
    assert!(refused(spec, 16, 3));
    assert!(refused(TransposedSpec { strides: [0, 1], ..spec }, 16, 2));
}
