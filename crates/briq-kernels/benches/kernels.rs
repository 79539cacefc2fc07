//! Prints what the kernels reach on this machine: `cargo bench -p briq-kernels [-- FILTER [THREADS]]`.
//!
//! Each line is the best of many runs: milliseconds, and billions of operations (one multiplication and one addition
//! are two) in a second. Convolutions are counted as if they were direct.

use std::hint::black_box;
use std::time::{Duration, Instant};

use briq_kernels::convolution::{Convolution, ConvolutionSpec};
use briq_kernels::matrix::{BatchSpec, PackedMatrix, Transposed, multiply, multiply_batch};
use briq_kernels::{Activation, Epilogue};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let filter = arguments.first().map_or("", String::as_str);
    let threads = arguments.get(1).and_then(|threads| threads.parse().ok()).unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads");
    println!("{:<32} {:>8} {:>10} {:>8}", "kernel", "threads", "ms", "GFLOP/s");
    pool.install(|| briq_kernels::with_team(|| run(&Bench { filter })));
}

struct Bench<'a> {
    filter: &'a str,
}

impl Bench<'_> {
    /// Times `work`, which does `operations` multiplications and additions.
    fn time(&self, name: &str, operations: usize, prepare: impl FnOnce() -> Box<dyn FnMut()>) {
        if !name.contains(self.filter) {
            return;
        }
        let mut work = prepare();
        let begin = Instant::now();
        let mut best = Duration::MAX;
        let mut runs = 0;
        while runs < 5 || begin.elapsed() < Duration::from_millis(400) {
            let start = Instant::now();
            work();
            best = best.min(start.elapsed());
            runs += 1;
        }
        let (seconds, threads) = (best.as_secs_f64(), rayon::current_num_threads());
        println!("{name:<32} {threads:>8} {:>10.4} {:>8.1}", seconds * 1e3, operations as f64 / seconds / 1e9);
    }
}

fn run(bench: &Bench<'_>) {
    for (m, k, n) in MATRICES {
        bench.time(&format!("gemm {m}x{k}x{n}"), 2 * m * k * n, || matrix(m, k, n));
    }
    for (m, k, n, transposed) in BATCHES {
        let name = format!("batch 12x{m}x{k}x{n}{}", if transposed == Transposed::Yes { "T" } else { "" });
        bench.time(&name, 2 * 12 * m * k * n, || products(m, k, n, transposed));
    }
    for batch in [1, 8] {
        for layer in CONVOLUTIONS {
            layer.time(bench, batch);
        }
        for (channels, stride, side) in DEPTHWISE {
            Layer { channels, filters: channels, groups: channels, kernel: 3, stride, side }.time(bench, batch);
        }
    }
}

const MATRICES: [(usize, usize, usize); 9] = [
    (128, 384, 1536),
    (128, 1536, 384),
    (128, 384, 384),
    (1024, 1024, 1024),
    (1, 784, 128),
    (1, 2048, 1000),
    (8, 2048, 1000),
    (8, 784, 128),
    (1, 128, 10),
];

/// Scores and values of attention.
const BATCHES: [(usize, usize, usize, Transposed); 4] = [
    (128, 32, 128, Transposed::Yes),
    (128, 128, 32, Transposed::No),
    (512, 64, 512, Transposed::Yes),
    (512, 512, 64, Transposed::No),
];

fn products(m: usize, k: usize, n: usize, transposed: Transposed) -> Box<dyn FnMut()> {
    let (left, right) = (noise(12 * m * k), noise(12 * k * n));
    let mut out = vec![0.0; 12 * m * n];
    let spec =
        BatchSpec { batch: 12, rows: m, depth: k, columns: n, left_stride: m * k, right_stride: k * n, transposed };
    Box::new(move || {
        multiply_batch(&spec, black_box(&left), black_box(&right), 0.5, &mut out);
        black_box(&out);
    })
}

fn matrix(m: usize, k: usize, n: usize) -> Box<dyn FnMut()> {
    let packed = PackedMatrix::pack(&noise(k * n), k, n, Transposed::No);
    let (left, bias) = (noise(m * k), noise(n));
    let mut out = vec![0.0; m * n];
    Box::new(move || {
        let epilogue = Epilogue::new(Some(&bias), Activation::Identity);
        multiply(black_box(&left), m, &packed, &epilogue, &mut out);
        black_box(&out);
    })
}

#[derive(Clone, Copy)]
struct Layer {
    channels: usize,
    filters: usize,
    groups: usize,
    kernel: usize,
    stride: usize,
    side: usize,
}

const fn layer(channels: usize, filters: usize, kernel: usize, stride: usize, side: usize) -> Layer {
    Layer { channels, filters, groups: 1, kernel, stride, side }
}

const CONVOLUTIONS: [Layer; 16] = [
    layer(64, 64, 3, 1, 56),
    layer(128, 128, 3, 1, 28),
    layer(256, 256, 3, 1, 14),
    layer(512, 512, 3, 1, 7),
    layer(64, 256, 1, 1, 56),
    layer(256, 64, 1, 1, 56),
    layer(1024, 256, 1, 1, 14),
    layer(3, 64, 7, 2, 224),
    layer(128, 128, 3, 2, 56),
    layer(3, 32, 3, 2, 224),
    layer(16, 96, 1, 1, 112),
    layer(96, 24, 1, 1, 56),
    layer(24, 144, 1, 1, 56),
    layer(144, 24, 1, 1, 56),
    layer(960, 160, 1, 1, 7),
    layer(320, 1280, 1, 1, 7),
];

/// Channels, stride and side of the image.
const DEPTHWISE: [(usize, usize, usize); 8] =
    [(32, 1, 112), (96, 2, 112), (144, 1, 56), (144, 2, 56), (192, 1, 28), (384, 1, 14), (576, 2, 14), (960, 1, 7)];

impl Layer {
    fn time(self, bench: &Bench<'_>, batch: usize) {
        let Self { channels, filters, groups, kernel, stride, side } = self;
        let group = if groups > 1 { format!(" g{groups}") } else { String::new() };
        let name = format!("conv {batch}x{side}x{side} {channels}>{filters} k{kernel} s{stride}{group}");
        let spec = ConvolutionSpec {
            groups,
            strides: [stride; 2],
            pads: [kernel / 2; 4],
            ..ConvolutionSpec::new(channels, filters, [kernel; 2])
        };
        let [height, width] = spec.output([side; 2]);
        let pixels = batch * height * width;
        bench.time(&name, 2 * pixels * filters * spec.depth(), || {
            let (weights, bias) = (noise(filters * spec.depth()), noise(filters));
            let convolution = Convolution::new(spec, &weights, Some(&bias), Activation::Relu).expect("a convolution");
            let input = noise(batch * side * side * channels);
            let mut out = vec![0.0; pixels * filters];
            Box::new(move || {
                convolution.run(black_box(&input), batch, [side; 2], None, &mut out);
                black_box(&out);
            })
        });
    }
}

/// Numbers between -1 and 1, the same each time.
fn noise(count: usize) -> Vec<f32> {
    let mut state = 1_u32;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}
