//! Resizing by interpolation, one axis after the other.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;

use super::gradient::{Matrix, mapped};
use super::space::Around;
use super::{Call, Fault, Operator, Outcome, axes, one};
use crate::value::{DeviceTensor, HostTensor, dimensions};

pub(super) const OPERATORS: &[(&str, Operator)] = &[("Resize", resize), ("Upsample", upsample)];

/// How coordinates and weights follow from the node's attributes.
struct Rule<'a> {
    mode: &'a str,
    transformation: &'a str,
    nearest: &'a str,
    cubic: f64,
    antialias: bool,
    exclude_outside: bool,
    extrapolation: f64,
}

/// One axis: its length before and after, the scale, and the part of it that is looked at.
struct Axis {
    from: usize,
    to: usize,
    scale: f64,
    region: (f64, f64),
}

/// Which elements an output element is made of; none where it lies outside.
pub(crate) type Taps = Option<Vec<(usize, f64)>>;

impl Axis {
    /// Where an output element lies among the input's.
    fn origin(&self, x: f64, transformation: &str) -> f64 {
        let (from, width) = (self.from as f64, self.scale * self.from as f64);
        let (start, end) = self.region;
        match transformation {
            "align_corners" if width == 1.0 => 0.0,
            "align_corners" => x * (from - 1.0) / (width - 1.0),
            "asymmetric" => x / self.scale,
            "tf_crop_and_resize" if width == 1.0 => (start + end) * (from - 1.0) / 2.0,
            "tf_crop_and_resize" => start * (from - 1.0) + x * (end - start) * (from - 1.0) / (self.to as f64 - 1.0),
            "pytorch_half_pixel" if self.to == 1 => -0.5,
            "half_pixel_symmetric" => {
                let adjustment = self.to as f64 / width;
                from / 2.0 * (1.0 - adjustment) + (x + 0.5) / self.scale - 0.5
            }
            _ => (x + 0.5) / self.scale - 0.5,
        }
    }

    fn taps(&self, index: usize, rule: &Rule) -> Taps {
        let origin = self.origin(index as f64, rule.transformation);
        let last = self.from as i64 - 1;
        if rule.transformation == "tf_crop_and_resize" && !(0.0..=last as f64).contains(&origin) {
            return None;
        }
        let mut weights = rule.weights(origin, self.scale);
        if rule.exclude_outside {
            weights.retain(|(at, _)| (0..=last).contains(at));
        }
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        Some(weights.into_iter().map(|(at, weight)| (at.clamp(0, last) as usize, weight / total)).collect())
    }
}

impl Rule<'_> {
    /// The input elements around a place, with their weights.
    fn weights(&self, origin: f64, scale: f64) -> Vec<(i64, f64)> {
        if self.mode == "nearest" {
            return vec![(self.nearest(origin), 1.0)];
        }
        let scale = if self.antialias { scale.min(1.0) } else { 1.0 };
        let reach = if self.mode == "cubic" { 2.0 } else { 1.0 } / scale;
        let (first, last) = ((origin - reach).ceil() as i64, (origin + reach).floor() as i64);
        let kernel = |at: i64| {
            let distance = ((at as f64 - origin) * scale).abs();
            if self.mode == "cubic" { cubic(distance, self.cubic) } else { (1.0 - distance).max(0.0) }
        };
        (first..=last).map(|at| (at, kernel(at))).collect()
    }

    fn nearest(&self, origin: f64) -> i64 {
        let whole = match self.nearest {
            "floor" => origin.floor(),
            "ceil" => origin.ceil(),
            "round_prefer_ceil" => (origin + 0.5).floor(),
            _ => (origin - 0.5).ceil(),
        };
        whole as i64
    }
}

/// Keys (1981).
fn cubic(x: f64, a: f64) -> f64 {
    if x <= 1.0 {
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    }
    if x < 2.0 { ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a } else { 0.0 }
}

fn resampled(x: &HostTensor, axis: usize, taps: &[Taps], extrapolation: f64) -> HostTensor {
    let mut shape = x.shape.clone();
    shape[axis] = taps.len();
    let numbers = x.to_floats();
    let mut results = vec![0.0; shape.iter().product()];
    for (lane, to) in Around::new(&x.shape, axis).lanes().zip(Around::new(&shape, axis).lanes()) {
        let lane: Vec<usize> = lane.collect();
        for (to, taps) in to.zip(taps) {
            results[to] = taps
                .as_ref()
                .map_or(extrapolation, |taps| taps.iter().map(|(at, weight)| numbers[lane[*at]] * weight).sum());
        }
    }
    HostTensor { element: x.element, shape, data: crate::value::Elements::Floats(results) }
}

/// What a node does: for each axis that changes, in order, what each element of the result is made of.
pub(crate) struct Resampling {
    /// The axis, and the taps of each element along it.
    pub(crate) steps: Vec<(usize, Vec<Taps>)>,
    /// What stands outside.
    extrapolation: f64,
}

fn resize(call: &mut Call) -> Outcome {
    let resampling = resized(call)?;
    carried_out(call, &resampling)
}

