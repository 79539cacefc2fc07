//! MobileNetV2 (Sandler et al. 2018): inverted residuals, ReLU6 as `Clip`.

use anyhow::Result;
use briq_graph::Graph;

use super::batched;
use super::builder::{Builder, Window};

/// Expansion, channels, blocks and first stride of each stage.
const STAGES: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

pub(super) fn build() -> Result<Graph> {
    let mut builder = Builder::new("mobilenet-v2");
    let x = builder.pictures(3, 224);
    let x = builder.convolution(&x, [3, 32], Window::square(3, 2), 1.0);
    let mut x = relu6(&mut builder, &x);
    let mut channels = 32;
    for (expansion, wide, blocks, stride) in STAGES {
        for block in 0..blocks {
            let stride = if block == 0 { stride } else { 1 };
            x = inverted_residual(&mut builder, &x, [channels, wide], expansion, stride);
            channels = wide;
        }
    }
    let x = builder.convolution(&x, [channels, 1280], Window::POINT, 1.0);
    let x = relu6(&mut builder, &x);
    let rows = builder.pooled_rows(&x);
    let y = builder.linear(&rows, [1280, 1000]);
    Ok(builder.finish(&y, batched(&[1000])))
}

fn inverted_residual(
    builder: &mut Builder,
    x: &str,
    [channels, wide]: [usize; 2],
    expansion: usize,
    stride: usize,
) -> String {
    let hidden = channels * expansion;
    let mut y = x.to_owned();
    if expansion > 1 {
        y = builder.convolution(&y, [channels, hidden], Window::POINT, 1.0);
        y = relu6(builder, &y);
    }
    y = builder.convolution(&y, [hidden, hidden], Window::depthwise(3, stride, hidden), 1.0);
    y = relu6(builder, &y);
    y = builder.convolution(&y, [hidden, wide], Window::POINT, 0.7);
    if stride == 1 && channels == wide { builder.node("Add", &[x, &y]) } else { y }
}

fn relu6(builder: &mut Builder, x: &str) -> String {
    let (low, high) = (builder.scalar(0.0), builder.scalar(6.0));
    builder.node("Clip", &[x, &low, &high])
}
