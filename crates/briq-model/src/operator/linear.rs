//! Matrix products.

use briq_graph::ElementType;
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Dispatch, Scalar};

use super::rearranging::permuted;
use super::space::{broadcast, coordinates, position, spread, strides};
use super::{Call, Fault, Operator, Outcome, one};
use crate::value::{DeviceTensor, Elements, HostTensor, align, dimensions, is_learnt, reshape};

pub(super) const OPERATORS: &[(&str, Operator)] =
    &[("MatMul", matmul), ("MatMulInteger", matmul_integer), ("Gemm", gemm), ("Einsum", einsum), ("Det", determinant)];

/// As NumPy defines it: a vector on either side is a row or column that vanishes from the result.
///
/// Products with nothing stay on the host: burn-flex takes an empty batch beside one of one for a batch of one, and
/// reads memory that is not there.
fn matmul(call: &mut Call) -> Outcome {
    let empty = call.inputs.iter().flatten().any(|value| value.shape().contains(&0));
    if empty || !call.any_on_device() {
        let (left, right) = (call.host(0)?, call.host(1)?);
        return call.answer(product(&left, &right)?);
    }
    let (left, right) = (call.tensor(0)?, call.tensor(1)?);
    let (a, b) = (dimensions(&left), dimensions(&right));
    let shape = product_shape(&a, &b)?;
    let row =
        |tensor: DeviceTensor, shape: &[usize]| if shape.len() == 1 { reshape(tensor, &[1, shape[0]]) } else { tensor };
    let column =
        |tensor: DeviceTensor, shape: &[usize]| if shape.len() == 1 { reshape(tensor, &[shape[0], 1]) } else { tensor };
    let (left, right) = align(row(left, &a), column(right, &b));
    let result = Dispatch::float_matmul(left, right);
    if shape.is_empty() && !is_learnt(&result) {
        return call.answer(super::call::fetch(result)?.reshaped(&shape));
    }
    one(reshape(result, &shape))
}

fn product_shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Fault> {
    let misfit = || Fault::because(format!("{a:?} and {b:?} do not multiply"));
    let (inner, columns) = match b {
        [] => return Err(misfit()),
        [inner] => (*inner, None),
        [.., inner, columns] => (*inner, Some(*columns)),
    };
    if a.last() != Some(&inner) {
        return Err(misfit());
    }
    let batch = broadcast(&a[..a.len().saturating_sub(2)], &b[..b.len().saturating_sub(2)])?;
    let rows = (a.len() > 1).then(|| a[a.len() - 2]);
    Ok(batch.into_iter().chain(rows).chain(columns).collect())
}

/// The product of two tensors on the host, in the left one's type.
pub(super) fn product(left: &HostTensor, right: &HostTensor) -> Result<HostTensor, Fault> {
    let shape = product_shape(&left.shape, &right.shape)?;
    let a = if left.shape.len() == 1 { vec![1, left.shape[0]] } else { left.shape.clone() };
    let b = if right.shape.len() == 1 { vec![right.shape[0], 1] } else { right.shape.clone() };
    let (rows, inner, columns) = (a[a.len() - 2], a[a.len() - 1], b[b.len() - 1]);
    let batch = broadcast(&a[..a.len() - 2], &b[..b.len() - 2])?;
    let starts: Vec<(usize, usize)> =
        spread(&a[..a.len() - 2], &batch).zip(spread(&b[..b.len() - 2], &batch)).collect();
    let cells = starts.iter().flat_map(|&(i, j)| {
        (0..rows * columns).map(move |cell| ((i * rows + cell / columns) * inner, j * inner * columns + cell % columns))
    });
    Ok(match (&left.data, &right.data) {
        (Elements::Integers(x), Elements::Integers(y)) => {
            let dot = |(i, j): (usize, usize)| (0..inner).map(|k| x[i + k] * y[j + k * columns]).sum();
            HostTensor::integers(left.element, &shape, cells.map(dot))
        }
        _ => {
            let (x, y) = (left.to_floats(), right.to_floats());
            let dot = |(i, j): (usize, usize)| (0..inner).map(|k| x[i + k] * y[j + k * columns]).sum();
            HostTensor::floats(left.element, &shape, cells.map(dot))
        }
    })
}

/// Integers less their zero point, as 32-bit integers; the zero point may differ along an axis.
pub(super) fn centred(tensor: &HostTensor, zero: Option<&HostTensor>, axis: usize) -> Result<HostTensor, Fault> {
    let wide = tensor.cast(ElementType::I32);
    let Some(zero) = zero else { return Ok(wide) };
    let zero = along(&zero.cast(ElementType::I32), &tensor.shape, axis);
    super::arithmetic::combined(&wide, &zero, |a, b| a - b, |a, b| a - b)
}