/// The first `Resize`, of operator set 10, counted from the corner as `Upsample` did.
pub(crate) fn resized(call: &mut Call) -> Result<Resampling, Fault> {
    let older = call.opset < 11;
    let rule = Rule {
        mode: call.string("mode")?.unwrap_or("nearest"),
        transformation: call.string("coordinate_transformation_mode")?.unwrap_or(if older {
            "asymmetric"
        } else {
            "half_pixel"
        }),
        nearest: call.string("nearest_mode")?.unwrap_or(if older { "floor" } else { "round_prefer_floor" }),
        cubic: call.number("cubic_coeff_a", -0.75)?,
        antialias: call.flag("antialias", false)?,
        exclude_outside: call.flag("exclude_outside", false)?,
        extrapolation: call.number("extrapolation_value", 0.0)?,
    };
    let policy = call.string("keep_aspect_ratio_policy")?.unwrap_or("stretch");
    let shape = call.shape(0)?;
    let along = match call.ints("axes")? {
        Some(given) => axes(&given, shape.len())?,
        None => (0..shape.len()).collect(),
    };
    let region = if older { None } else { call.constants(1)?.filter(|region| region.len() == 2 * along.len()) };
    let scales = call.constants(if older { 1 } else { 2 })?.filter(|scales| !scales.is_empty());
    let sizes = call.integers(3)?;
    let lengths: Vec<usize> = along.iter().map(|&axis| shape[axis]).collect();
    let plan = planned(&lengths, scales, sizes, policy)?;
    super::shape::bounded(&plan.iter().map(|(to, _)| *to).collect::<Vec<_>>())?;
    let mut steps = Vec::new();
    for (at, (to, scale)) in plan.into_iter().enumerate() {
        let whole = (0.0, 1.0);
        let region = region.as_ref().map_or(whole, |region| (region[at], region[at + along.len()]));
        let axis = Axis { from: lengths[at], to, scale, region };
        if axis.from == axis.to && rule.transformation != "tf_crop_and_resize" {
            continue;
        }
        steps.push((along[at], (0..to).map(|index| axis.taps(index, &rule)).collect()));
    }
    Ok(Resampling { steps, extrapolation: rule.extrapolation })
}

/// Resamples axis after axis.
fn carried_out(call: &mut Call, resampling: &Resampling) -> Outcome {
    let Resampling { steps, extrapolation } = resampling;
    let extrapolation = *extrapolation;
    if call.learns(0) {
        let x = call.tensor(0)?;
        return one(steps.iter().fold(x, |x, (axis, taps)| weighted(call, x, *axis, taps, extrapolation)));
    }
    let x = call.host(0)?;
    let y = steps.iter().fold(x.clone(), |x, (axis, taps)| resampled(&x, *axis, taps, extrapolation));
    call.answer(HostTensor::floats(x.element, &y.shape, y.to_floats()))
}

/// Resampling as a linear map: a gradient flows back through it.
fn weighted(call: &Call, x: DeviceTensor, axis: usize, taps: &[Taps], extrapolation: f64) -> DeviceTensor {
    let shape = dimensions(&x);
    let mut matrix = Matrix::zeros(shape[axis], taps.len());
    let mut beyond = vec![0.0; taps.len()];
    for (to, taps) in taps.iter().enumerate() {
        match taps {
            Some(taps) => taps.iter().for_each(|&(from, weight)| matrix.add(from, to, weight)),
            None => beyond[to] = extrapolation as f32,
        }
    }
    let y = mapped(call, x, axis, matrix);
    if beyond.iter().all(|number| *number == 0.0) {
        return y;
    }
    let mut along = vec![1; shape.len()];
    along[axis] = taps.len();
    Dispatch::float_add(y, call.upload(beyond, &along))
}

/// The length and the scale of each axis.
fn planned(
    lengths: &[usize],
    scales: Option<Vec<f64>>,
    sizes: Option<Vec<i64>>,
    policy: &str,
) -> Result<Vec<(usize, f64)>, Fault> {
    let misfit = || Fault::because("neither scales nor sizes fit the input");
    if let Some(scales) = scales.filter(|scales| scales.len() == lengths.len()) {
        return Ok(lengths
            .iter()
            .zip(scales)
            .map(|(length, scale)| ((*length as f64 * scale) as usize, scale))
            .collect());
    }
    let sizes =
        sizes.filter(|sizes| sizes.len() == lengths.len() && sizes.iter().all(|size| (0..1 << 30).contains(size)));
    let sizes = sizes.ok_or_else(misfit)?;
    let scales: Vec<f64> = lengths.iter().zip(&sizes).map(|(length, size)| *size as f64 / *length as f64).collect();
    let one = match policy {
        "not_larger" => scales.iter().copied().fold(f64::INFINITY, f64::min),
        "not_smaller" => scales.iter().copied().fold(0.0, f64::max),
        _ => return Ok(sizes.iter().map(|size| *size as usize).zip(scales).collect()),
    };
    Ok(lengths.iter().map(|length| (((*length as f64 * one) + 0.5).floor() as usize, one)).collect())
}

fn upsample(call: &mut Call) -> Outcome {
    let resampling = upsampled(call)?;
    carried_out(call, &resampling)
}

/// `Resize` before operator set 10: scales count from the corner.
pub(crate) fn upsampled(call: &mut Call) -> Result<Resampling, Fault> {
    let mode = call.string("mode")?.unwrap_or("nearest");
    let rule = Rule {
        mode,
        transformation: "asymmetric",
        nearest: "floor",
        cubic: -0.75,
        antialias: false,
        exclude_outside: false,
        extrapolation: 0.0,
    };
    let shape = call.shape(0)?;
    let scales = match call.constants(1)? {
        Some(scales) => scales,
        None => call.numbers("scales")?.ok_or(Fault::MissingInput(1))?,
    };
    let plan = planned(&shape, Some(scales), None, "stretch")?;
    super::shape::bounded(&plan.iter().map(|(to, _)| *to).collect::<Vec<_>>())?;
    let mut steps = Vec::new();
    for (at, (to, scale)) in plan.into_iter().enumerate() {
        let axis = Axis { from: shape[at], to, scale, region: (0.0, 1.0) };
        steps.push((at, (0..to).map(|index| axis.taps(index, &rule)).collect()));
    }
    Ok(Resampling { steps, extrapolation: 0.0 })
}
