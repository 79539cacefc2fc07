//! What a rule sees of the node it judges.

use std::ops::Range;

use super::Shapes;
use super::elements::Element;
use super::inference::Elements;
use super::size::bounded;
use crate::{Dim, ElementType, GraphError, GraphErrorKind, Node, Value, brackets};

/// The element type and shape of one output.
pub(super) type Type = (ElementType, Vec<Dim>);

/// A node, with what is known of its inputs.
pub(super) struct Context<'a> {
    node: &'a Node,
    opset: u32,
    inputs: Vec<Option<&'a Value>>,
    elements: &'a Elements,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        node: &'a Node,
        opset: u32,
        shapes: &'a Shapes,
        elements: &'a Elements,
    ) -> Result<Self, GraphError> {
        let mut context = Self { node, opset, inputs: Vec::new(), elements };
        for position in 0..node.inputs.len() {
            let known = node.input(position).map(|name| {
                shapes.get(name).ok_or_else(|| context.refuse(format!("the shape of its input `{name}` is not known")))
            });
            context.inputs.push(known.transpose()?);
        }
        Ok(context)
    }

    pub(super) fn operator(&self) -> &str {
        &self.node.operator
    }

    pub(super) fn opset(&self) -> u32 {
        self.opset
    }

    /// How many inputs it has, absent ones included.
    pub(super) fn count(&self) -> usize {
        self.inputs.len()
    }

    /// How many outputs it has, unwanted ones included.
    pub(super) fn outputs(&self) -> usize {
        self.node.outputs.len()
    }

    /// An input that the operator cannot do without.
    pub(super) fn input(&self, position: usize) -> Result<&'a Value, GraphError> {
        self.optional(position).ok_or_else(|| self.refuse(format!("its input {position} is absent")))
    }

    pub(super) fn optional(&self, position: usize) -> Option<&'a Value> {
        self.inputs.get(position).copied().flatten()
    }

    /// Every input, all of which the operator wants.
    pub(super) fn all(&self) -> Result<Vec<&'a Value>, GraphError> {
        let all: Vec<&Value> = (0..self.count()).map(|position| self.input(position)).collect::<Result<_, _>>()?;
        if all.is_empty() { Err(self.refuse("it has no input")) } else { Ok(all) }
    }

    /// Refuses inputs of different element types.
    pub(super) fn same_element(&self, inputs: &[&Value]) -> Result<ElementType, GraphError> {
        let element = inputs[0].element;
        match inputs.iter().find(|input| input.element != element) {
            Some(other) => Err(self.refuse(format!("`{}` and `{other}` differ in element type", inputs[0]))),
            None => Ok(element),
        }
    }

    /// Refuses an input that is not of floating point.
    pub(super) fn float(&self, input: &Value) -> Result<(), GraphError> {
        if input.element.is_float() { Ok(()) } else { Err(self.refuse(format!("`{input}` is not of floating point"))) }
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.node.attributes.get(name)?.as_int()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.int(name).is_some_and(|flag| flag != 0)
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.node.attributes.get(name)?.as_str()
    }

    pub(super) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.node.attributes.get(name)?.as_ints()
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&'a crate::Attribute> {
        self.node.attributes.get(name)
    }

    /// Integers that are given as an attribute in older operator sets and as an input in newer ones.
    /// `None` where they are not given at all.
    pub(super) fn ints_or_input(&self, name: &str, position: usize) -> Result<Option<Vec<i64>>, GraphError> {
        if let Some(numbers) = self.ints(name) {
            return Ok(Some(numbers.to_vec()));
        }
        let Some(value) = self.node.input(position) else { return Ok(None) };
        let known = self.elements(position).and_then(|list| list.iter().map(Element::known).collect());
        let unknown = || {
            let reason = format!("its input `{value}` is not a constant of integers held in the model");
            GraphError::new(GraphErrorKind::Unsupported, "infer the shape of", self.node.label(), reason)
        };
        known.map(Some).ok_or_else(unknown)
    }

    /// What an input of integers holds, as far as that is known.
    pub(super) fn elements(&self, position: usize) -> Option<&'a [Element]> {
        self.elements.get(self.node.input(position)?).map(Vec::as_slice)
    }

    /// Whether an input is of integers.
    pub(super) fn is_integer(&self, position: usize) -> bool {
        let element = self.optional(position).map(|value| value.element);
        element.is_some_and(|element| matches!(element, ElementType::I64 | ElementType::I32))
    }

    /// The axes that a `Shape` node reports.
    pub(super) fn shape_range(&self, rank: usize) -> Range<usize> {
        let signed = rank as i64;
        let clamp = |axis: i64| (if axis < 0 { axis.saturating_add(signed) } else { axis }).clamp(0, signed) as usize;
        let (start, end) = (self.int("start").unwrap_or(0), self.int("end").unwrap_or(signed));
        clamp(start)..clamp(end).max(clamp(start))
    }

    /// An axis counted from the end where negative, as a position below `rank`.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, GraphError> {
        let counted = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        let position = counted.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank);
        position.ok_or_else(|| self.refuse(format!("axis {axis} is not one of {rank}")))
    }

    /// [`axis`](Self::axis) for several, in ascending order, none twice.
    pub(super) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, GraphError> {
        let mut positions = axes.iter().map(|&axis| self.axis(axis, rank)).collect::<Result<Vec<_>, _>>()?;
        positions.sort_unstable();
        match positions.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(self.refuse(format!("axis {} is given twice", pair[0]))),
            None => Ok(positions),
        }
    }

    /// An input whose rank the operator wants.
    pub(super) fn ranked(&self, input: &Value, rank: usize) -> Result<(), GraphError> {
        if input.shape.len() == rank { Ok(()) } else { Err(self.refuse(format!("`{input}` should have {rank} axes"))) }
    }

    /// Two axes that must agree: the length known of both.
    pub(super) fn agree(&self, a: (&Value, usize), b: (&Value, usize)) -> Result<Dim, GraphError> {
        let (first, second) = (&a.0.shape[a.1], &b.0.shape[b.1]);
        match (first.fixed(), second.fixed()) {
            (Some(x), Some(y)) if x != y => {
                Err(self.refuse(format!("axis {} of `{}` and axis {} of `{}` differ", a.1, a.0, b.1, b.0)))
            }
            (None, Some(_)) => Ok(second.clone()),
            _ => Ok(first.clone()),
        }
    }

    /// Multidirectional broadcasting, as NumPy has it.
    pub(super) fn broadcast(&self, a: &[Dim], b: &[Dim]) -> Result<Vec<Dim>, GraphError> {
        let rank = a.len().max(b.len());
        let one = Dim::Fixed(1);
        let from_end = |shape: &[Dim], place: usize| {
            (place + shape.len()).checked_sub(rank).map_or(one.clone(), |axis| shape[axis].clone())
        };
        let joined = (0..rank).map(|place| join(&from_end(a, place), &from_end(b, place)));
        let joined: Option<Vec<Dim>> = joined.collect();
        joined.ok_or_else(|| self.refuse(format!("{} and {} cannot be broadcast together", brackets(a), brackets(b))))
    }

    pub(super) fn refuse(&self, reason: impl Into<String>) -> GraphError {
        super::failure(self.node.label(), reason)
    }
}

/// The length of an axis after broadcasting, or `None` where the two do not fit.
fn join(a: &Dim, b: &Dim) -> Option<Dim> {
    match (a, b) {
        (Dim::Fixed(1), other) | (other, Dim::Fixed(1)) => Some(other.clone()),
        (Dim::Fixed(x), Dim::Fixed(y)) => (x == y).then(|| a.clone()),
        (Dim::Fixed(_), Dim::Dynamic(_)) => Some(a.clone()),
        (Dim::Dynamic(_), Dim::Fixed(_)) => Some(b.clone()),
        (Dim::Dynamic(x), Dim::Dynamic(y)) if x == y => Some(a.clone()),
        // Beside the axis itself, the lesser of it and a limit is the same or one, or the two do not fit.
        (Dim::Dynamic(x), Dim::Dynamic(y)) if bounded(y) == Some(x) => Some(a.clone()),
        (Dim::Dynamic(x), Dim::Dynamic(y)) if bounded(x) == Some(y) => Some(b.clone()),
        (Dim::Dynamic(_), Dim::Dynamic(_)) => Some(unknown()),
    }
}

/// An axis of which nothing is known.
pub(super) fn unknown() -> Dim {
    Dim::Dynamic(String::new())
}
