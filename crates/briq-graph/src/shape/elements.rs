//! What small tensors of integers hold: the shapes that a network computes about itself.
//!
//! Exporters write `x.view(x.size(0), -1)` as nodes: a `Shape`, a `Gather`, a `Concat`, a `Reshape`. Followed element by
//! element, such a chain is known wherever it picks lengths that are, though another axis of the same shape be dynamic.

use std::fmt;

use super::context::Context;
use super::size::Size;
use crate::{Attribute, Dim, ElementType, Initializer};

/// One integer, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Element {
    /// This one.
    Known(i64),
    /// The length of a dynamic axis with this symbol, or a product of such lengths.
    Length(String),
    /// Any.
    Unknown,
}

use Element::{Known, Length, Unknown};

/// The most elements that are followed.
const MAX_ELEMENTS: usize = 64;

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Known(number) => write!(f, "{number}"),
            Length(symbol) => f.write_str(symbol),
            Unknown => f.write_str("?"),
        }
    }
}

impl Element {
    /// The integer, where it is known.
    pub(crate) fn known(&self) -> Option<i64> {
        if let Known(number) = self { Some(*number) } else { None }
    }

    fn of_length(length: &Dim) -> Self {
        match length {
            Dim::Fixed(length) => i64::try_from(*length).map_or(Unknown, Known),
            Dim::Dynamic(symbol) if symbol.is_empty() => Unknown,
            Dim::Dynamic(symbol) => Length(symbol.clone()),
        }
    }

    /// As a number of elements, where it can be one.
    fn size(&self) -> Option<Size> {
        Size::of(&self.to_length()?)
    }

    fn of_size(size: Option<Size>) -> Self {
        size.map_or(Unknown, |size| Self::of_length(&size.to_length()))
    }

    /// The axis of this length.
    pub(super) fn to_length(&self) -> Option<Dim> {
        match self {
            Known(number) => usize::try_from(*number).ok().map(Dim::Fixed),
            Length(symbol) => Some(Dim::Dynamic(symbol.clone())),
            Unknown => Some(Dim::Dynamic(String::new())),
        }
    }
}

/// The elements of a constant, where it is small, of integers, and held in the graph.
pub(super) fn held(tensor: &Initializer) -> Option<Vec<Element>> {
    if tensor.shape.len() > 1 || tensor.count() > MAX_ELEMENTS {
        return None;
    }
    let bits = |bytes: &[u8]| bytes.iter().map(|&byte| Known(i64::from(byte))).collect();
    if tensor.element == ElementType::Bool {
        return tensor.inline().map(bits);
    }
    Some(tensor.to_i64()?.into_iter().map(Known).collect())
}

/// The elements of a node's first output.
pub(super) fn of(context: &Context<'_>) -> Option<Vec<Element>> {
    let elements = match context.operator() {
        "Constant" => constant(context),
        "Shape" => shape(context),
        "Size" => size(context),
        "Gather" => gather(context),
        "Slice" => slice(context),
        "Concat" => concat(context),
        "Identity" | "Squeeze" | "Unsqueeze" | "Reshape" | "Flatten" => whole(context).map(<[Element]>::to_vec),
        "Cast" => cast(context),
        "Add" | "Sub" | "Mul" | "Div" | "Min" | "Max" => arithmetic(context),
        "Equal" => equal(context),
        "Where" => choose(context),
        "ConstantOfShape" => filled(context),
        "ReduceProd" => product(context),
        _ => None,
    };
    elements.filter(|elements| elements.len() <= MAX_ELEMENTS)
}

fn whole<'a>(context: &Context<'a>) -> Option<&'a [Element]> {
    context.elements(0)
}

fn constant(context: &Context<'_>) -> Option<Vec<Element>> {
    match ["value", "value_int", "value_ints"].iter().find_map(|form| context.attribute(form))? {
        Attribute::Tensor(tensor) => held(tensor),
        Attribute::Int(number) => Some(vec![Known(*number)]),
        Attribute::Ints(numbers) => Some(numbers.iter().copied().map(Known).collect()),
        _ => None,
    }
}

fn shape(context: &Context<'_>) -> Option<Vec<Element>> {
    let input = context.input(0).ok()?;
    Some(context.shape_range(input.shape.len()).map(|axis| Element::of_length(&input.shape[axis])).collect())
}

fn size(context: &Context<'_>) -> Option<Vec<Element>> {
    Some(vec![Element::of_size(Size::product(&context.input(0).ok()?.shape))])
}

fn gather(context: &Context<'_>) -> Option<Vec<Element>> {
    let from = whole(context)?;
    let pick = |index: &Element| from.get(place(index.known()?, from.len())?).cloned();
    context.elements(1)?.iter().map(pick).collect()
}

/// A position counted from the end where negative.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { index + length } else { index }).ok()
}

