//! Products with a constant matrix, with bias, residual and activation.

use briq_kernels::matrix::{BatchSpec, PackedMatrix, Transposed, multiply, multiply_batch};
use briq_kernels::{Activation, Epilogue, Weights};

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::weights::Constant;
use super::{Family, Kernel, activation, ready};
use crate::operator::{Call, Fault};
use crate::value::Value;

pub(super) const KERNELS: Family = &[("MatMul", product), ("Gemm", gemm)];

/// A matrix that is packed, and what is done to its products.
struct Packed {
    matrix: PackedMatrix,
    bias: Option<Vec<f32>>,
    /// The input that is added to the result.
    residual: usize,
    activation: Activation,
}

/// `A · W`, the last two axes of `A`.
fn product(call: &mut Call) -> Result<Option<Box<dyn Kernel>>, Fault> {
    if call.node.operator == "MatMul" && !call.has(1) {
        return ready(Varying);
    }
    if !Dense::fits(call, 1) || call.shape(1)?.len() != 2 {
        return Ok(None);
    }
    let matrix = packed(&Constant::take(call)?, Transposed::No, 1.0);
    ready(Packed { matrix, bias: None, residual: 3, activation: Activation::Identity })
}

/// `activation(α A · W + β B + Z)` where `W` and `B` are constant and `B` is one row.
fn gemm(call: &mut Call) -> Result<Option<Box<dyn Kernel>>, Fault> {
    let biased = call.node.input(2).is_some();
    if !Dense::fits(call, 1) || call.shape(1)?.len() != 2 || call.flag("transA", false)? {
        return Ok(None);
    }
    let transposed = if call.flag("transB", false)? { Transposed::Yes } else { Transposed::No };
    let shape = call.shape(1)?;
    let columns = if matches!(transposed, Transposed::Yes) { shape[0] } else { shape[1] };
    if biased && !(Dense::fits(call, 2) && is_row(&call.shape(2)?, columns)) {
        return Ok(None);
    }
    let (alpha, beta) = (call.float("alpha", 1.0)?, call.float("beta", 1.0)?);
    let activation = activation(call)?;
    let matrix = packed(&Constant::take(call)?, transposed, alpha);
    let bias = Dense::optional(call, 2)?.map(|bias| row(bias.rows().numbers(), columns, beta));
    ready(Packed { matrix, bias, residual: 3, activation })
}

/// One number for each column, or one for all.
fn is_row(shape: &[usize], columns: usize) -> bool {
    let count: usize = shape.iter().product();
    count == 1 || (count == columns && shape.last() == Some(&columns))
}

fn row(numbers: &[f32], columns: usize, factor: f32) -> Vec<f32> {
    let one = |at: usize| numbers[if numbers.len() == 1 { 0 } else { at }] * factor;
    (0..columns).map(one).collect()
}

fn packed(weights: &Constant, transposed: Transposed, alpha: f32) -> PackedMatrix {
    let (axis, shape) = (usize::from(transposed == Transposed::No), weights.shape());
    let (rows, columns) = (shape[1 - axis], shape[axis]);
    let weights = weights.weights(axis);
    if alpha == 1.0 {
        return PackedMatrix::pack(weights, rows, columns, transposed);
    }
    let factor = |column: usize| alpha * weights.factors.map_or(1.0, |factors| factors[column]);
    let factors: Vec<f32> = (0..columns).map(factor).collect();
    PackedMatrix::pack(Weights { factors: Some(&factors), ..weights }, rows, columns, transposed)
}

impl Kernel for Packed {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let x = Dense::take(call, 0)?.rows();
        let shape = x.shape();
        let (inner, columns) = (self.matrix.rows(), self.matrix.columns());
        if shape.last() != Some(&inner) {
            return Err(Fault::because(format!("{shape:?} and {:?} do not multiply", [inner, columns])));
        }
        let rows = shape[..shape.len() - 1].iter().product();
        let result = [&shape[..shape.len() - 1], &[columns]].concat();
        let residual = Dense::optional(call, self.residual)?.map(Dense::rows);
        if residual.as_ref().is_some_and(|residual| residual.shape() != result) {
            return Err(Fault::because(format!("what is added does not have the shape {result:?}")));
        }
        let mut numbers = buffer(rows * columns);
        let epilogue = Epilogue {
            bias: self.bias.as_deref(),
            residual: residual.as_ref().map(Dense::numbers),
            activation: self.activation,
        };
        multiply(x.numbers(), rows, &self.matrix, &epilogue, &mut numbers);
        Ok(Some(vec![Dense::new(&result, Order::Rows, numbers).into()]))
    }
}

/// `A · B`, both of which vary: the last two axes of each, for all of the others.
struct Varying;

impl Kernel for Varying {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let ours = |index| call.on_device(index) && Dense::fits(call, index);
        if !ours(0) || !ours(1) {
            return Ok(None);
        }
        let (a, b) = (call.shape(0)?, call.shape(1)?);
        let ([.., rows, depth], [.., summed, columns]) = (&a[..], &b[..]) else { return Ok(None) };
        let (batch, own) = (&a[..a.len() - 2], &b[..b.len() - 2]);
        if depth != summed || batch != own || a.contains(&0) || b.contains(&0) {
            return Ok(None);
        }
        let (left, right) = (Dense::take(call, 0)?.rows(), Dense::take(call, 1)?);
        let (right, transposed) = right.matrices();
        let spec = BatchSpec {
            batch: batch.iter().product(),
            rows: *rows,
            depth: *depth,
            columns: *columns,
            left_stride: rows * depth,
            right_stride: depth * columns,
            transposed,
        };
        let mut numbers = buffer(spec.batch * rows * columns);
        multiply_batch(&spec, left.numbers(), right.numbers(), 1.0, &mut numbers);
        Ok(Some(vec![Dense::new(&[batch, &[*rows, *columns]].concat(), Order::Rows, numbers).into()]))
    }
}
