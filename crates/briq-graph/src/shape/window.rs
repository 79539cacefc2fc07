//! Windows that move over the axes after batch and channel.

use super::Inferred;
use super::context::{Context, unknown};
use crate::{Dim, ElementType, GraphError, Value};

pub(super) fn convolution(context: &Context<'_>) -> Inferred {
    let (input, weight) = (context.input(0)?, context.input(1)?);
    let element = context.same_element(&[input, weight])?;
    let spatial = spatial(context, input)?;
    context.ranked(weight, input.shape.len())?;
    let group = context.int("group").unwrap_or(1);
    grouped(context, input, weight, group)?;
    if let Some(bias) = context.optional(2) {
        context.ranked(bias, 1)?;
        context.agree((weight, 0), (bias, 0))?;
    }
    let kernel = weight.shape[2..].iter().map(|length| length.fixed().map(|length| length as i64));
    let kernel =
        kernel.collect::<Option<Vec<i64>>>().ok_or_else(|| context.refuse(format!("`{weight}` is dynamic")))?;
    if context.ints("kernel_shape").is_some_and(|declared| declared != kernel) {
        return Err(context.refuse(format!("its kernel_shape is not that of `{weight}`")));
    }
    let windows = Windows::new(context, &kernel, spatial.len())?;
    let mut shape = vec![input.shape[0].clone(), weight.shape[0].clone()];
    shape.extend(windows.places(context, input)?);
    Ok(vec![(element, shape)])
}

/// Channels are shared out among the groups, and so are the filters.
fn grouped(context: &Context<'_>, input: &Value, weight: &Value, group: i64) -> Result<(), GraphError> {
    let groups = usize::try_from(group).ok().filter(|&groups| groups > 0);
    let groups = groups.ok_or_else(|| context.refuse(format!("its group is {group}")))?;
    let (Some(channels), Some(filters), Some(each)) =
        (input.shape[1].fixed(), weight.shape[0].fixed(), weight.shape[1].fixed())
    else {
        return Ok(());
    };
    if each.checked_mul(groups) == Some(channels) && filters.is_multiple_of(groups) {
        return Ok(());
    }
    Err(context.refuse(format!("the channels of `{input}` and `{weight}` do not fit, in {groups} groups")))
}

/// `MaxPool` and `AveragePool`; the second output of `MaxPool` says where each maximum was.
pub(super) fn pool(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let rank = spatial(context, input)?.len();
    let kernel = context.ints("kernel_shape").ok_or_else(|| context.refuse("it has no kernel_shape"))?;
    let windows = Windows::new(context, kernel, rank)?;
    let mut shape = input.shape[..2].to_vec();
    shape.extend(windows.places(context, input)?);
    let mut outputs = vec![(input.element, shape.clone())];
    if context.operator() == "MaxPool" {
        outputs.push((ElementType::I64, shape));
    }
    Ok(outputs)
}

pub(super) fn global_pool(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let rank = spatial(context, input)?.len();
    let ones = std::iter::repeat_n(Dim::Fixed(1), rank);
    Ok(vec![(input.element, input.shape[..2].iter().cloned().chain(ones).collect())])
}

/// The axes after batch and channel.
fn spatial<'a>(context: &Context<'_>, input: &'a Value) -> Result<&'a [Dim], GraphError> {
    match input.shape.get(2..) {
        Some(spatial) if !spatial.is_empty() => Ok(spatial),
        _ => Err(context.refuse(format!("`{input}` should be [batch, channels, …]"))),
    }
}

/// The numbers that say how windows move, one for each axis (two for the padding).
struct Windows {
    kernel: Vec<usize>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    padding: Padding,
    /// Whether a window that begins inside and ends outside counts.
    ceil: bool,
}

enum Padding {
    Explicit(Vec<usize>),
    Same,
}

impl Windows {
    fn new(context: &Context<'_>, kernel: &[i64], rank: usize) -> Result<Self, GraphError> {
        let ones = vec![1; rank];
        let positive = |what: &str, numbers: &[i64]| {
            let numbers = lengths(context, what, numbers, rank)?;
            if numbers.contains(&0) { Err(context.refuse(format!("its {what} holds 0"))) } else { Ok(numbers) }
        };
        let padding = match context.text("auto_pad").unwrap_or("NOTSET") {
            "NOTSET" => {
                let none = vec![0; 2 * rank];
                Padding::Explicit(lengths(context, "pads", context.ints("pads").unwrap_or(&none), 2 * rank)?)
            }
            "VALID" => Padding::Explicit(vec![0; 2 * rank]),
            "SAME_UPPER" | "SAME_LOWER" => Padding::Same,
            other => return Err(context.refuse(format!("its auto_pad is `{other}`"))),
        };
        Ok(Self {
            kernel: positive("kernel_shape", kernel)?,
            strides: positive("strides", context.ints("strides").unwrap_or(&ones))?,
            dilations: positive("dilations", context.ints("dilations").unwrap_or(&ones))?,
            padding,
            ceil: context.flag("ceil_mode"),
        })
    }

    /// How many places the windows have along each axis.
    fn places(&self, context: &Context<'_>, input: &Value) -> Result<Vec<Dim>, GraphError> {
        let places = input.shape[2..].iter().enumerate().map(|(axis, length)| match length.fixed() {
            None if self.keeps(axis) => Ok(length.clone()),
            None => Ok(unknown()),
            Some(length) => self.along(axis, length).map(Dim::Fixed).ok_or_else(|| {
                let kernel = crate::brackets(&self.kernel);
                context.refuse(format!("its window {kernel} does not fit into `{input}`"))
            }),
        });
        places.collect()
    }

    /// Whether there are as many places along an axis as it is long, however long it is.
    fn keeps(&self, axis: usize) -> bool {
        let reach = || (self.kernel[axis] - 1).checked_mul(self.dilations[axis]);
        let padded = match &self.padding {
            Padding::Same => true,
            Padding::Explicit(pads) => reach() == pads[axis].checked_add(pads[axis + self.kernel.len()]),
        };
        padded && self.strides[axis] == 1
    }

    fn along(&self, axis: usize, length: usize) -> Option<usize> {
        let stride = self.strides[axis];
        let Padding::Explicit(pads) = &self.padding else { return Some(length.div_ceil(stride)) };
        let (before, after) = (pads[axis], pads[axis + self.kernel.len()]);
        let padded = length.checked_add(before)?.checked_add(after)?;
        let reach = (self.kernel[axis] - 1).checked_mul(self.dilations[axis])?.checked_add(1)?;
        let room = padded.checked_sub(reach)?;
        if !self.ceil {
            return Some(room / stride + 1);
        }
        // The last window has to begin inside the input or the padding before it.
        let places = room.div_ceil(stride) + 1;
        let begins_inside = (places - 1).checked_mul(stride)? < length + before;
        Some(if begins_inside { places } else { places - 1 })
    }
}

fn lengths(context: &Context<'_>, what: &str, numbers: &[i64], count: usize) -> Result<Vec<usize>, GraphError> {
    let lengths: Option<Vec<usize>> = numbers.iter().map(|&number| usize::try_from(number).ok()).collect();
    let right = lengths.filter(|lengths| lengths.len() == count);
    right.ok_or_else(|| {
        context.refuse(format!("its {what} is {}, {count} lengths are wanted", crate::brackets(numbers)))
    })
}
