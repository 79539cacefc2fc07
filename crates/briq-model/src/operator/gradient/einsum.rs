//! Einstein's summation as one broadcast product of all tensors, summed over the letters that the result lacks.
//!
//! The product holds every letter at once: it takes as much memory as the lengths of all letters multiply to.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;

use crate::operator::{Call, Fault, Outcome, one};
use crate::value::{DeviceTensor, dimensions, reshape};

pub(in crate::operator) fn einsum(call: &mut Call, terms: &[Vec<char>], output: &[char]) -> Outcome {
    let mut all = output.to_vec();
    for letter in terms.iter().flatten() {
        if !all.contains(letter) {
            all.push(*letter);
        }
    }
    let mut product: Option<DeviceTensor> = None;
    for (index, term) in terms.iter().enumerate() {
        let spread = spread(call.tensor(index)?, term, &all)?;
        product = Some(match product {
            Some(product) => Dispatch::float_mul(product, spread),
            None => spread,
        });
    }
    let product = product.ok_or(Fault::MissingInput(0))?;
    let summed = (output.len()..all.len()).fold(product, Dispatch::float_sum_dim);
    let shape = dimensions(&summed)[..output.len()].to_vec();
    one(reshape(summed, if shape.is_empty() { &[1] } else { &shape }))
}

/// A tensor with an axis for each letter, of length 1 where it has none.
fn spread(x: DeviceTensor, term: &[char], all: &[char]) -> Result<DeviceTensor, Fault> {
    let from = dimensions(&x);
    let place = |letter: &char| term.iter().position(|own| own == letter);
    let order: Vec<usize> = all.iter().filter_map(place).collect();
    if order.len() != term.len() || from.len() != term.len() {
        return Err(Fault::because("no gradient flows through a repeated letter"));
    }
    let shape: Vec<usize> = all.iter().map(|letter| place(letter).map_or(1, |axis| from[axis])).collect();
    Ok(reshape(Dispatch::float_permute(x, &order), &shape))
}
