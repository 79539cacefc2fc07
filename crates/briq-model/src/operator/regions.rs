//! Reading images at places that are themselves computed: `RoiAlign`, `DeformConv`.

use super::convolution::Window;
use super::{Call, Fault, Operator, Outcome};
use crate::value::HostTensor;

pub(super) const OPERATORS: &[(&str, Operator)] = &[("RoiAlign", roi_align), ("DeformConv", deformable_conv)];

/// The four elements around a place of an image, each with its weight.
type Corners = [(usize, f64); 4];

/// Places up to one element beyond the border are brought to it; further out there is nothing.
fn corners_in(height: usize, width: usize, y: f64, x: f64) -> Option<Corners> {
    if !(-1.0..=height as f64).contains(&y) || !(-1.0..=width as f64).contains(&x) {
        return None;
    }
    let ((top, bottom, down), (left, right, across)) = (between(y, height)?, between(x, width)?);
    Some([
        (top * width + left, (1.0 - down) * (1.0 - across)),
        (top * width + right, (1.0 - down) * across),
        (bottom * width + left, down * (1.0 - across)),
        (bottom * width + right, down * across),
    ])
}

/// The neighbours of a place on one axis, and how far it lies behind the first.
fn between(place: f64, length: usize) -> Option<(usize, usize, f64)> {
    let (place, last) = (place.max(0.0), length.checked_sub(1)?);
    let low = place as usize;
    Some(if low >= last { (last, last, 0.0) } else { (low, low + 1, place - low as f64) })
}

/// How regions are cut out.
struct Cutting {
    height: usize,
    width: usize,
    samples: usize,
    scale: f64,
    /// Whether the middle of an element, rather than its corner, has a whole coordinate.
    half_pixel: bool,
    greatest: bool,
}

/// The most places that are read for one region.
const MAX_SAMPLES: usize = 1 << 24;

impl Cutting {
    fn of(call: &Call) -> Result<Self, Fault> {
        let newest = if call.opset >= 16 { "half_pixel" } else { "output_half_pixel" };
        Ok(Self {
            height: call.size("output_height", 1)?,
            width: call.size("output_width", 1)?,
            samples: call.size("sampling_ratio", 0)?,
            scale: call.number("spatial_scale", 1.0)?,
            half_pixel: call.string("coordinate_transformation_mode")?.unwrap_or(newest) == "half_pixel",
            greatest: call.string("mode")?.is_some_and(|mode| mode.eq_ignore_ascii_case("max")),
        })
    }

    /// The places that are read for each cell of a region `[x1, y1, x2, y2]`, on an image of this size.
    fn cells(&self, region: &[f64], (rows, columns): (usize, usize)) -> Result<Vec<Vec<Option<Corners>>>, Fault> {
        let offset = if self.half_pixel { 0.5 } else { 0.0 };
        let at = |index: usize| region[index] * self.scale - offset;
        let least = if self.half_pixel { f64::NEG_INFINITY } else { 1.0 };
        let cell = |low: f64, high: f64, parts: usize| (high - low).max(least) / parts as f64;
        let (tall, wide) = (cell(at(1), at(3), self.height), cell(at(0), at(2), self.width));
        let grid = |cell: f64| if self.samples > 0 { self.samples } else { cell.ceil().max(0.0) as usize };
        let (down, across) = (grid(tall), grid(wide));
        let samples = [self.height, self.width, down, across].into_iter().try_fold(1, usize::checked_mul);
        if samples.is_none_or(|samples| samples > MAX_SAMPLES) {
            return Err(Fault::because(format!("region {region:?} is too large")));
        }
        let place = |start: f64, size: f64, cell: usize, sample: usize, samples: usize| {
            start + size * (cell as f64 + (sample as f64 + 0.5) / samples as f64)
        };
        let cells = (0..self.height).flat_map(|i| (0..self.width).map(move |j| (i, j)));
        let read = |(i, j)| {
            let samples = (0..down).flat_map(|y| (0..across).map(move |x| (y, x)));
            let corners = samples.map(|(y, x)| {
                corners_in(rows, columns, place(at(1), tall, i, y, down), place(at(0), wide, j, x, across))
            });
            corners.collect()
        };
        Ok(cells.map(read).collect())
    }

