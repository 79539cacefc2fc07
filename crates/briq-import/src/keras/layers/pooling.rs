//! Pooling. The mean counts only what lies inside the image.

use super::convolution::{Image, Window};
use crate::keras::call::{Call, Emitted};

pub(super) fn max(call: &mut Call<'_>) -> Emitted {
    pool(call, "MaxPool")
}

pub(super) fn average(call: &mut Call<'_>) -> Emitted {
    pool(call, "AveragePool")
}

fn pool(call: &mut Call<'_>, operator: &str) -> Emitted {
    let image = Image::read(call)?;
    let window = Window::read(call, image.space.len(), "pool_size")?;
    let value = call.node(operator, &[&image.value], |node| window.on(node));
    let shape = image.shape(window.places(&image.space), image.channels);
    Ok(vec![call.done(&value, shape, image.last)])
}

pub(super) fn global_average(call: &mut Call<'_>) -> Emitted {
    global(call, "ReduceMean")
}

pub(super) fn global_max(call: &mut Call<'_>) -> Emitted {
    global(call, "ReduceMax")
}

/// Over all axes of space.
fn global(call: &mut Call<'_>, operator: &str) -> Emitted {
    let image = Image::read(call)?;
    let keep = call.flag("keepdims", false);
    let space: Vec<i64> = (2..2 + image.space.len() as i64).collect();
    let axes = call.integers("axes", &space);
    let value = call.node(operator, &[&image.value, &axes], |node| node.with("keepdims", i64::from(keep)));
    if keep {
        let shape = image.shape(vec![Some(1); image.space.len()], image.channels);
        return Ok(vec![call.done(&value, shape, image.last)]);
    }
    let shape = vec![call.input().shape[0], image.channels];
    Ok(vec![call.done(&value, shape, false)])
}
