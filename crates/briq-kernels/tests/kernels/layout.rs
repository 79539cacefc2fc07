//! `layout`.

use briq_kernels::layout::{to_channels_first, to_channels_last};
use proptest::prelude::*;

use crate::{each_unit, noise};

proptest! {
    #[test]
    fn channels_go_last_and_come_back(
        (batch, channels, pixels) in (1_usize..4, 1_usize..60, 1_usize..60),
        seed in 0_u32..1000,
    ) {
        let images = noise(batch * channels * pixels, seed);
        each_unit(|_| {
            let (mut last, mut first) = (vec![0.0; images.len()], vec![0.0; images.len()]);
            to_channels_last(&images, batch, channels, pixels, &mut last);
            for (index, &value) in images.iter().enumerate() {
                let (image, channel, pixel) = (index / (channels * pixels), index / pixels % channels, index % pixels);
                assert_eq!(last[(image * pixels + pixel) * channels + channel], value);
            }
            to_channels_first(&last, batch, channels, pixels, &mut first);
            assert_eq!(first, images);
        });
    }
}

#[test]
fn a_large_image_on_several_threads() {
    let images = noise(2 * 64 * 5000, 1);
    let (mut last, mut first) = (vec![0.0; images.len()], vec![0.0; images.len()]);
    to_channels_last(&images, 2, 64, 5000, &mut last);
    to_channels_first(&last, 2, 64, 5000, &mut first);
    assert_eq!(first, images);
}

#[test]
fn rows_lie_beside_one_another() {
    let (left, right) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0]);
    let mut out = [0.0; 6];
    briq_kernels::layout::beside(&[(&left, 2), (&[], 0), (&right, 1)], &mut out);
    assert_eq!(out, [1.0, 2.0, 5.0, 3.0, 4.0, 6.0]);
    briq_kernels::layout::beside(&[(&[], 0)], &mut []);
}