    /// The mean of the samples, or the greatest of the weighted elements.
    fn pool(&self, samples: &[Option<Corners>], image: &[f64]) -> f64 {
        let weighted = |corners: &Option<Corners>| {
            corners.map_or([0.0; 4], |corners| corners.map(|(at, weight)| weight * image[at]))
        };
        if self.greatest {
            let all = samples.iter().flat_map(weighted);
            return all.reduce(f64::max).unwrap_or(0.0);
        }
        samples.iter().map(|corners| weighted(corners).iter().sum::<f64>()).sum::<f64>() / samples.len().max(1) as f64
    }
}

/// He et al. (2017).
fn roi_align(call: &mut Call) -> Outcome {
    let cutting = Cutting::of(call)?;
    let (x, regions, images) = (call.host(0)?, call.host(1)?, call.host(2)?);
    let misfit = || Fault::because(format!("regions of shape {:?} do not cut {:?}", regions.shape, x.shape));
    let &[batch, channels, rows, columns] = x.shape.as_slice() else { return Err(misfit()) };
    if regions.shape.len() != 2 || regions.shape[1] != 4 || regions.shape[0] != images.count() {
        return Err(misfit());
    }
    let (numbers, size) = (x.to_floats(), rows * columns);
    let mut results = Vec::new();
    for (region, image) in regions.to_floats().chunks_exact(4).zip(images.to_integers()) {
        let image = usize::try_from(image).ok().filter(|image| *image < batch);
        let image = image.ok_or_else(|| Fault::because("a region is of an image that is not there"))?;
        let cells = cutting.cells(region, (rows, columns))?;
        for channel in 0..channels {
            let start = (image * channels + channel) * size;
            results.extend(cells.iter().map(|samples| cutting.pool(samples, &numbers[start..start + size])));
        }
    }
    let shape = [images.count(), channels, cutting.height, cutting.width];
    call.answer(HostTensor::floats(x.element, &shape, results))
}

/// The shapes of a deformable convolution over two dimensions.
struct Deformed {
    image: [usize; 2],
    output: [usize; 2],
    channels: usize,
    filters: usize,
    groups: usize,
    /// Groups of channels that share offsets.
    sharing: usize,
    window: Window,
}

impl Deformed {
    /// Reads the node's attributes; the tensors are `[batch, channels, …]`, `[filters, channels / groups, …]` and
    /// `[batch, sharing · taps · 2, …]`.
    fn of(call: &Call, x: &[usize], weight: &[usize], offset: &[usize]) -> Result<Self, Fault> {
        let misfit = || Fault::because(format!("{weight:?} and {offset:?} do not deform {x:?}"));
        let (&[batch, channels, rows, columns], &[filters, part, _, _], &[images, moves, height, width]) =
            (x, weight, offset)
        else {
            return Err(misfit());
        };
        let (groups, sharing) = (call.size("group", 1)?.max(1), call.size("offset_group", 1)?.max(1));
        let window = Window::of(call, &weight[2..], x)?;
        let taps: usize = window.kernel.iter().product();
        let grouped = part.checked_mul(groups) == Some(channels) && filters % groups == 0 && channels % sharing == 0;
        if [x, weight].iter().any(|shape| shape.contains(&0))
            || !grouped
            || images != batch
            || Some(moves) != (2 * taps).checked_mul(sharing)
        {
            return Err(misfit());
        }
        Ok(Self { image: [rows, columns], output: [height, width], channels, filters, groups, sharing, window })
    }

    fn taps(&self) -> usize {
        self.window.kernel.iter().product()
    }

