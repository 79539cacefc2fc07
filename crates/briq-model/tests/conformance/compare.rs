//! `numpy.testing.assert_allclose` with the suite's tolerances: `|found - expected| <= 1e-7 + 1e-3 |expected|`.

use briq_graph::onnx::Datum;
use briq_graph::{ElementType, Initializer};

const RELATIVE: f64 = 1e-3;
const ABSOLUTE: f64 = 1e-7;

pub(crate) fn compare(expected: &Datum, found: &Datum) -> Result<(), String> {
    match (expected, found) {
        (Datum::Tensor(expected), Datum::Tensor(found)) => tensors(expected, found),
        (Datum::Sequence(expected), Datum::Sequence(found)) if expected.len() == found.len() => {
            expected.iter().zip(found).try_for_each(|(expected, found)| tensors(expected, found))
        }
        (Datum::Absent, Datum::Absent) => Ok(()),
        _ => Err("another kind of value".to_owned()),
    }
}

fn tensors(expected: &Initializer, found: &Initializer) -> Result<(), String> {
    if (expected.element, &expected.shape) != (found.element, &found.shape) {
        let described = |tensor: &Initializer| format!("{}{:?}", tensor.element, tensor.shape);
        return Err(format!("{} instead of {}", described(found), described(expected)));
    }
    let (left, right) = (expected.inline().unwrap(), found.inline().unwrap());
    if left == right {
        return Ok(());
    }
    let Some(numbers) = reader(expected.element) else { return Err("other elements".to_owned()) };
    let (left, right) = (numbers(left), numbers(right));
    let far = left.iter().zip(&right).position(|(expected, found)| !close(*expected, *found));
    far.map_or(Ok(()), |at| Err(format!("element {at} is {} instead of {}", right[at], left[at])))
}

fn close(expected: f64, found: f64) -> bool {
    expected == found
        || expected.is_nan() && found.is_nan()
        || expected.is_finite() && (found - expected).abs() <= ABSOLUTE + RELATIVE * expected.abs()
}

type Reader = fn(&[u8]) -> Vec<f64>;

/// How the elements of a type are read; none where equal bytes are the only way to be equal.
fn reader(element: ElementType) -> Option<Reader> {
    Some(match element {
        ElementType::F64 => |bytes| bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        ElementType::F32 => |bytes| bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        ElementType::F16 => |bytes| bytes.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f64()).collect(),
        ElementType::BF16 => {
            |bytes| bytes.as_chunks().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f64()).collect()
        }
        ElementType::F8E4M3 => |bytes| codes(bytes, |code| code & 0x7f == 0x7f),
        ElementType::F8E5M2 => |bytes| codes(bytes, |code| code & 0x7f > 0x7c),
        ElementType::U8 => |bytes| bytes.iter().map(|byte| f64::from(*byte)).collect(),
        ElementType::I8 => |bytes| bytes.iter().map(|byte| f64::from(byte.cast_signed())).collect(),
        ElementType::I32 => |bytes| bytes.as_chunks().0.iter().map(|b| f64::from(i32::from_le_bytes(*b))).collect(),
        ElementType::I64 => |bytes| bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
        _ => return None,
    })
}

/// Codes of 8-bit numbers, of which the suite asks for the very same; many codes stand for no number.
fn codes(bytes: &[u8], is_nan: fn(u8) -> bool) -> Vec<f64> {
    bytes.iter().map(|&code| if is_nan(code) { f64::NAN } else { f64::from(code) * 1e3 }).collect()
}
