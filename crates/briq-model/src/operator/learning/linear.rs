//! Linear models and what stands before them, as scikit-learn's converter writes them.

use super::super::{Call, Fault, Outcome};
use crate::value::HostTensor;
use briq_graph::ElementType;

/// A table of examples: one row for each.
struct Table {
    rows: usize,
    columns: usize,
    numbers: Vec<f64>,
}

fn table(call: &mut Call) -> Result<Table, Fault> {
    let x = call.host(0)?;
    let (rows, columns) = match x.shape[..] {
        [columns] => (1, columns),
        [rows, columns] => (rows, columns),
        _ => return Err(Fault::because(format!("{:?} is no table", x.shape))),
    };
    Ok(Table { rows, columns, numbers: x.to_floats() })
}

/// (x − offset) · scale, for each column.
pub(super) fn scale(call: &mut Call) -> Outcome {
    let x = call.host(0)?;
    let columns = x.shape.last().copied().unwrap_or(1);
    let (offset, scale) = (call.numbers("offset")?.unwrap_or_default(), call.numbers("scale")?.unwrap_or_default());
    if [&offset, &scale].iter().any(|list| ![0, 1, columns].contains(&list.len())) {
        return Err(Fault::because(format!("{} offsets do not fit {columns} columns", offset.len())));
    }
    let of = |list: &[f64], at: usize, otherwise: f64| match list.len() {
        0 => otherwise,
        1 => list[0],
        _ => list[at % columns],
    };
    let numbers = x.to_floats().into_iter().enumerate();
    let scaled = numbers.map(|(at, number)| (number - of(&offset, at, 0.0)) * of(&scale, at, 1.0));
    call.answer(HostTensor::floats(ElementType::F32, &x.shape, scaled))
}

/// Each row over its norm; a row of zeros stays what it is.
pub(super) fn normalize(call: &mut Call) -> Outcome {
    let norm: fn(&[f64]) -> f64 = match call.string("norm")?.unwrap_or("MAX") {
        "MAX" => |row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "L1" => |row| row.iter().map(|number| number.abs()).sum(),
        "L2" => |row| row.iter().map(|number| number * number).sum::<f64>().sqrt(),
        other => return Err(Fault::because(format!("there is no norm {other}"))),
    };
    let x = call.host(0)?;
    let columns = x.shape.last().copied().unwrap_or(1).max(1);
    let numbers = x.to_floats();
    let rows = numbers.chunks(columns).map(|row| (row, norm(row)));
    let divided =
        rows.flat_map(|(row, norm)| row.iter().map(move |number| if norm == 0.0 { *number } else { number / norm }));
    call.answer(HostTensor::floats(ElementType::F32, &x.shape, divided.collect::<Vec<_>>()))
}

/// x · coefficientsᵀ + intercepts: as many scores for each row as there are rows of coefficients.
fn scores(call: &mut Call, table: &Table) -> Result<(usize, Vec<f64>), Fault> {
    let coefficients = call.numbers("coefficients")?.unwrap_or_default();
    let count = coefficients.len().checked_div(table.columns).unwrap_or(0);
    if count == 0 || count * table.columns != coefficients.len() {
        return Err(Fault::because(format!(
            "{} coefficients do not fit {} columns",
            coefficients.len(),
            table.columns
        )));
    }
    let intercepts = call.numbers("intercepts")?.unwrap_or_default();
    let mut scores = Vec::with_capacity(table.rows * count);
    for row in table.numbers.chunks(table.columns) {
        for (target, weights) in coefficients.chunks(table.columns).enumerate() {
            let product: f64 = row.iter().zip(weights).map(|(number, weight)| number * weight).sum();
            scores.push(product + intercepts.get(target).copied().unwrap_or(0.0));
        }
    }
    let transform = call.string("post_transform")?.unwrap_or("NONE");
    scores.chunks_mut(count).try_for_each(|row| transformed(transform, row))?;
    Ok((count, scores))
}

fn transformed(name: &str, row: &mut [f64]) -> Result<(), Fault> {
    match name {
        "NONE" => {}
        "LOGISTIC" => row.iter_mut().for_each(|score| *score = 1.0 / (1.0 + (-*score).exp())),
        "SOFTMAX" => {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut().for_each(|score| *score = (*score - largest).exp());
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|score| *score /= sum);
        }
        other => return Err(Fault::because(format!("post_transform {other} is not carried"))),
    }
    Ok(())
}

pub(super) fn regress(call: &mut Call) -> Outcome {
    let table = table(call)?;
    let (count, scores) = scores(call, &table)?;
    call.answer(HostTensor::floats(ElementType::F32, &[table.rows, count], scores))
}

/// The label of the largest score, and all scores.
pub(super) fn classify(call: &mut Call) -> Outcome {
    let table = table(call)?;
    let (count, scores) = scores(call, &table)?;
    let best: Vec<usize> = scores.chunks(count).map(largest).collect();
    let unfit = || Fault::because(format!("{count} rows of coefficients do not fit its labels"));
    let labels = match (call.ints("classlabels_ints")?, call.strings("classlabels_strings")?) {
        (Some(labels), _) if labels.len() == count => {
            HostTensor::integers(ElementType::I64, &[table.rows], best.iter().map(|&at| i128::from(labels[at])))
        }
        (None, Some(labels)) if labels.len() == count => {
            HostTensor::texts(&[table.rows], best.iter().map(|&at| labels[at].clone()).collect())
        }
        _ => return Err(unfit()),
    };
    let scores = HostTensor::floats(ElementType::F32, &[table.rows, count], scores);
    Ok(vec![call.place(labels), call.place(scores)])
}

fn largest(row: &[f64]) -> usize {
    let better = |best: usize, at: usize| if row[at] > row[best] { at } else { best };
    (1..row.len()).fold(0, better)
}
