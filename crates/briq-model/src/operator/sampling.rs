//! Reading images at places between their elements, and choosing boxes.

use super::space::{coordinates, position, strides};
use super::{Call, Fault, Operator, Outcome};
use crate::value::HostTensor;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("GridSample", grid_sample),
    ("AffineGrid", affine_grid),
    ("Col2Im", column_to_image),
    ("NonMaxSuppression", non_max_suppression),
];

/// An image of any number of dimensions, and what lies beyond it.
struct Plane<'a> {
    shape: &'a [usize],
    strides: Vec<usize>,
    padding: &'a str,
    corners: bool,
}

impl Plane<'_> {
    /// The place of a coordinate between -1 and 1, in elements.
    fn place(&self, axis: usize, at: f64) -> f64 {
        let length = self.shape[axis] as f64;
        if self.corners { (at + 1.0) / 2.0 * (length - 1.0) } else { ((at + 1.0) * length - 1.0) / 2.0 }
    }

    /// Bounces off the borders: those of the outermost elements, or their middles.
    fn reflected(&self, axis: usize, place: f64) -> f64 {
        let length = self.shape[axis] as f64;
        let (low, high) = if self.corners { (0.0, length - 1.0) } else { (-0.5, length - 0.5) };
        let span = high - low;
        if span <= 0.0 {
            return 0.0;
        }
        let along = (place - low).rem_euclid(2.0 * span);
        low + along.min(2.0 * span - along)
    }

    fn read(&self, numbers: &[f64], at: &[i64]) -> f64 {
        let inside = at.iter().enumerate().map(|(axis, &index)| {
            let last = self.shape[axis] as i64 - 1;
            match self.padding {
                "border" => Some(index.clamp(0, last) as usize),
                "reflection" => Some(self.reflected(axis, index as f64).round().clamp(0.0, last as f64) as usize),
                _ => usize::try_from(index).ok().filter(|index| *index <= last as usize),
            }
        });
        let inside: Option<Vec<usize>> = inside.collect();
        inside.map_or(0.0, |inside| numbers[position(&inside, &self.strides)])
    }

    /// The weighted sum of the elements around a place.
    fn sample(&self, numbers: &[f64], places: &[f64], mode: &str) -> f64 {
        let taps: Vec<Vec<(i64, f64)>> = places.iter().map(|place| taps(*place, mode)).collect();
        let counts: Vec<usize> = taps.iter().map(Vec::len).collect();
        let one = |choice: Vec<usize>| {
            let chosen = choice.iter().zip(&taps).map(|(at, taps)| taps[*at]);
            let (at, weights): (Vec<i64>, Vec<f64>) = chosen.unzip();
            self.read(numbers, &at) * weights.iter().product::<f64>()
        };
        coordinates(&counts).map(one).sum()
    }
}

/// Which elements of one axis are read, with their weights.
fn taps(place: f64, mode: &str) -> Vec<(i64, f64)> {
    let floor = place.floor();
    let (base, part) = (floor as i64, place - floor);
    match mode {
        "nearest" => vec![(place.round_ties_even() as i64, 1.0)],
        "cubic" | "bicubic" => {
            let a = -0.75;
            let inner = |x: f64| ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
            let outer = |x: f64| ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
            let weights = [outer(1.0 + part), inner(part), inner(1.0 - part), outer(2.0 - part)];
            weights.into_iter().zip(base - 1..).map(|(weight, at)| (at, weight)).collect()
        }
        _ => vec![(base, 1.0 - part), (base + 1, part)],
    }
}

/// Jaderberg et al. (2015).
fn grid_sample(call: &mut Call) -> Outcome {
    let mode = call.string("mode")?.unwrap_or("linear");
    let padding = call.string("padding_mode")?.unwrap_or("zeros");
    let corners = call.flag("align_corners", false)?;
    let (x, grid) = (call.host(0)?, call.host(1)?);
    let rank = x.shape.len().saturating_sub(2);
    if rank == 0 || grid.shape.len() != rank + 2 || grid.shape.last() != Some(&rank) {
        return Err(Fault::because(format!("a grid of shape {:?} does not read {:?}", grid.shape, x.shape)));
    }
    let spatial = &x.shape[2..];
    let plane = Plane { shape: spatial, strides: strides(spatial), padding, corners };
    let (batch, channels) = (x.shape[0], x.shape[1]);
    let size: usize = spatial.iter().product();
    let points: usize = grid.shape[1..=rank].iter().product();
    let (numbers, places) = (x.to_floats(), grid.to_floats());
    let mut results = Vec::with_capacity(batch * channels * points);
    for plane_at in 0..batch * channels {
        let image = &numbers[plane_at * size..(plane_at + 1) * size];
        for point in 0..points {
            let start = (plane_at / channels * points + point) * rank;
            let at = places[start..start + rank].iter().rev().enumerate();
            let at: Vec<f64> = at.map(|(axis, at)| bounded(&plane, axis, plane.place(axis, *at))).collect();
            results.push(plane.sample(image, &at, mode));
        }
    }
    let shape = [&[batch, channels], &grid.shape[1..=rank]].concat();
    call.answer(HostTensor::floats(x.element, &shape, results))
}

/// Places beyond the border are brought back before the elements around them are read.
fn bounded(plane: &Plane, axis: usize, place: f64) -> f64 {
    match plane.padding {
        "border" => place.clamp(0.0, plane.shape[axis] as f64 - 1.0),
        "reflection" => plane.reflected(axis, place),
        _ => place,
    }
}

