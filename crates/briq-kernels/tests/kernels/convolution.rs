//! `convolution`.

use briq_kernels::convolution::{Convolution, ConvolutionSpec, Tiling, tilings};
use briq_kernels::{Activation, Weights};
use proptest::prelude::*;

use crate::{Expected, activation, each_unit, noise};

struct Case {
    spec: ConvolutionSpec,
    batch: usize,
    size: [usize; 2],
    /// Whether each filter has a factor.
    factors: bool,
    bias: bool,
    residual: bool,
    activation: Activation,
}

/// The convolution by its definition.
fn reference(case: &Case, input: &[f32], weights: &[f32], bias: Option<&[f32]>, residual: Option<&[f32]>) -> Expected {
    let spec = &case.spec;
    let [height, width] = spec.output(case.size);
    let mut out = Expected::default();
    for pixel in 0..case.batch * height * width {
        let (image, y, x) = (pixel / (height * width), pixel / width % height, pixel % width);
        for filter in 0..spec.filters {
            let mut sum = sum_at(case, input, weights, [image, y, x], filter);
            sum += bias.map_or(0.0, |bias| f64::from(bias[filter]));
            sum += residual.map_or(0.0, |residual| f64::from(residual[out.values.len()]));
            out.push(sum, case.activation);
        }
    }
    out
}

fn sum_at(case: &Case, input: &[f32], weights: &[f32], [image, y, x]: [usize; 3], filter: usize) -> f64 {
    let spec = &case.spec;
    let channels = spec.channels / spec.groups;
    let first = filter / (spec.filters / spec.groups) * channels;
    let mut sum = 0.0;
    for (row, column) in (0..spec.kernel[0]).flat_map(|row| (0..spec.kernel[1]).map(move |column| (row, column))) {
        let y = (y * spec.strides[0] + row * spec.dilations[0]).wrapping_sub(spec.pads[0]);
        let x = (x * spec.strides[1] + column * spec.dilations[1]).wrapping_sub(spec.pads[1]);
        if y >= case.size[0] || x >= case.size[1] {
            continue;
        }
        for channel in 0..channels {
            let weight = weights[((filter * channels + channel) * spec.kernel[0] + row) * spec.kernel[1] + column];
            let pixel = ((image * case.size[0] + y) * case.size[1] + x) * spec.channels + first + channel;
            sum += f64::from(weight) * f64::from(input[pixel]);
        }
    }
    sum
}

fn check(case: &Case, seed: u32) {
    let spec = case.spec;
    let input = noise(case.batch * case.size[0] * case.size[1] * spec.channels, seed);
    let weights = noise(spec.filters * spec.depth(), seed + 1);
    let factors = case.factors.then(|| noise(spec.filters, seed + 4));
    let factor = |at: usize| factors.as_ref().map_or(1.0, |factors| factors[at / spec.depth()]);
    let multiplied: Vec<f32> = (0..weights.len()).map(|at| weights[at] * factor(at)).collect();
    let bias = case.bias.then(|| noise(spec.filters, seed + 2));
    let [height, width] = spec.output(case.size);
    let length = case.batch * height * width * spec.filters;
    let residual = case.residual.then(|| noise(length, seed + 3));
    let expected = reference(case, &input, &multiplied, bias.as_deref(), residual.as_deref());
    let tilings = [Tiling::None, Tiling::Two, Tiling::Four].into_iter().filter(|tiling| *tiling <= Tiling::of(&spec));
    each_unit(|unit| {
        for tiling in tilings.clone() {
            let weights = Weights { numbers: &weights, factors: factors.as_deref() };
            let convolution = Convolution::tiled(spec, weights, bias.as_deref(), case.activation, tiling);
            let convolution = convolution.expect("a convolution");
            assert!(convolution.bytes() >= 4 * multiplied.len());
            let mut out = vec![f32::NAN; length];
            convolution.run(&input, case.batch, case.size, residual.as_deref(), &mut out);
            expected.check(unit, &out, 1e-5);
        }
    });
}

