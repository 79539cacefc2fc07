//! Operators of the domain `ai.onnx.ml` that put one name for another: labels, categories, one hot.

use std::collections::HashMap;

use briq_graph::ElementType;

use super::{Call, Fault, Operator, Outcome};
use crate::value::{Elements, HostTensor};

pub(super) const OPERATORS: &[(&str, Operator)] =
    &[("CategoryMapper", map_category), ("LabelEncoder", encode_label), ("OneHotEncoder", encode_one_hot)];

/// What an element is looked up by.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    Text(String),
    Integer(i128),
    /// The bits of a number; every number that is none is the same, and so are both zeros.
    Float(u64),
}

fn keys(tensor: &HostTensor) -> Vec<Key> {
    let float = |number: &f64| Key::Float(if number.is_nan() { f64::NAN } else { number + 0.0 }.to_bits());
    match &tensor.data {
        Elements::Texts(texts) => texts.iter().cloned().map(Key::Text).collect(),
        Elements::Integers(numbers) => numbers.iter().copied().map(Key::Integer).collect(),
        Elements::Floats(numbers) => numbers.iter().map(float).collect(),
    }
}

fn texts(list: &[String]) -> HostTensor {
    HostTensor::texts(&[list.len()], list.to_vec())
}

fn integers(list: &[i64]) -> HostTensor {
    HostTensor::integers(ElementType::I64, &[list.len()], list.iter().map(|number| i128::from(*number)))
}

/// What each key of `from` stands for in `to`, or else its last element.
fn translated(x: &HostTensor, from: &HostTensor, to: &HostTensor) -> HostTensor {
    let last = to.count() - 1;
    let places: HashMap<Key, usize> = keys(from).into_iter().zip(0..last).collect();
    let found = keys(x).into_iter().map(|key| places.get(&key).copied().unwrap_or(last));
    to.pick(&x.shape, found)
}

/// Both sides are lists of a type each; since operator set 4 they may be tensors of any type.
fn encode_label(call: &mut Call) -> Outcome {
    if call.node.attributes.contains_key("classes_strings") {
        return map(call, "classes_strings", None);
    }
    let from = list(call, ["keys_tensor", "keys_strings", "keys_int64s", "keys_floats"])?;
    let mut to = list(call, ["values_tensor", "values_strings", "values_int64s", "values_floats"])?;
    if from.count() != to.count() {
        return Err(Fault::because(format!("{} keys for {} values", from.count(), to.count())));
    }
    to.append(&default(call, to.element)?);
    let x = call.host(0)?;
    call.answer(translated(&x, &from, &to))
}

/// The list under one of these names: a tensor, texts, integers or numbers.
fn list(call: &Call, [tensor, text, integer, float]: [&'static str; 4]) -> Result<HostTensor, Fault> {
    if let Some(found) = call.literal(tensor)? {
        let count = found.count();
        return Ok(found.reshaped(&[count]));
    }
    if let Some(found) = call.strings(text)?.filter(|list| !list.is_empty()) {
        return Ok(texts(found));
    }
    if let Some(found) = call.ints(integer)?.filter(|list| !list.is_empty()) {
        return Ok(integers(&found));
    }
    let found = call.numbers(float)?.ok_or(Fault::WrongAttribute { name: float, expected: "given" })?;
    Ok(HostTensor::floats(ElementType::F32, &[found.len()], found))
}

/// What a key that is not there stands for.
fn default(call: &Call, element: ElementType) -> Result<HostTensor, Fault> {
    if let Some(given) = call.literal("default_tensor")? {
        return Ok(given.cast(element));
    }
    Ok(match element {
        ElementType::Text => texts(&[call.string("default_string")?.unwrap_or("_Unused").to_owned()]),
        float if float.is_float() => HostTensor::floats(element, &[1], [call.number("default_float", -0.0)?]),
        _ => HostTensor::integers(element, &[1], [i128::from(call.int("default_int64", -1)?)]),
    })
}

fn map_category(call: &mut Call) -> Outcome {
    let numbers = call.ints("cats_int64s")?.unwrap_or_default();
    map(call, "cats_strings", Some(numbers))
}

/// From names to integers or back; without integers a name stands for its place in the list.
fn map(call: &mut Call, name: &'static str, numbers: Option<Vec<i64>>) -> Outcome {
    let names = call.strings(name)?.ok_or(Fault::WrongAttribute { name, expected: "given" })?;
    let numbers = numbers.unwrap_or_else(|| (0..names.len() as i64).collect());
    if names.len() != numbers.len() {
        return Err(Fault::WrongAttribute { name, expected: "as long as the list of integers" });
    }
    let (names, numbers) = (texts(names), integers(&numbers));
    let x = call.host(0)?;
    let (from, mut to) = if x.element == ElementType::Text { (names, numbers) } else { (numbers, names) };
    to.append(&default(call, to.element)?);
    call.answer(translated(&x, &from, &to))
}

/// Along a new last axis: one at the place of the category, zero elsewhere.
fn encode_one_hot(call: &mut Call) -> Outcome {
    let unknown_is_zero = call.flag("zeros", true)?;
    let names = call.strings("cats_strings")?.filter(|list| !list.is_empty());
    let categories = match names {
        Some(names) => texts(names),
        None => integers(&call.ints("cats_int64s")?.unwrap_or_default()),
    };
    let x = call.host(0)?;
    let x = if x.element == ElementType::Text { x } else { x.cast(ElementType::I64) };
    let width = categories.count();
    let places: HashMap<Key, usize> = keys(&categories).into_iter().zip(0..).collect();
    let mut hot = vec![0.0; x.count() * width];
    for (row, key) in keys(&x).into_iter().enumerate() {
        match places.get(&key) {
            Some(place) => hot[row * width + place] = 1.0,
            None if unknown_is_zero => {}
            None => return Err(Fault::because("an element is none of the categories")),
        }
    }
    let shape = [&x.shape[..], &[width]].concat();
    call.answer(HostTensor::floats(ElementType::F32, &shape, hot))
}
