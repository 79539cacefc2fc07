//! Maps and broadcasting, against plain loops.

use briq_kernels::InOut;
use briq_kernels::elementwise::{Binary, Broadcast, Choice, Unary};
use proptest::prelude::*;

use crate::support::{Numbers, for_each_unit};

const ALL: [Binary; 7] = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Max, Binary::Min, Binary::Pow];

fn scalar(function: Binary, left: f32, right: f32) -> f32 {
    match function {
        Binary::Add => left + right,
        Binary::Sub => left - right,
        Binary::Mul => left * right,
        Binary::Div => left / right,
        Binary::Max if left.is_nan() || right.is_nan() => f32::NAN,
        Binary::Min if left.is_nan() || right.is_nan() => f32::NAN,
        Binary::Max => left.max(right),
        Binary::Min => left.min(right),
        _ => left.powf(right),
    }
}

/// The offset in an operand of this shape for an index of the result.
fn offset(shape: &[usize], result: &[usize], mut index: usize) -> usize {
    let (mut offset, mut stride) = (0, 1);
    for (axis, &size) in result.iter().rev().enumerate() {
        let place = index % size;
        index /= size;
        if axis < shape.len() {
            let own = shape[shape.len() - 1 - axis];
            offset += if own == 1 { 0 } else { place * stride };
            stride *= own;
        }
    }
    offset
}

fn same(got: f32, expected: f32) -> bool {
    got.is_nan() && expected.is_nan() || (got - expected).abs() <= 1e-6 * expected.abs() || got == expected
}

#[track_caller]
fn check(function: Binary, left_shape: &[usize], right_shape: &[usize], seed: u64) {
    let broadcast = Broadcast::new(left_shape, right_shape).expect("the shapes fit");
    let mut numbers = Numbers::new(seed);
    // Powers of negative numbers are not numbers.
    let positive = |x: f32| if function == Binary::Pow { x.abs() } else { x };
    let left: Vec<f32> = numbers.take(left_shape.iter().product()).into_iter().map(positive).collect();
    let right = numbers.take(right_shape.iter().product());
    let expected: Vec<f32> = (0..broadcast.count())
        .map(|index| {
            let place = |shape: &[usize]| offset(shape, broadcast.shape(), index);
            scalar(function, left[place(left_shape)], right[place(right_shape)])
        })
        .collect();
    for_each_unit(|unit| {
        let mut out = vec![f32::NAN; broadcast.count()];
        function.apply(&broadcast, &left, &right, &mut out);
        for (index, (got, expected)) in out.iter().zip(&expected).enumerate() {
            assert!(
                same(*got, *expected),
                "{unit:?} {function:?} {left_shape:?} {right_shape:?} at {index}: {got} instead of {expected}"
            );
        }
        if left.len() == expected.len() {
            let mut values = left.clone();
            function.apply_in_place(&broadcast, &mut values, &right);
            assert_eq!(values, out, "{unit:?} {function:?} in place");
        }
    });
}

#[test]
fn the_kinds_that_networks_use_are_right() {
    for function in ALL {
        check(function, &[2, 3, 70], &[2, 3, 70], 1);
        check(function, &[5, 33], &[], 2);
        check(function, &[], &[5, 33], 3);
        check(function, &[37, 12], &[12], 4);
        check(function, &[12], &[37, 12], 5);
        check(function, &[3, 300], &[300], 6);
        check(function, &[2, 3, 5, 7], &[3, 1, 1], 7);
        check(function, &[2, 3, 1, 7], &[1, 5, 1], 8);
        check(function, &[4, 1], &[1, 6], 9);
    }
}

#[test]
fn large_tensors_are_split_and_complete() {
    check(Binary::Add, &[1_000_003], &[1_000_003], 1);
    check(Binary::Mul, &[3, 200_001], &[3, 1], 2);
    check(Binary::Sub, &[50_000, 7], &[7], 3);
    check(Binary::Add, &[7], &[50_001, 7], 4);
}

#[test]
fn empty_tensors_stay_empty() {
    check(Binary::Add, &[0, 3], &[3], 1);
    check(Binary::Add, &[0], &[], 1);
    Unary::Exp.apply(InOut::in_place(&mut []));
}

#[test]
fn what_is_not_a_number_stays_so() {
    let broadcast = Broadcast::new(&[2], &[2]).expect("the shapes fit");
    for_each_unit(|unit| {
        for function in ALL {
            let mut out = [0.0; 2];
            function.apply(&broadcast, &[f32::NAN, 1.5], &[1.5, f32::NAN], &mut out);
            assert!(out.iter().all(|y| y.is_nan()), "{unit:?} {function:?} gives {out:?}");
        }
    });
}

