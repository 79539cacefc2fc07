//! Operators on texts.

use briq_graph::ElementType;

use super::space::{broadcast, spread};
use super::{Call, Fault, Operator, Outcome};
use crate::value::{HostTensor, Value};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("RegexFullMatch", full_match),
    ("StringConcat", concat),
    ("StringNormalizer", normalize),
    ("StringSplit", split),
];

/// Whether each text as a whole is matched by a regular expression.
fn full_match(call: &mut Call) -> Outcome {
    let pattern = call.string("pattern")?.unwrap_or_default();
    let whole = regex::Regex::new(&format!(r"\A(?:{pattern})\z"));
    let whole = whole.map_err(|error| Fault::because(format!("`{pattern}` is no pattern: {error}")))?;
    let x = call.host(0)?;
    if x.element != ElementType::Text {
        return Err(Fault::WrongKind { index: 0, expected: "text" });
    }
    call.answer(HostTensor::bools(&x.shape, x.as_texts().iter().map(|text| whole.is_match(text))))
}

fn concat(call: &mut Call) -> Outcome {
    let (left, right) = (call.host(0)?, call.host(1)?);
    let shape = broadcast(&left.shape, &right.shape)?;
    let (a, b) = (left.as_texts(), right.as_texts());
    if a.len() != left.count() || b.len() != right.count() {
        return Err(Fault::WrongKind { index: 0, expected: "text" });
    }
    let pairs = spread(&left.shape, &shape).zip(spread(&right.shape, &shape));
    call.answer(HostTensor::texts(&shape, pairs.map(|(i, j)| format!("{}{}", a[i], b[j])).collect()))
}

/// The parts of each text, filled up with empty ones, and how many there are.
fn split(call: &mut Call) -> Outcome {
    let delimiter = call.string("delimiter")?.unwrap_or_default();
    let most = if call.node.attributes.contains_key("maxsplit") { call.size("maxsplit", 0)? } else { usize::MAX };
    let x = call.host(0)?;
    let parts: Vec<Vec<String>> = x.as_texts().iter().map(|text| cut(text, delimiter, most)).collect();
    let width = parts.iter().map(Vec::len).max().unwrap_or(0);
    let counts = HostTensor::indices(&x.shape, parts.iter().map(Vec::len));
    let filled = parts.into_iter().flat_map(|mut parts| {
        parts.resize(width, String::new());
        parts
    });
    let shape = [&x.shape[..], &[width]].concat();
    Ok(vec![Value::Host(HostTensor::texts(&shape, filled.collect())), Value::Host(counts)])
}

/// As Python's `str.split`: at white space where there is no delimiter.
fn cut(text: &str, delimiter: &str, most: usize) -> Vec<String> {
    if !delimiter.is_empty() {
        return text.splitn(most.saturating_add(1), delimiter).map(str::to_owned).collect();
    }
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = if parts.len() == most { rest.len() } else { rest.find(char::is_whitespace).unwrap_or(rest.len()) };
        parts.push(rest[..end].to_owned());
        rest = rest[end..].trim_start();
    }
    parts
}

/// Leaves out some words and changes the case of the others.
fn normalize(call: &mut Call) -> Outcome {
    let case = call.string("case_change_action")?.unwrap_or("NONE");
    let sensitive = call.flag("is_case_sensitive", false)?;
    let stops = call.strings("stopwords")?.unwrap_or_default();
    let x = call.host(0)?;
    let stopped = |word: &str| {
        let folded = word.to_lowercase();
        stops.iter().any(|stop| if sensitive { stop == word } else { stop.to_lowercase() == folded })
    };
    let changed = |word: &String| match case {
        "LOWER" => word.to_lowercase(),
        "UPPER" => word.to_uppercase(),
        _ => word.clone(),
    };
    let kept: Vec<String> = x.as_texts().iter().filter(|word| !stopped(word)).map(changed).collect();
    let kept = if kept.is_empty() { vec![String::new()] } else { kept };
    let mut shape = x.shape.clone();
    match shape.last_mut() {
        Some(last) => *last = kept.len(),
        None => shape.push(kept.len()),
    }
    call.answer(HostTensor::texts(&shape, kept))
}