    fn cells(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Where tap `tap` of output `cell` reads, given the offsets of one image.
    fn place(&self, offsets: &[f64], group: usize, tap: usize, cell: usize) -> (f64, f64) {
        let along = |axis: usize, output: usize, kernel: usize| {
            let window = &self.window;
            let start = output * window.stride[axis] + kernel * window.dilation[axis];
            let moved = offsets[((group * self.taps() + tap) * 2 + axis) * self.cells() + cell];
            start as f64 - window.padding[axis].0 as f64 + moved
        };
        let (width, columns) = (self.window.kernel[1], self.output[1]);
        (along(0, cell / columns, tap / width), along(1, cell % columns, tap % width))
    }

    /// Bilinear, with zeros beyond the border.
    fn read(&self, image: &[f64], (y, x): (f64, f64)) -> f64 {
        let (top, left) = (y.floor(), x.floor());
        let element = |y: f64, x: f64| {
            let inside = (0.0..self.image[0] as f64).contains(&y) && (0.0..self.image[1] as f64).contains(&x);
            if inside { image[y as usize * self.image[1] + x as usize] } else { 0.0 }
        };
        let row = |y: f64| element(y, left) * (1.0 - (x - left)) + element(y, left + 1.0) * (x - left);
        row(top) * (1.0 - (y - top)) + row(top + 1.0) * (y - top)
    }

    /// What every tap of every cell reads of each channel of one image, weighed by the mask.
    fn reads(&self, image: &[f64], offsets: &[f64], mask: Option<&[f64]>) -> Vec<Vec<f64>> {
        let (taps, cells) = (self.taps(), self.cells());
        let channel = |(channel, plane): (usize, &[f64])| {
            let group = channel / (self.channels / self.sharing);
            let one = |at: usize| {
                let weight = mask.map_or(1.0, |mask| mask[group * taps * cells + at]);
                weight * self.read(plane, self.place(offsets, group, at / cells, at % cells))
            };
            (0..taps * cells).map(one).collect()
        };
        image.chunks(self.image[0] * self.image[1]).enumerate().map(channel).collect()
    }

    /// The sum of what one filter reads, for each cell.
    fn filtered(&self, filter: usize, kernel: &[f64], reads: &[Vec<f64>]) -> Vec<f64> {
        let (taps, cells) = (self.taps(), self.cells());
        let first = filter / (self.filters / self.groups) * (self.channels / self.groups);
        let dot = |cell: usize| {
            let parts = kernel.iter().enumerate();
            parts.map(|(at, weight)| weight * reads[first + at / taps][at % taps * cells + cell]).sum()
        };
        (0..cells).map(dot).collect()
    }
}

/// Dai et al. (2017), with the masks of Zhu et al. (2019).
fn deformable_conv(call: &mut Call) -> Outcome {
    let (x, weight, offset) = (call.host(0)?, call.host(1)?, call.host(2)?);
    let (bias, mask) = (call.constants(3)?, call.host_or_none(4)?);
    let shape = Deformed::of(call, &x.shape, &weight.shape, &offset.shape)?;
    let (taps, filters) = (shape.taps(), shape.filters);
    let bias = bias.unwrap_or_else(|| vec![0.0; filters]);
    let masks = mask.map(|mask| mask.to_floats());
    if bias.len() != filters || masks.as_ref().is_some_and(|mask| mask.len() * 2 != offset.count()) {
        return Err(Fault::because("its bias or its mask does not fit the kernel"));
    }
    let (numbers, weights, offsets) = (x.to_floats(), weight.to_floats(), offset.to_floats());
    let batch = x.shape[0];
    let size = |count: usize| count.checked_div(batch).unwrap_or(0);
    let of = |image: usize, size: usize| image * size..(image + 1) * size;
    let mut results = Vec::new();
    for image in 0..batch {
        let mask = masks.as_ref().map(|mask| &mask[of(image, size(mask.len()))]);
        let reads = shape.reads(&numbers[of(image, size(x.count()))], &offsets[of(image, size(offset.count()))], mask);
        for (filter, kernel) in weights.chunks(taps * (shape.channels / shape.groups)).enumerate() {
            results.extend(shape.filtered(filter, kernel, &reads).into_iter().map(|sum| sum + bias[filter]));
        }
    }
    call.answer(HostTensor::floats(x.element, &[batch, filters, shape.output[0], shape.output[1]], results))
}