/// The grid that an affine map takes an image from.
fn affine_grid(call: &mut Call) -> Outcome {
    let corners = call.flag("align_corners", false)?;
    let theta = call.host(0)?;
    let size = super::shape::sizes(call, 1)?;
    let spatial = size.get(2..).unwrap_or_default();
    let rank = spatial.len();
    if theta.shape != [size.first().copied().unwrap_or(0), rank, rank + 1] {
        return Err(Fault::because(format!("{:?} is no affine map for {size:?}", theta.shape)));
    }
    let numbers = theta.to_floats();
    let place = |index: usize, length: usize| match (corners, length) {
        (true, 1) => 0.0,
        (true, length) => 2.0 * index as f64 / (length as f64 - 1.0) - 1.0,
        (false, length) => (2.0 * index as f64 + 1.0) / length as f64 - 1.0,
    };
    let mut results = Vec::new();
    for map in numbers.chunks(rank * (rank + 1)) {
        for at in coordinates(spatial) {
            let point = at.iter().zip(spatial).rev().map(|(index, length)| place(*index, *length)).chain([1.0]);
            let point: Vec<f64> = point.collect();
            results.extend(map.chunks(rank + 1).map(|row| row.iter().zip(&point).map(|(a, b)| a * b).sum::<f64>()));
        }
    }
    let shape = [&size[..1], spatial, &[rank]].concat();
    call.answer(HostTensor::floats(theta.element, &shape, results))
}

/// Sums columns, each a block, into an image.
fn column_to_image(call: &mut Call) -> Outcome {
    let (image, block) = (super::shape::sizes(call, 1)?, super::shape::sizes(call, 2)?);
    let rank = image.len();
    let (stride, dilation) =
        (super::convolution::each(call, "strides", rank)?, super::convolution::each(call, "dilations", rank)?);
    let pads = super::convolution::explicit(call, rank)?;
    let x = call.host(0)?;
    let taps: usize = block.iter().product();
    let [batch, columns, count] = x.shape[..] else { return Err(Fault::because("there are no columns")) };
    let span = |axis: usize| {
        (image[axis] + pads[axis].0 + pads[axis].1).checked_sub(dilation[axis] * (block[axis].max(1) - 1) + 1)
    };
    let blocks = (0..rank).map(|axis| span(axis).map(|free| free / stride[axis] + 1)).collect::<Option<Vec<_>>>();
    let blocks = blocks.filter(|blocks| taps > 0 && blocks.iter().product::<usize>() == count && columns % taps == 0);
    let blocks = blocks.ok_or_else(|| Fault::because(format!("columns {:?} do not make {image:?}", x.shape)))?;
    let channels = columns / taps;
    let shape = [&[batch, channels], &image[..]].concat();
    let own = strides(&image);
    let (size, numbers) = (image.iter().product::<usize>(), x.to_floats());
    let mut results = vec![0.0; batch * channels * size];
    for (column, offset) in coordinates(&block).enumerate() {
        for (at, start) in coordinates(&blocks).enumerate() {
            let along = (0..rank).map(|axis| {
                let place = start[axis] * stride[axis] + offset[axis] * dilation[axis];
                place.checked_sub(pads[axis].0).filter(|place| *place < image[axis])
            });
            let Some(inside) = along.collect::<Option<Vec<_>>>() else { continue };
            for plane in 0..batch * channels {
                results[plane * size + position(&inside, &own)] += numbers[(plane * taps + column) * count + at];
            }
        }
    }
    call.answer(HostTensor::floats(x.element, &shape, results))
}

/// A box by two corners.
type Corners = [f64; 4];

fn corners(given: &[f64], centred: bool) -> Corners {
    let [a, b, c, d] = [given[0], given[1], given[2], given[3]];
    if centred {
        return [b - d / 2.0, a - c / 2.0, b + d / 2.0, a + c / 2.0];
    }
    [a.min(c), b.min(d), a.max(c), b.max(d)]
}

/// How much of what two boxes cover they both cover.
fn overlap(a: Corners, b: Corners) -> f64 {
    let side = |axis: usize| (a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis])).max(0.0);
    let area = |corners: Corners| (corners[2] - corners[0]) * (corners[3] - corners[1]);
    let both = side(0) * side(1);
    let union = area(a) + area(b) - both;
    if union > 0.0 { both / union } else { 0.0 }
}

/// The best boxes of each class, without those that overlap a better one too much.
fn non_max_suppression(call: &mut Call) -> Outcome {
    let centred = call.flag("center_point_box", false)?;
    let (boxes, scores) = (call.host(0)?, call.host(1)?);
    let most = call.constant(2)?.unwrap_or(0.0).max(0.0) as usize;
    let (threshold, least) = (call.constant(3)?.unwrap_or(0.0), call.constant(4)?);
    let [batches, classes, count] = scores.shape[..] else { return Err(Fault::because("there are no scores")) };
    if boxes.shape != [batches, count, 4] {
        return Err(Fault::because(format!("boxes of shape {:?} for scores of {:?}", boxes.shape, scores.shape)));
    }
    let (places, ranks) = (boxes.to_floats(), scores.to_floats());
    let mut chosen = Vec::new();
    for lane in 0..batches * classes {
        let (batch, scores) = (lane / classes, &ranks[lane * count..(lane + 1) * count]);
        let corner = |at: usize| corners(&places[(batch * count + at) * 4..][..4], centred);
        let mut order: Vec<usize> = (0..count).filter(|&at| least.is_none_or(|least| scores[at] > least)).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut kept: Vec<usize> = Vec::new();
        for at in order {
            if kept.len() < most && kept.iter().all(|&other| overlap(corner(at), corner(other)) <= threshold) {
                kept.push(at);
            }
        }
        chosen.extend(kept.into_iter().flat_map(|at| [batch, lane % classes, at]));
    }
    call.answer(HostTensor::indices(&[chosen.len() / 3, 3], chosen))
}