/// A list of numbers, one for each place along an axis, in a shape that broadcasts.
pub(super) fn along(list: &HostTensor, shape: &[usize], axis: usize) -> HostTensor {
    if list.shape.len() != 1 || list.count() == 1 {
        return if list.count() == 1 { list.clone().reshaped(&[]) } else { list.clone() };
    }
    let mut broad = vec![1; shape.len()];
    if let Some(length) = broad.get_mut(axis) {
        *length = list.count();
    }
    list.clone().reshaped(&broad)
}

fn matmul_integer(call: &mut Call) -> Outcome {
    let (left, right) = (call.host(0)?, call.host(1)?);
    let (zero_left, zero_right) = (call.host_or_none(2)?, call.host_or_none(3)?);
    let left = centred(&left, zero_left.as_ref(), left.shape.len().saturating_sub(2))?;
    let right = centred(&right, zero_right.as_ref(), right.shape.len().saturating_sub(1))?;
    call.answer(product(&left, &right)?)
}

/// `alpha · op(A) op(B) + beta · C`, as BLAS defines it.
fn gemm(call: &mut Call) -> Outcome {
    if !call.any_on_device() {
        return gemm_host(call);
    }
    let (alpha, beta) = (call.number("alpha", 1.0)?, call.number("beta", 1.0)?);
    let left = transposed(call.tensor(0)?, call.flag("transA", false)?);
    let right = transposed(call.tensor(1)?, call.flag("transB", false)?);
    let product = scaled(Dispatch::float_matmul(left, right), alpha);
    let Some(bias) = call.optional(2)? else { return one(product) };
    let (product, bias) = align(product, scaled(bias, beta));
    one(Dispatch::float_add(product, bias))
}

fn gemm_host(call: &mut Call) -> Outcome {
    let (alpha, beta) = (call.number("alpha", 1.0)?, call.number("beta", 1.0)?);
    let turned = |x: HostTensor, turn: bool| if turn { permuted(&x, &[1, 0]) } else { x };
    let left = turned(call.host(0)?, call.flag("transA", false)?);
    let right = turned(call.host(1)?, call.flag("transB", false)?);
    let times = |x: &HostTensor, factor: f64| {
        HostTensor::floats(x.element, &x.shape, x.to_floats().into_iter().map(|number| number * factor))
    };
    let mut result = times(&product(&left, &right)?, alpha);
    if let Some(bias) = call.host_or_none(2)? {
        result = super::arithmetic::combined(&result, &times(&bias, beta), |a, b| a + b, |a, b| a + b)?;
    }
    call.answer(result)
}

fn transposed(tensor: DeviceTensor, transpose: bool) -> DeviceTensor {
    if transpose { Dispatch::float_transpose(tensor) } else { tensor }
}

fn scaled(tensor: DeviceTensor, factor: f64) -> DeviceTensor {
    if factor == 1.0 {
        return tensor;
    }
    Dispatch::float_mul_scalar(tensor, Scalar::Float(factor))
}

/// Einstein's summation: products over equal letters, summed over those that the result does not have.
fn einsum(call: &mut Call) -> Outcome {
    let equation: String = call.string("equation")?.unwrap_or_default().split_whitespace().collect();
    let shapes = (0..call.inputs.len()).map(|index| call.shape(index)).collect::<Result<Vec<_>, _>>()?;
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left.to_owned(), Some(right.to_owned())),
        None => (equation.clone(), None),
    };
    let terms: Vec<&str> = left.split(',').collect();
    if terms.len() != shapes.len() {
        return Err(Fault::because(format!("equation `{equation}` is for {} tensors", terms.len())));
    }
    let terms: Vec<Vec<char>> =
        terms.iter().zip(&shapes).map(|(term, shape)| letters(term, shape.len())).collect::<Result<_, _>>()?;
    let output = match right {
        Some(text) => letters(&text, dots(&terms) + text.replace("...", "").len())?,
        None => implicit(&terms),
    };
    if call.any_learns() {
        return super::gradient::einsum(call, &terms, &output);
    }
    let result = summed(&call.hosts()?, &terms, &output)?;
    call.answer(result)
}