fn spec() -> impl Strategy<Value = ConvolutionSpec> {
    let groups = prop_oneof![4 => Just((1, 1, 1)), 1 => Just((2, 1, 1)), 1 => Just((3, 1, 2))];
    let sizes = (1_usize..36, 1_usize..40, groups);
    let kernel = prop_oneof![
        3 => Just([3_usize, 3_usize]), 1 => Just([1, 1]), 1 => Just([7, 7]), 2 => [1_usize..5, 1_usize..5],
    ];
    (
        sizes,
        kernel,
        [1_usize..3, 1_usize..3],
        [1_usize..3, 1_usize..3],
        [0_usize..4, 0_usize..4, 0_usize..4, 0_usize..4],
    )
        .prop_map(|((channels, filters, (groups, ..)), kernel, strides, dilations, pads)| ConvolutionSpec {
            channels: channels.next_multiple_of(groups),
            filters: filters.next_multiple_of(groups),
            groups,
            kernel,
            strides,
            dilations,
            pads,
        })
}

/// Channels or filters of a group of which several fit into a register, or just not.
fn narrow() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![1, 2, 3, 4, 4, 5, 8, 8, 12, 16, 24])
}

/// Kernels that are computed in one piece, in several, and of one row or column.
fn kernel() -> impl Strategy<Value = [usize; 2]> {
    prop_oneof![
        4 => prop::sample::select(vec![[3, 3], [3, 3], [5, 5], [7, 7], [1, 5], [1, 1], [5, 1], [2, 9]]),
        1 => [1_usize..6, 1_usize..6],
    ]
}

/// Strides and dilations, mostly the usual ones.
fn steps() -> impl Strategy<Value = ([usize; 2], [usize; 2])> {
    let strides = prop_oneof![2 => Just([1, 1]), 1 => Just([2, 2]), 2 => [1_usize..4, 1_usize..4]];
    (strides, prop_oneof![3 => Just([1_usize, 1]), 1 => Just([2, 2]), 1 => [1_usize..3, 1_usize..3]])
}

proptest! {
    #[test]
    fn convolution_is_its_definition(
        spec in spec(),
        (batch, height, width) in (1_usize..3, 1_usize..12, 1_usize..12),
        (factors, bias, residual) in any::<(bool, bool, bool)>(),
        activation in activation(),
        seed in 0_u32..1000,
    ) {
        let usual = ConvolutionSpec { strides: [1, 1], dilations: [1, 1], pads: [1; 4], ..spec };
        let spec = if seed % 2 == 0 && usual.kernel == [3, 3] { usual } else { spec };
        check(&Case { spec, batch, size: [height, width], factors, bias, residual, activation }, seed);
    }

    #[test]
    fn depthwise_is_its_definition(
        channels in 2_usize..70,
        kernel in kernel(),
        (strides, dilations) in steps(),
        pads in [0_usize..4, 0_usize..4, 0_usize..4, 0_usize..4],
        (batch, height, width) in (1_usize..3, 1_usize..12, 1_usize..22),
        (factors, bias, residual) in any::<(bool, bool, bool)>(),
        activation in activation(),
        seed in 0_u32..1000,
    ) {
        let spec = ConvolutionSpec { channels, filters: channels, groups: channels, kernel, strides, dilations, pads };
        check(&Case { spec, batch, size: [height, width], factors, bias, residual, activation }, seed);
    }

    #[test]
    fn groups_are_their_definition(
        (groups, channels, filters) in (2_usize..10, narrow(), narrow()),
        kernel in kernel(),
        (strides, dilations) in steps(),
        pads in [0_usize..4, 0_usize..4, 0_usize..4, 0_usize..4],
        (batch, height, width) in (1_usize..3, 1_usize..8, 1_usize..22),
        (factors, bias, residual) in any::<(bool, bool, bool)>(),
        activation in activation(),
        seed in 0_u32..1000,
    ) {
        let (channels, filters) = (channels * groups, filters * groups);
        let spec = ConvolutionSpec { channels, filters, groups, kernel, strides, dilations, pads };
        check(&Case { spec, batch, size: [height, width], factors, bias, residual, activation }, seed);
    }
}

