//! Layers that change how large an image is.

use serde_json::Value;

use super::convolution::Image;
use crate::ImportError;
use crate::keras::call::{Call, Emitted};

/// What is added or cut before and after each axis of space: one number, one for each axis, or pairs.
fn margins(call: &Call<'_>, key: &str, rank: usize) -> Result<Vec<[usize; 2]>, ImportError> {
    let number = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok()).map(|n| n as usize);
    let pair = |value: &Value| match value.as_array().map(Vec::as_slice) {
        Some([before, after]) => Some([number(before)?, number(after)?]),
        _ => number(value).map(|number| [number, number]),
    };
    let margins = match call.option(key) {
        Value::Array(items) if items.len() == rank => items.iter().map(pair).collect(),
        value if rank == 1 => pair(value).map(|pair| vec![pair]),
        value => pair(value).map(|pair| vec![pair; rank]),
    };
    margins.ok_or_else(|| call.malformed(format!("its {key} is {}", call.option(key))))
}

/// A one-dimensional layer writes its pair without a list around it.
fn margins_of(call: &Call<'_>, key: &str, rank: usize) -> Result<Vec<[usize; 2]>, ImportError> {
    match call.option(key) {
        Value::Array(items) if rank == 1 && items.len() == 2 => {
            let number =
                |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok()).map(|n| n as usize);
            let pair = number(&items[0]).zip(number(&items[1])).map(|(before, after)| vec![[before, after]]);
            pair.ok_or_else(|| call.malformed(format!("its {key} is {}", call.option(key))))
        }
        _ => margins(call, key, rank),
    }
}

pub(super) fn zero_padding(call: &mut Call<'_>) -> Emitted {
    let image = Image::read(call)?;
    let margins = margins_of(call, "padding", image.space.len())?;
    let side = |end: usize| margins.iter().map(move |margin| margin[end] as i64);
    let pads: Vec<i64> = [0, 0].into_iter().chain(side(0)).chain([0, 0]).chain(side(1)).collect();
    let pads = call.integers("pads", &pads);
    let value = call.node("Pad", &[&image.value, &pads], |node| node.with("mode", "constant"));
    let grown = |(length, margin): (&Option<usize>, &[usize; 2])| Some((*length)? + margin[0] + margin[1]);
    let space = image.space.iter().zip(&margins).map(grown).collect();
    Ok(vec![call.done(&value, image.shape(space, image.channels), image.last)])
}

pub(super) fn cropping(call: &mut Call<'_>) -> Emitted {
    let image = Image::read(call)?;
    let margins = margins_of(call, "cropping", image.space.len())?;
    let starts: Vec<i64> = margins.iter().map(|margin| margin[0] as i64).collect();
    let end = |margin: &[usize; 2]| if margin[1] == 0 { i64::from(i32::MAX) } else { -(margin[1] as i64) };
    let ends: Vec<i64> = margins.iter().map(end).collect();
    let axes: Vec<i64> = (2..2 + margins.len() as i64).collect();
    let parts = [call.integers("starts", &starts), call.integers("ends", &ends), call.integers("axes", &axes)];
    let value = call.node("Slice", &[&image.value, &parts[0], &parts[1], &parts[2]], |node| node);
    let cut = |(length, margin): (&Option<usize>, &[usize; 2])| Some((*length)?.saturating_sub(margin[0] + margin[1]));
    let space = image.space.iter().zip(&margins).map(cut).collect();
    Ok(vec![call.done(&value, image.shape(space, image.channels), image.last)])
}

/// Each place is repeated, or the places between are interpolated.
pub(super) fn up_sampling(call: &mut Call<'_>) -> Emitted {
    let image = Image::read(call)?;
    let factors = call.extent("size", image.space.len(), 2)?;
    let mode = match call.text("interpolation") {
        None | Some("nearest") => "nearest",
        Some("bilinear") => "linear",
        Some(other) => return Err(call.unsupported(format!("its interpolation is `{other}`"))),
    };
    let scales: Vec<f32> = [1.0, 1.0].into_iter().chain(factors.iter().map(|&factor| factor as f32)).collect();
    let scales = crate::keras::call::Weight { shape: vec![scales.len()], values: scales };
    let scales = call.parameter("scales", &scales);
    let value = call.node("Resize", &[&image.value, "", &scales], |node| {
        let node = node.with("mode", mode).with("coordinate_transformation_mode", place(mode));
        if mode == "nearest" { node.with("nearest_mode", "floor") } else { node }
    });
    let grown = |(length, factor): (&Option<usize>, &usize)| (*length)?.checked_mul(*factor);
    let space = image.space.iter().zip(&factors).map(grown).collect();
    Ok(vec![call.done(&value, image.shape(space, image.channels), image.last)])
}

fn place(mode: &str) -> &'static str {
    if mode == "nearest" { "asymmetric" } else { "half_pixel" }
}
