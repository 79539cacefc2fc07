//! Elementary functions, against double precision.

use briq_kernels::InOut;
use briq_kernels::elementwise::Unary;
use briq_kernels::simd::Unit;

use crate::support::for_each_unit;

fn values(function: Unary, x: &[f32]) -> Vec<f32> {
    let mut y = vec![f32::NAN; x.len()];
    function.apply(InOut::between(x, &mut y));
    y
}

/// By the series e^(-x²) · 2/√π · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, all terms of which are positive.
fn erf(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    if x.abs() > 6.0 { x.signum() } else { std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Numbers from one bound to the other, and of all magnitudes down to the smallest.
fn samples(least: f32, greatest: f32) -> Vec<f32> {
    let steps = 200_001;
    let even = (0..steps).map(|step| least + (greatest - least) * (step as f32 / (steps - 1) as f32));
    let magnitudes = (0..4000).map(|step| 2_f32.powf(-149.0 + step as f32 * 0.04));
    let signed = magnitudes.flat_map(|x| [x, -x]).filter(|x| (least..=greatest).contains(x));
    even.chain(signed).collect()
}

#[track_caller]
fn check(function: Unary, expected: impl Fn(f64) -> f64, (least, greatest): (f32, f32), relative: f64, absolute: f64) {
    let x = samples(least, greatest);
    for_each_unit(|unit| {
        for (x, got) in x.iter().zip(values(function, &x)) {
            let expected = expected(f64::from(*x));
            let error = (f64::from(got) - expected).abs();
            // Without fused operations there is one rounding more at each step.
            let relative = if unit == Unit::Portable { 2.0 * relative } else { relative };
            let most = (relative * expected.abs()).max(absolute);
            assert!(error <= most, "{unit:?}: {function:?}({x:e}) = {got:e} instead of {expected:e}");
        }
    });
}

#[test]
fn exponential_is_accurate() {
    check(Unary::Exp, f64::exp, (-87.0, 88.7), 2.5e-7, 0.0);
    check(Unary::Exp, f64::exp, (-103.0, -87.0), 2.5e-7, 2e-45);
}

#[test]
fn logarithm_is_accurate() {
    check(Unary::Ln, f64::ln, (1e-45, 10.0), 2.5e-7, 1e-8);
    check(Unary::Ln, f64::ln, (1.0, 3e38), 2.5e-7, 0.0);
}

#[test]
fn hyperbolic_tangent_is_accurate() {
    check(Unary::Tanh, f64::tanh, (-12.0, 12.0), 3e-7, 2e-45);
}

#[test]
fn error_function_is_accurate() {
    check(Unary::Erf, erf, (-5.0, 5.0), 3.6e-7, 2e-45);
}

#[test]
fn sigmoid_is_accurate() {
    check(Unary::Sigmoid, sigmoid, (-88.0, 88.0), 3e-7, 1e-38);
    check(Unary::Sigmoid, sigmoid, (-110.0, 110.0), 3e-7, 1e-37);
}

#[test]
fn gated_functions_are_accurate() {
    let gelu = |x: f64| 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2));
    check(Unary::Gelu, gelu, (-0.5, 10.0), 4e-7, 2e-45);
    check(Unary::Gelu, gelu, (-10.0, 0.0), 4e-7, 1e-6);
    let inner = |x: f64| (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    let by_tanh = |x: f64| 0.5 * x * (1.0 + inner(x).tanh());
    check(Unary::GeluTanh, by_tanh, (-0.5, 10.0), 4e-7, 2e-45);
    check(Unary::GeluTanh, by_tanh, (-10.0, 0.0), 4e-7, 1e-6);
    check(Unary::Silu, |x| x * sigmoid(x), (-80.0, 80.0), 4e-7, 2e-45);
}

#[test]
fn bounded_functions_stay_inside_their_bounds() {
    for_each_unit(|unit| {
        for function in [Unary::Tanh, Unary::Erf, Unary::Sigmoid] {
            for y in values(function, &samples(-20.0, 20.0)) {
                assert!(y.abs() <= 1.0, "{unit:?}: {function:?} gives {y}");
            }
        }
    });
}

#[track_caller]
fn check_special(unit: Unit, function: Unary, cases: &[(f32, f32)]) {
    for &(x, expected) in cases {
        // In a full register and in a partial one.
        for count in [1, 32] {
            let got = values(function, &vec![x; count]);
            let alike = |y: f32| y.to_bits() == expected.to_bits() || y.is_nan() && expected.is_nan();
            assert!(got.iter().all(|&y| alike(y)), "{unit:?}: {function:?}({x}) = {} instead of {expected}", got[0]);
        }
    }
}

#[test]
fn special_values_are_those_of_ieee_functions() {
    const INF: f32 = f32::INFINITY;
    const NAN: f32 = f32::NAN;
    for_each_unit(|unit| {
        check_special(
            unit,
            Unary::Exp,
            &[(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (NAN, NAN), (89.0, INF), (-105.0, 0.0)],
        );
        check_special(
            unit,
            Unary::Ln,
            &[(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (INF, INF), (-INF, NAN), (NAN, NAN)],
        );
        check_special(unit, Unary::Tanh, &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN)]);
        check_special(unit, Unary::Erf, &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN)]);
        check_special(unit, Unary::Sigmoid, &[(0.0, 0.5), (INF, 1.0), (-INF, 0.0), (NAN, NAN)]);
        check_special(unit, Unary::Ceil, &[(0.5, 1.0), (-0.5, -0.0), (NAN, NAN), (INF, INF)]);
        check_special(unit, Unary::Round, &[(0.5, 0.0), (1.5, 2.0), (-2.5, -2.0)]);
        check_special(unit, Unary::Reciprocal, &[(0.0, INF), (-INF, -0.0), (4.0, 0.25)]);
    });
}