#[test]
fn constant_exponents_give_what_powf_gives() {
    let x = [-0.0, 0.0, 0.25, 2.0, -3.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-40];
    let broadcast = Broadcast::new(&[x.len()], &[]).expect("a number fits");
    for_each_unit(|unit| {
        for exponent in [0.0, 0.5, 1.0, 2.0, 3.0, -1.0, 2.5] {
            let mut out = [0.0; 9];
            Binary::Pow.apply(&broadcast, &x, &[exponent], &mut out);
            for (x, got) in x.iter().zip(out) {
                assert!(same(got, x.powf(exponent)), "{unit:?}: {x} to the power {exponent} is {got}");
            }
        }
    });
}

/// A shape and two that are broadcast to it.
fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    prop::collection::vec((1_usize..20, 0..4_u8), 0..5).prop_flat_map(|axes| {
        let left: Vec<usize> = axes.iter().map(|&(size, kind)| if kind == 1 { 1 } else { size }).collect();
        let right: Vec<usize> = axes.iter().map(|&(size, kind)| if kind == 2 { 1 } else { size }).collect();
        let rank = axes.len();
        (Just(left), Just(right), 0..=rank).prop_map(|(left, right, dropped)| (left, right[dropped..].to_vec()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_shapes_that_fit_are_right((left, right) in shapes(), function in prop::sample::select(ALL.to_vec()), seed: u64) {
        check(function, &left, &right, seed);
    }

    #[test]
    fn maps_visit_every_number(count in 0_usize..200, seed: u64) {
        let x = Numbers::new(seed).take(count);
        for_each_unit(|unit| {
            let mut y = vec![f32::NAN; count];
            Unary::Square.apply(InOut::between(&x, &mut y));
            let expected: Vec<f32> = x.iter().map(|x| x * x).collect();
            assert_eq!(y, expected, "{unit:?}");
            let mut z = x.clone();
            Unary::Square.apply(InOut::in_place(&mut z));
            assert_eq!(z, expected, "{unit:?} in place");
        });
    }
}

#[track_caller]
fn check_choice(shapes: [&[usize]; 3], seed: u64) {
    let choice = Choice::new(shapes[0], shapes[1], shapes[2]).expect("the shapes fit");
    let mut numbers = Numbers::new(seed);
    let [condition, yes, no] = shapes.map(|shape| numbers.take(shape.iter().product()));
    let condition: Vec<bool> = condition.into_iter().map(|number| number > 0.1).collect();
    let expected: Vec<f32> = (0..choice.count())
        .map(|index| {
            let [c, y, n] = shapes.map(|shape| offset(shape, choice.shape(), index));
            if condition[c] { yes[y] } else { no[n] }
        })
        .collect();
    for_each_unit(|unit| {
        let mut out = vec![f32::NAN; choice.count()];
        choice.apply(&condition, &yes, &no, &mut out);
        assert_eq!(out, expected, "{unit:?} {shapes:?}");
    });
}

#[test]
fn a_condition_chooses() {
    check_choice([&[2, 3, 70], &[2, 3, 70], &[2, 3, 70]], 1);
    check_choice([&[2, 1, 1, 40], &[], &[1]], 2);
    check_choice([&[5, 40], &[], &[2, 3, 5, 40]], 3);
    check_choice([&[1, 40], &[5, 1], &[]], 4);
    check_choice([&[], &[5, 4], &[4]], 5);
    check_choice([&[40_000], &[], &[40_000]], 6);
    check_choice([&[3, 0], &[], &[0]], 7);
    assert_eq!(Choice::new(&[2, 3], &[3], &[2]), None);
}

proptest! {
    #[test]
    fn any_shapes_choose(
        shape in prop::collection::vec(1_usize..9, 0..5),
        ones: [u8; 3],
        lengths in [0_usize..6, 0..6, 0..6],
        seed: u64,
    ) {
        let operands: Vec<Vec<usize>> = ones.iter().zip(lengths).map(|(ones, length)| {
            let own = shape.iter().enumerate().map(|(axis, &size)| if ones >> axis & 1 == 1 { 1 } else { size });
            own.skip(shape.len().saturating_sub(length)).collect()
        }).collect();
        check_choice([&operands[0], &operands[1], &operands[2]], seed);
    }
}
