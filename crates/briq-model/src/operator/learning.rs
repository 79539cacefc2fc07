//! Operators of the domain `ai.onnx.ml` that prepare features: scaling, filling gaps, choosing columns.

use briq_graph::ElementType;

use super::indexing::indices;
use super::space::Around;
use super::{Call, Fault, Operator, Outcome};
use crate::value::HostTensor;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("ArrayFeatureExtractor", extract),
    ("Binarizer", binarize),
    ("FeatureVectorizer", join),
    ("Imputer", impute),
    ("Normalizer", normalize),
    ("Scaler", scale),
];

/// The length of the last axis.
fn width(x: &HostTensor) -> Result<usize, Fault> {
    x.shape.last().copied().ok_or_else(|| Fault::because("a scalar has no columns"))
}

/// The number of a list that belongs to each element: one for all, or one for each column.
fn for_columns<'a>(
    name: &'static str,
    list: &'a [f64],
    x: &HostTensor,
) -> Result<impl Iterator<Item = f64> + use<'a>, Fault> {
    if list.len() != 1 && list.len() != width(x)? {
        return Err(Fault::WrongAttribute { name, expected: "one number, or one for each column" });
    }
    Ok((0..x.count()).map(|at| list[at % list.len()]))
}

/// Some columns of the last axis.
fn extract(call: &mut Call) -> Outcome {
    let (x, index) = (call.host(0)?, call.host(1)?);
    let last = x.shape.len().saturating_sub(1);
    let chosen = indices(&index, width(&x)?)?;
    let around = Around::new(&x.shape, last);
    let rows = (0..around.before).flat_map(|row| chosen.iter().map(move |column| row * around.length + column));
    let shape = if last == 0 { vec![1, chosen.len()] } else { [&x.shape[..last], &[chosen.len()]].concat() };
    call.answer(x.pick(&shape, rows))
}

/// One above a threshold, zero elsewhere.
fn binarize(call: &mut Call) -> Outcome {
    let threshold = call.number("threshold", 0.0)?;
    let x = call.host(0)?;
    let bits = x.to_floats().into_iter().map(|number| f64::from(u8::from(number > threshold)));
    call.answer(HostTensor::floats(x.element, &x.shape, bits))
}

/// Columns beside one another, as single precision.
fn join(call: &mut Call) -> Outcome {
    let mut parts = call.hosts()?;
    for part in &mut parts {
        let rows = part.shape.first().copied().unwrap_or(1);
        let shape = [rows, part.count().checked_div(rows).unwrap_or(0)];
        *part = part.cast(ElementType::F32).reshaped(&shape);
    }
    call.answer(super::slicing::joined(&parts, 1)?)
}

/// What stands for a missing number is replaced by a number for its column.
fn impute(call: &mut Call) -> Outcome {
    let whole = call.ints("imputed_value_int64s")?.map(|list| list.into_iter().map(|number| number as f64).collect());
    let given: Option<Vec<f64>> = call.numbers("imputed_value_floats")?.filter(|list| !list.is_empty()).or(whole);
    let name = "imputed_value_floats";
    let values = given.ok_or(Fault::WrongAttribute { name, expected: "given" })?;
    let x = call.host(0)?;
    let missing = if x.element.is_float() {
        call.number("replaced_value_float", 0.0)?
    } else {
        call.int("replaced_value_int64", 0)? as f64
    };
    let gap = |number: f64| number == missing || number.is_nan() && missing.is_nan();
    let values = for_columns(name, &values, &x)?;
    let filled = x.to_floats().into_iter().zip(values).map(|(number, value)| if gap(number) { value } else { number });
    call.answer(HostTensor::floats(x.element, &x.shape, filled))
}

/// Each row divided by its norm; rows of zeros stay.
fn normalize(call: &mut Call) -> Outcome {
    let norm = match call.string("norm")?.unwrap_or("MAX") {
        "MAX" => |row: &[f64]| row.iter().fold(0.0, |most: f64, x| most.max(x.abs())),
        "L1" => |row: &[f64]| row.iter().map(|x| x.abs()).sum(),
        "L2" => |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt(),
        other => return Err(Fault::because(format!("norm `{other}` is not known"))),
    };
    let x = call.host(0)?;
    let numbers = x.to_floats();
    let rows = numbers.chunks(width(&x)?.max(1));
    let scaled = rows.flat_map(|row| {
        let length = norm(row);
        row.iter().map(move |number| if length == 0.0 { *number } else { number / length })
    });
    call.answer(HostTensor::floats(ElementType::F32, &x.shape, scaled))
}

/// `(x - offset) scale`, for all columns or for each.
fn scale(call: &mut Call) -> Outcome {
    let offset = call.numbers("offset")?.unwrap_or_else(|| vec![0.0]);
    let factor = call.numbers("scale")?.unwrap_or_else(|| vec![1.0]);
    let x = call.host(0)?;
    let places = for_columns("offset", &offset, &x)?.zip(for_columns("scale", &factor, &x)?);
    let scaled = x.to_floats().into_iter().zip(places).map(|(number, (offset, factor))| (number - offset) * factor);
    call.answer(HostTensor::floats(ElementType::F32, &x.shape, scaled))
}