/// The letters of a term; an ellipsis stands for capital Greek ones, counted from the right.
fn letters(term: &str, rank: usize) -> Result<Vec<char>, Fault> {
    let named = term.replace("...", "").chars().count();
    let hidden =
        rank.checked_sub(named).ok_or_else(|| Fault::because(format!("term `{term}` has too many letters")))?;
    let ellipsis: String = (0..hidden as u32).rev().filter_map(|index| char::from_u32(0x391 + index)).collect();
    Ok(term.replace("...", &ellipsis).chars().collect())
}

fn is_dot(letter: char) -> bool {
    !letter.is_ascii()
}

fn dots(terms: &[Vec<char>]) -> usize {
    terms.iter().map(|term| term.iter().filter(|letter| is_dot(**letter)).count()).max().unwrap_or(0)
}

/// Without an arrow: what an ellipsis stands for, then the letters that occur once, in order.
fn implicit(terms: &[Vec<char>]) -> Vec<char> {
    let all: Vec<char> = terms.concat();
    let hidden = (0..dots(terms) as u32).rev().filter_map(|index| char::from_u32(0x391 + index));
    let once =
        all.iter().copied().filter(|letter| !is_dot(*letter) && all.iter().filter(|l| *l == letter).count() == 1);
    let mut once: Vec<char> = once.collect();
    once.sort_unstable();
    hidden.chain(once).collect()
}

fn summed(tensors: &[HostTensor], terms: &[Vec<char>], output: &[char]) -> Result<HostTensor, Fault> {
    let mut lengths = std::collections::BTreeMap::new();
    for (tensor, term) in tensors.iter().zip(terms) {
        for (letter, &length) in term.iter().zip(&tensor.shape) {
            let known = lengths.entry(*letter).or_insert(length);
            if *known == 1 {
                *known = length;
            } else if length != 1 && *known != length {
                return Err(Fault::because(format!("letter {letter} stands for {known} and {length}")));
            }
        }
    }
    let inner: Vec<char> = lengths.keys().copied().filter(|letter| !output.contains(letter)).collect();
    let all: Vec<char> = output.iter().copied().chain(inner).collect();
    let shape = all.iter().map(|letter| lengths.get(letter).copied()).collect::<Option<Vec<_>>>();
    let shape = shape.ok_or_else(|| Fault::because("the result has a letter that no term has"))?;
    let steps = |(tensor, term): (&HostTensor, &Vec<char>)| {
        let own = strides(&tensor.shape);
        let step = |letter: &char| {
            let places = term.iter().zip(own.iter().zip(&tensor.shape));
            places.filter(|(other, (_, length))| *other == letter && **length > 1).map(|(_, (stride, _))| stride).sum()
        };
        all.iter().map(step).collect::<Vec<usize>>()
    };
    let steps: Vec<Vec<usize>> = tensors.iter().zip(terms).map(steps).collect();
    let numbers: Vec<Vec<f64>> = tensors.iter().map(HostTensor::to_floats).collect();
    let kept = &shape[..output.len()];
    let mut sums = vec![0.0; kept.iter().product()];
    let own = strides(kept);
    for at in coordinates(&shape) {
        let product: f64 = numbers.iter().zip(&steps).map(|(numbers, steps)| numbers[position(&at, steps)]).product();
        sums[position(&at[..output.len()], &own)] += product;
    }
    Ok(HostTensor::floats(tensors[0].element, kept, sums))
}

/// By elimination with the greatest pivot.
fn determinant(call: &mut Call) -> Outcome {
    let x = call.host(0)?;
    let &[ref batch @ .., rows, columns] = x.shape.as_slice() else { return Err(Fault::because("there is no matrix")) };
    if rows != columns {
        return Err(Fault::because(format!("{rows} rows and {columns} columns have no determinant")));
    }
    let numbers = x.to_floats();
    let determinants = numbers.chunks((rows * rows).max(1)).map(|matrix| eliminate(matrix.to_vec(), rows));
    call.answer(HostTensor::floats(x.element, batch, determinants))
}

fn eliminate(mut matrix: Vec<f64>, size: usize) -> f64 {
    let mut result = 1.0;
    for column in 0..size {
        let best =
            (column..size).max_by(|&a, &b| matrix[a * size + column].abs().total_cmp(&matrix[b * size + column].abs()));
        let best = best.unwrap_or(column);
        let pivot = matrix[best * size + column];
        if pivot == 0.0 {
            return 0.0;
        }
        result *= if best == column { pivot } else { -pivot };
        (0..size).for_each(|at| matrix.swap(best * size + at, column * size + at));
        for row in column + 1..size {
            let factor = matrix[row * size + column] / pivot;
            (column..size).for_each(|at| matrix[row * size + at] -= factor * matrix[column * size + at]);
        }
    }
    result
}
