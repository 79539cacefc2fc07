//! From one element type to another.

use briq_graph::ElementType;

use super::{Call, Fault, Operator, Outcome};
use crate::value::{Elements, HostTensor, round_small};

pub(super) const OPERATORS: &[(&str, Operator)] = &[("Cast", cast), ("CastLike", cast_like)];

fn cast(call: &mut Call) -> Outcome {
    let to = call.datatype("to")?.ok_or(Fault::WrongAttribute { name: "to", expected: "an element type" })?;
    convert(call, to)
}

fn cast_like(call: &mut Call) -> Outcome {
    let to = call.element(1)?;
    convert(call, to)
}

fn convert(call: &mut Call, to: ElementType) -> Outcome {
    if call.element(0)? == to {
        return Ok(vec![call.value(0)?]);
    }
    let saturate = call.flag("saturate", true)?;
    let rounding = call.string("round_mode")?.unwrap_or("up");
    let x = if to.is_float() { call.host(0)? } else { call.detached(0)? };
    let y = match (x.element, to) {
        (ElementType::Text, _) => parse(&x, to)?,
        (_, ElementType::Text) => print(&x),
        (_, ElementType::F8E8M0) => {
            let powers = x.to_floats().into_iter().map(|number| power(number, rounding, saturate)).collect();
            HostTensor { element: to, shape: x.shape, data: Elements::Floats(powers) }
        }
        (_, small) if small.is_small_float() => {
            let rounded = x.to_floats().into_iter().map(|number| round_small(small, number, saturate)).collect();
            HostTensor { element: to, shape: x.shape, data: Elements::Floats(rounded) }
        }
        _ => x.cast(to),
    };
    Ok(vec![call.place(y)])
}

/// A power of two near a number: the next one up or down, or the nearest.
fn power(number: f64, rounding: &str, saturate: bool) -> f64 {
    if number.is_nan() || number < 0.0 {
        return f64::NAN;
    }
    let exponent = number.log2();
    let whole = match rounding {
        "down" => exponent.floor(),
        "nearest" if number < exponent.floor().exp2() * 1.5 => exponent.floor(),
        _ => exponent.ceil(),
    };
    if whole > 127.0 && !saturate { f64::NAN } else { whole.clamp(-127.0, 127.0).exp2() }
}

fn parse(x: &HostTensor, to: ElementType) -> Result<HostTensor, Fault> {
    let number = |text: &String| {
        let read = match text.trim().to_ascii_lowercase().as_str() {
            "inf" | "+inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            other => other.parse::<f64>(),
        };
        read.map_err(|_| Fault::because(format!("`{text}` is not a number")))
    };
    let numbers = x.as_texts().iter().map(number).collect::<Result<Vec<f64>, _>>()?;
    Ok(HostTensor::floats(to, &x.shape, numbers))
}

fn print(x: &HostTensor) -> HostTensor {
    let texts = match &x.data {
        Elements::Integers(numbers) => numbers.iter().map(ToString::to_string).collect(),
        _ => x.to_floats().into_iter().map(|number| decimal(x.element, number)).collect(),
    };
    HostTensor::texts(&x.shape, texts)
}

/// As NumPy writes it: the shortest decimal that leads back.
fn decimal(element: ElementType, number: f64) -> String {
    let text = match element {
        ElementType::F64 => number.to_string(),
        _ => (number as f32).to_string(),
    };
    match text.as_str() {
        "NaN" => "nan".to_owned(),
        "inf" | "-inf" => text,
        whole if !whole.contains('.') => format!("{whole}.0"),
        _ => text,
    }
}