fn slice(context: &Context<'_>) -> Option<Vec<Element>> {
    let from = whole(context)?;
    let [range] = context.slices(1)?.try_into().ok()?;
    Some(range.positions(from.len()).map(|position| from[position].clone()).collect())
}

fn concat(context: &Context<'_>) -> Option<Vec<Element>> {
    let parts: Option<Vec<&[Element]>> = (0..context.count()).map(|input| context.elements(input)).collect();
    Some(parts?.concat())
}

fn cast(context: &Context<'_>) -> Option<Vec<Element>> {
    let to = context.int("to").and_then(|code| ElementType::from_onnx_code(i32::try_from(code).ok()?))?;
    let from = whole(context)?;
    let fits = |element: &Element| match (to, element) {
        (ElementType::I64, _) => true,
        (ElementType::I32, Known(number)) => i32::try_from(*number).is_ok(),
        (ElementType::I32, _) => true,
        _ => false,
    };
    from.iter().all(fits).then(|| from.to_vec())
}

/// Pairs the elements of two inputs, of which one may be a single number.
fn pairs<'a>(a: &'a [Element], b: &'a [Element]) -> Option<impl Iterator<Item = (&'a Element, &'a Element)>> {
    let count = if a.len() == 1 { b.len() } else { a.len() };
    let fits = |list: &[Element]| list.len() == count || list.len() == 1;
    (fits(a) && fits(b)).then(|| (0..count).map(|at| (&a[at % a.len()], &b[at % b.len()])))
}

fn arithmetic(context: &Context<'_>) -> Option<Vec<Element>> {
    if context.count() != 2 || !context.is_integer(0) {
        return None;
    }
    let operator = context.operator();
    let pairs = pairs(whole(context)?, context.elements(1)?)?;
    Some(pairs.map(|(a, b)| computed(operator, a, b)).collect())
}

fn computed(operator: &str, a: &Element, b: &Element) -> Element {
    match (operator, a, b) {
        (_, Known(a), Known(b)) => number(operator, *a, *b).map_or(Unknown, Known),
        ("Add", other, Known(0)) | ("Add", Known(0), other) | ("Sub", other, Known(0)) => other.clone(),
        ("Min" | "Max", Length(one), Length(other)) if one == other => a.clone(),
        ("Mul", _, _) => Element::of_size(a.size().and_then(|a| a.times(&b.size()?))),
        ("Div", _, _) => Element::of_size(a.size().and_then(|a| a.divided_by(&b.size()?))),
        _ => Unknown,
    }
}

fn number(operator: &str, a: i64, b: i64) -> Option<i64> {
    match operator {
        "Add" => a.checked_add(b),
        "Sub" => a.checked_sub(b),
        "Mul" => a.checked_mul(b),
        "Div" => a.checked_div(b),
        "Min" => Some(a.min(b)),
        _ => Some(a.max(b)),
    }
}

/// A length is never negative, so it differs from every negative number.
fn equal(context: &Context<'_>) -> Option<Vec<Element>> {
    let same = |(a, b): (&Element, &Element)| match (a, b) {
        (Known(a), Known(b)) => Known(i64::from(a == b)),
        (Length(_), Known(number)) | (Known(number), Length(_)) if *number < 0 => Known(0),
        (Length(a), Length(b)) if a == b => Known(1),
        _ => Unknown,
    };
    Some(pairs(whole(context)?, context.elements(1)?)?.map(same).collect())
}

fn choose(context: &Context<'_>) -> Option<Vec<Element>> {
    let (conditions, a, b) = (whole(context)?, context.elements(1)?, context.elements(2)?);
    let count = conditions.len().max(a.len()).max(b.len());
    let fits = |list: &[Element]| list.len() == count || list.len() == 1;
    if !(fits(conditions) && fits(a) && fits(b)) {
        return None;
    }
    let at = |list: &[Element], place: usize| list[place % list.len()].clone();
    let one = |place: usize| match at(conditions, place) {
        Known(0) => at(b, place),
        Known(_) => at(a, place),
        _ if at(a, place) == at(b, place) => at(a, place),
        _ => Unknown,
    };
    Some((0..count).map(one).collect())
}

fn filled(context: &Context<'_>) -> Option<Vec<Element>> {
    let [count] = whole(context)? else { return None };
    let count = usize::try_from(count.known()?).ok().filter(|&count| count <= MAX_ELEMENTS)?;
    let [value] = held(context.attribute("value")?.as_tensor()?)?.try_into().ok()?;
    Some(vec![value; count])
}

fn product(context: &Context<'_>) -> Option<Vec<Element>> {
    let whole = whole(context).filter(|_| context.is_integer(0))?;
    let product = whole.iter().try_fold(Size::one(), |product, element| product.times(&element.size()?));
    Some(vec![Element::of_size(product)])
}
