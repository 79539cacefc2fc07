//! Operators that work element by element, and constants.

use super::Inferred;
use super::context::{Context, Type};
use crate::{Attribute, Dim, ElementType, GraphError};

/// One input, kept in type and shape.
pub(super) fn unary(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    Ok(vec![(input.element, input.shape.clone())])
}

/// As [`unary`], of floating point only.
pub(super) fn float_unary(context: &Context<'_>) -> Inferred {
    context.float(context.input(0)?)?;
    unary(context)
}

/// Two inputs of one type, broadcast.
pub(super) fn binary(context: &Context<'_>) -> Inferred {
    context.same_element(&[context.input(0)?, context.input(1)?])?;
    power(context)
}

/// Two inputs, broadcast; the exponent may be of another type.
pub(super) fn power(context: &Context<'_>) -> Inferred {
    let (base, exponent) = (context.input(0)?, context.input(1)?);
    Ok(vec![(base.element, context.broadcast(&base.shape, &exponent.shape)?)])
}

/// Two inputs of one type, compared one by one.
pub(super) fn comparison(context: &Context<'_>) -> Inferred {
    let joined = binary(context)?;
    Ok(joined.into_iter().map(|(_, shape)| (ElementType::Bool, shape)).collect())
}

/// A property of each element of one input.
pub(super) fn predicate(context: &Context<'_>) -> Inferred {
    Ok(vec![(ElementType::Bool, context.input(0)?.shape.clone())])
}

/// Any number of inputs of one type, broadcast.
pub(super) fn variadic(context: &Context<'_>) -> Inferred {
    let inputs = context.all()?;
    let element = context.same_element(&inputs)?;
    let rest = inputs[1..].iter();
    let shape =
        rest.copied().try_fold(inputs[0].shape.clone(), |shape, input| context.broadcast(&shape, &input.shape))?;
    Ok(vec![(element, shape)])
}

/// The values, and which of them were kept.
pub(super) fn dropout(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    context.float(input)?;
    Ok(vec![(input.element, input.shape.clone()), (ElementType::Bool, input.shape.clone())])
}

pub(super) fn cast(context: &Context<'_>) -> Inferred {
    let code = context.int("to").and_then(|code| i32::try_from(code).ok());
    let element = code.and_then(ElementType::from_onnx_code);
    let element = element.ok_or_else(|| context.refuse("its attribute `to` is not an element type that Briq knows"))?;
    Ok(vec![(element, context.input(0)?.shape.clone())])
}

/// A tensor, or one number or a list of them in one of the short forms.
pub(super) fn constant(context: &Context<'_>) -> Inferred {
    const FORMS: [&str; 5] = ["value", "value_float", "value_floats", "value_int", "value_ints"];
    let held: Vec<Type> = FORMS.iter().filter_map(|form| of_attribute(context.attribute(form)?)).collect();
    if held.len() == 1 { Ok(held) } else { Err(none_or_several(context)) }
}

fn none_or_several(context: &Context<'_>) -> GraphError {
    context.refuse("it should hold exactly one tensor, number or list of numbers")
}

fn of_attribute(attribute: &Attribute) -> Option<Type> {
    match attribute {
        Attribute::Tensor(tensor) => {
            Some((tensor.element, tensor.shape.iter().map(|&length| Dim::Fixed(length)).collect()))
        }
        Attribute::Float(_) => Some((ElementType::F32, vec![])),
        Attribute::Floats(numbers) => Some((ElementType::F32, vec![numbers.len().into()])),
        Attribute::Int(_) => Some((ElementType::I64, vec![])),
        Attribute::Ints(numbers) => Some((ElementType::I64, vec![numbers.len().into()])),
        Attribute::String(_) | Attribute::Strings(_) | Attribute::Graph(_) => None,
    }
}
