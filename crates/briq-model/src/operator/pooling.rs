//! Pooling over two spatial dimensions.

use burn::backend::Dispatch;
use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::tensor::ops::PadMode;

use super::convolution::{Window, pair};
use super::{Call, Operator, Outcome, one};
use crate::value::{DeviceTensor, dimensions};

pub(super) const OPERATORS: &[(&str, Operator)] =
    &[("MaxPool", max_pool), ("AveragePool", average_pool), ("GlobalAveragePool", global_average_pool)];

fn max_pool(call: &mut Call) -> Outcome {
    let x = call.tensor(0)?;
    let kernel = pair(call, "kernel_shape")?;
    let window = Window::of(call, kernel, &dimensions(&x))?;
    let ceil = call.int("ceil_mode", 0)? != 0;
    let (x, padding) = symmetric(x, &window, f32::NEG_INFINITY);
    one(Dispatch::max_pool2d(x, kernel, window.stride, padding, window.dilation, ceil))
}

fn average_pool(call: &mut Call) -> Outcome {
    let x = call.tensor(0)?;
    let kernel = pair(call, "kernel_shape")?;
    let window = Window::of(call, kernel, &dimensions(&x))?;
    let ceil = call.int("ceil_mode", 0)? != 0;
    let count = call.int("count_include_pad", 0)? != 0;
    let (x, padding) = symmetric(x, &window, 0.0);
    one(Dispatch::avg_pool2d(x, kernel, window.stride, padding, count, ceil))
}

fn global_average_pool(call: &mut Call) -> Outcome {
    one(Dispatch::adaptive_avg_pool2d(call.tensor(0)?, [1, 1]))
}

/// The backends pool with equal padding on both sides; anything else is padded beforehand.
fn symmetric(x: DeviceTensor, window: &Window, fill: f32) -> (DeviceTensor, [usize; 2]) {
    let [(top, bottom), (left, right)] = window.padding;
    if top == bottom && left == right {
        return (x, [top, left]);
    }
    let padding = [(0, 0), (0, 0), (top, bottom), (left, right)];
    (Dispatch::float_pad(x, &padding, PadMode::Constant(fill)), [0, 0])
}