proptest! {
    #[test]
    fn weights_grow_by_no_more_than_they_may(
        sizes in prop::collection::vec((1_usize..8, 1_usize..8), 1..8),
        budget in 0_usize..2_000_000,
    ) {
        let spec = |(channels, filters)| ConvolutionSpec::new(channels * 16, filters * 16, [3, 3]);
        let specs: Vec<ConvolutionSpec> = sizes.into_iter().map(spec).collect();
        let bytes = |tiling: Option<Tiling>| -> usize {
            let all = specs.iter().zip(tilings(&specs, budget));
            all.map(|(spec, own)| {
                let weights = vec![0.5; spec.filters * spec.depth()];
                let tiled = Convolution::tiled(*spec, &weights, None, Activation::Identity, tiling.unwrap_or(own));
                tiled.expect("a convolution").bytes()
            }).sum()
        };
        prop_assert!(bytes(None) <= bytes(Some(Tiling::None)) + budget);
    }
}

/// Layers of well-known networks, shortened: several blocks of channels and several threads.
#[test]
fn layers_of_networks() {
    let usual = |channels, filters, kernel: usize, stride| ConvolutionSpec {
        strides: [stride; 2],
        pads: [kernel / 2; 4],
        ..ConvolutionSpec::new(channels, filters, [kernel; 2])
    };
    let cases =
        [(usual(512, 64, 3, 1), 7), (usual(64, 64, 3, 1), 28), (usual(3, 64, 7, 2), 60), (usual(256, 40, 1, 2), 14)];
    for (spec, side) in cases {
        let case = Case {
            spec,
            batch: 2,
            size: [side; 2],
            factors: true,
            bias: true,
            residual: true,
            activation: Activation::Relu,
        };
        check(&case, 3);
    }
}

/// The rounding of the filtering grows with the channels, and is still that of a sum in single precision.
#[test]
fn minimal_filtering_rounds_as_sums_do() {
    for channels in [16, 64, 128, 256, 512] {
        let spec = ConvolutionSpec { pads: [1; 4], ..ConvolutionSpec::new(channels, 32, [3, 3]) };
        let case = Case {
            spec,
            batch: 1,
            size: [8, 8],
            factors: false,
            bias: false,
            residual: false,
            activation: Activation::Identity,
        };
        let (input, weights) = (noise(64 * channels, 5), noise(32 * spec.depth(), 6));
        let expected = reference(&case, &input, &weights, None, None);
        each_unit(|unit| {
            let convolution = Convolution::new(spec, &weights, None, Activation::Identity).expect("a convolution");
            let mut out = vec![f32::NAN; 64 * 32];
            convolution.run(&input, 1, [8, 8], None, &mut out);
            println!("{unit:?}, {channels} channels: {:e}", expected.difference(&out));
            expected.check(unit, &out, 2e-6);
        });
    }
}

#[test]
fn rejects_sizes_that_contradict_one_another() {
    let spec = ConvolutionSpec::new(4, 6, [3, 3]);
    let error = |spec, weights: usize, bias: Option<&[f32]>| {
        Convolution::new(spec, &vec![0.0; weights], bias, Activation::Identity).expect_err("no convolution").to_string()
    };
    assert_eq!(error(spec, 5, None), "no convolution of 4 to 6 channels in 1 groups by 3×3: there are 5 weights");
    assert!(error(spec, 216, Some(&[0.0; 4])).ends_with("the bias has 4 numbers"));
    assert!(error(ConvolutionSpec { groups: 4, ..spec }, 54, None).ends_with("multiples of the groups"));
    assert!(error(ConvolutionSpec { strides: [0, 1], ..spec }, 216, None).ends_with("is zero"));
}
