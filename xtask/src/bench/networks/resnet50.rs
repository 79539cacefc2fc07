//! ResNet-50 (He et al. 2016), stride in the 3×3 convolution as exporters have it; batch normalisation as nodes.

use anyhow::Result;
use briq_graph::{Attribute, Graph};

use super::batched;
use super::builder::{Builder, Window};

/// Blocks, width and stride of each stage.
const STAGES: [(usize, usize, usize); 4] = [(3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)];

/// How much wider a block's output is than its middle.
const EXPANSION: usize = 4;

pub(super) fn build() -> Result<Graph> {
    let mut builder = Builder::new("resnet-50");
    let x = builder.pictures(3, 224);
    let x = builder.convolution(&x, [3, 64], Window::square(7, 2), 1.0);
    let x = builder.node("Relu", &[&x]);
    let mut x = builder.node_with("MaxPool", &[&x], pooling());
    let mut channels = 64;
    for (blocks, width, stride) in STAGES {
        for block in 0..blocks {
            x = bottleneck(&mut builder, &x, channels, width, if block == 0 { stride } else { 1 });
            channels = width * EXPANSION;
        }
    }
    let rows = builder.pooled_rows(&x);
    let y = builder.linear(&rows, [channels, 1000]);
    Ok(builder.finish(&y, batched(&[1000])))
}

fn pooling() -> Vec<(&'static str, Attribute)> {
    let integers = |numbers: &[i64]| Attribute::from(numbers.to_vec());
    vec![
        ("ceil_mode", Attribute::from(0_i64)),
        ("kernel_shape", integers(&[3, 3])),
        ("pads", integers(&[1, 1, 1, 1])),
        ("strides", integers(&[2, 2])),
    ]
}

fn bottleneck(builder: &mut Builder, x: &str, channels: usize, width: usize, stride: usize) -> String {
    let wide = width * EXPANSION;
    let y = builder.convolution(x, [channels, width], Window::POINT, 1.0);
    let y = builder.node("Relu", &[&y]);
    let y = builder.convolution(&y, [width, width], Window::square(3, stride), 1.0);
    let y = builder.node("Relu", &[&y]);
    // Small, so that the sum over all blocks stays small.
    let y = builder.convolution(&y, [width, wide], Window::POINT, 0.3);
    let shortcut = if channels == wide {
        x.to_owned()
    } else {
        builder.convolution(x, [channels, wide], Window::square(1, stride), 1.0)
    };
    let sum = builder.node("Add", &[&y, &shortcut]);
    builder.node("Relu", &[&sum])
}
