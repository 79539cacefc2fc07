//! MobileNetV3-small (Howard et al. 2019): inverted residuals with squeeze and excite, hard swish.

use anyhow::Result;
use briq_graph::{Attribute, Graph};

use super::batched;
use super::builder::{Builder, Window};

/// One block.
struct Block {
    kernel: usize,
    hidden: usize,
    wide: usize,
    excite: bool,
    activation: &'static str,
    stride: usize,
}

const fn block(
    kernel: usize,
    [hidden, wide]: [usize; 2],
    excite: bool,
    activation: &'static str,
    stride: usize,
) -> Block {
    Block { kernel, hidden, wide, excite, activation, stride }
}

const BLOCKS: [Block; 11] = [
    block(3, [16, 16], true, "Relu", 2),
    block(3, [72, 24], false, "Relu", 2),
    block(3, [88, 24], false, "Relu", 1),
    block(5, [96, 40], true, "HardSwish", 2),
    block(5, [240, 40], true, "HardSwish", 1),
    block(5, [240, 40], true, "HardSwish", 1),
    block(5, [120, 48], true, "HardSwish", 1),
    block(5, [144, 48], true, "HardSwish", 1),
    block(5, [288, 96], true, "HardSwish", 2),
    block(5, [576, 96], true, "HardSwish", 1),
    block(5, [576, 96], true, "HardSwish", 1),
];

pub(super) fn build() -> Result<Graph> {
    let mut builder = Builder::new("mobilenet-v3-small");
    let x = builder.pictures(3, 224);
    let x = builder.convolution(&x, [3, 16], Window::square(3, 2), 1.0);
    let mut x = builder.node("HardSwish", &[&x]);
    let mut channels = 16;
    for block in &BLOCKS {
        x = inverted_residual(&mut builder, &x, channels, block);
        channels = block.wide;
    }
    let x = builder.convolution(&x, [channels, 576], Window::POINT, 1.0);
    let x = builder.node("HardSwish", &[&x]);
    let rows = builder.pooled_rows(&x);
    let hidden = builder.linear(&rows, [576, 1024]);
    let hidden = builder.node("HardSwish", &[&hidden]);
    let y = builder.linear(&hidden, [1024, 1000]);
    Ok(builder.finish(&y, batched(&[1000])))
}

fn inverted_residual(builder: &mut Builder, x: &str, channels: usize, block: &Block) -> String {
    let hidden = block.hidden;
    let mut y = x.to_owned();
    if hidden != channels {
        y = builder.convolution(&y, [channels, hidden], Window::POINT, 1.0);
        y = builder.node(block.activation, &[&y]);
    }
    y = builder.convolution(&y, [hidden, hidden], Window::depthwise(block.kernel, block.stride, hidden), 1.0);
    y = builder.node(block.activation, &[&y]);
    if block.excite {
        y = excited(builder, &y, hidden);
    }
    y = builder.convolution(&y, [hidden, block.wide], Window::POINT, 0.7);
    if block.stride == 1 && channels == block.wide { builder.node("Add", &[x, &y]) } else { y }
}

/// Each channel by a factor that depends on the means of all.
fn excited(builder: &mut Builder, x: &str, channels: usize) -> String {
    let squeezed = eighth(channels / 4);
    let mean = builder.node("GlobalAveragePool", &[x]);
    let hidden = builder.point_with_bias(&mean, [channels, squeezed]);
    let hidden = builder.node("Relu", &[&hidden]);
    let factor = builder.point_with_bias(&hidden, [squeezed, channels]);
    let slope = vec![("alpha", Attribute::from(1.0_f32 / 6.0))];
    let factor = builder.node_with("HardSigmoid", &[&factor], slope);
    builder.node("Mul", &[&factor, x])
}

/// The nearest multiple of 8 that takes away less than a tenth.
fn eighth(channels: usize) -> usize {
    let rounded = ((channels + 4) / 8 * 8).max(8);
    if rounded * 10 < channels * 9 { rounded + 8 } else { rounded }
}
