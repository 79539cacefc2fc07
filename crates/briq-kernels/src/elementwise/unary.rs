//! Functions of one number.

use crate::InOut;
use crate::parallel::Cost;
use crate::simd::{Kernel, Simd, Unit};
use crate::vector::{erf, exp, gelu, gelu_tanh, ln, sigmoid, silu, tanh};

/// A function that is applied to every number of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unary {
    /// The magnitude.
    Abs,
    /// The number with its sign changed.
    Neg,
    /// eˣ.
    Exp,
    /// The natural logarithm.
    Ln,
    /// The square root.
    Sqrt,
    /// 1 / x.
    Reciprocal,
    /// x².
    Square,
    /// The largest integer that is not larger.
    Floor,
    /// The smallest integer that is not smaller.
    Ceil,
    /// The nearest integer, ties to even.
    Round,
    /// The error function.
    Erf,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// x · Φ(x), by the error function.
    Gelu,
    /// x · Φ(x), by the approximation with the hyperbolic tangent.
    GeluTanh,
    /// x · sigmoid(x).
    Silu,
}

impl Unary {
    /// Writes the function of each number.
    pub fn apply(self, values: InOut<'_>) {
        let unit = Unit::current();
        values.for_each_rows(1, self.cost(), |_, values| unit.run(Map { function: self, values }));
    }

    /// Of one number.
    const fn cost(self) -> Cost {
        match self {
            Self::Ln | Self::Erf | Self::Gelu => Cost::per_item(2),
            _ => Cost::per_item(1),
        }
    }
}

struct Map<'a> {
    function: Unary,
    values: InOut<'a>,
}

impl Kernel for Map<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let values = &mut self.values;
        match self.function {
            Unary::Abs => values.map(simd, |x| simd.abs(x)),
            Unary::Neg => values.map(simd, |x| simd.neg(x)),
            Unary::Exp => values.map(
                simd,
                #[inline(always)]
                |x| exp(simd, x),
            ),
            Unary::Ln => values.map(
                simd,
                #[inline(always)]
                |x| ln(simd, x),
            ),
            Unary::Sqrt => values.map(simd, |x| simd.sqrt(x)),
            Unary::Reciprocal => values.map(simd, |x| simd.div(simd.splat(1.0), x)),
            Unary::Square => values.map(simd, |x| simd.mul(x, x)),
            Unary::Floor => values.map(simd, |x| simd.floor(x)),
            Unary::Ceil => values.map(simd, |x| simd.neg(simd.floor(simd.neg(x)))),
            Unary::Round => values.map(simd, |x| simd.round(x)),
            Unary::Erf => values.map(
                simd,
                #[inline(always)]
                |x| erf(simd, x),
            ),
            Unary::Tanh => values.map(
                simd,
                #[inline(always)]
                |x| tanh(simd, x),
            ),
            Unary::Sigmoid => values.map(
                simd,
                #[inline(always)]
                |x| sigmoid(simd, x),
            ),
            Unary::Gelu => values.map(
                simd,
                #[inline(always)]
                |x| gelu(simd, x),
            ),
            Unary::GeluTanh => values.map(
                simd,
                #[inline(always)]
                |x| gelu_tanh(simd, x),
            ),
            Unary::Silu => values.map(
                simd,
                #[inline(always)]
                |x| silu(simd, x),
            ),
        }
    }
}
