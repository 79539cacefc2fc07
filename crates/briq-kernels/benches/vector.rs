//! Times of the kernels that work number by number or row by row, of attention and of recurrent cells.
//!
//! `cargo bench -p briq-kernels --bench vector -- [PART OF A NAME] [UNIT]` prints, in microseconds and each the least of many,
//! the processor's time on one thread and the time on the clock on two.

use std::time::{Duration, Instant};

use briq_kernels::attention::{AttentionSpec, attention};
use briq_kernels::elementwise::{Binary, Broadcast, Unary};
use briq_kernels::normalization::{GroupNorm, LayerNorm, group_norm, layer_norm};
use briq_kernels::recurrent::{Direction, Gru, GruSpec, Lstm, LstmStates, RecurrentSpec, Sequences, Weights};
use briq_kernels::reduction::{Extent, Reduction};
use briq_kernels::simd::Unit;
use briq_kernels::softmax::softmax;
use briq_kernels::{Activation, InOut, with_team};

/// An image of 56 × 56 pixels and 256 channels.
const COUNT: usize = 56 * 56 * 256;
/// How long each case is repeated.
const BUDGET: Duration = Duration::from_millis(250);

/// Numbers between -3 and 3.
fn numbers(count: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 * 3.0 - 3.0
    };
    (0..count).map(|_| next()).collect()
}

struct Bench {
    filter: String,
    unit: Unit,
    pools: Vec<rayon::ThreadPool>,
}

impl Bench {
    fn new() -> Self {
        let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
        let filter = arguments.next().unwrap_or_default();
        let unit = match arguments.next().as_deref() {
            Some("portable") => Unit::Portable,
            Some("avx2") => Unit::Avx2,
            _ => Unit::current(),
        };
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
        Self { filter, unit, pools: [1, 2].map(pool).into() }
    }

    fn case(&self, name: &str, mut work: impl FnMut() + Send) {
        if !name.contains(&self.filter) {
            return;
        }
        let mut least = |pool: &rayon::ThreadPool| pool.install(|| with_team(|| self.unit.force(|| least(&mut work))));
        let (one, two) = (least(&self.pools[0]).processor, least(&self.pools[1]).wall);
        println!("{:10.1}{:10.1} us  {name}", one.as_secs_f64() * 1e6, two.as_secs_f64() * 1e6);
    }
}

/// What a repetition took: on the clock, and of the calling thread's processor.
struct Times {
    wall: Duration,
    processor: Duration,
}

fn least(work: &mut impl FnMut()) -> Times {
    let start = Instant::now();
    let mut least = Times { wall: Duration::MAX, processor: Duration::MAX };
    while start.elapsed() < BUDGET {
        let (wall, processor) = (Instant::now(), processor_time());
        work();
        least.processor = least.processor.min(processor_time() - processor);
        least.wall = least.wall.min(wall.elapsed());
    }
    least
}

/// How long the calling thread has had a processor: on a busy machine the only fair clock for what takes milliseconds.
#[cfg(target_os = "linux")]
fn processor_time() -> Duration {
    #[repr(C)]
    struct Time {
        seconds: i64,
        nanoseconds: i64,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut Time) -> i32;
    }
    const THREAD: i32 = 3;
    let mut time = Time { seconds: 0, nanoseconds: 0 };
    // SAFETY: the structure is the one that this system call fills on 64-bit Linux.
    unsafe { clock_gettime(THREAD, &raw mut time) };
    Duration::new(time.seconds.unsigned_abs(), u32::try_from(time.nanoseconds).expect("less than a second"))
}

#[cfg(not(target_os = "linux"))]
fn processor_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

fn main() {
    let bench = Bench::new();
    maps(&bench);
    pairs(&bench);
    rows(&bench);
    attentions(&bench);
    recurrents(&bench);
}

fn maps(bench: &Bench) {
    let x = numbers(1 << 20);
    let mut y = vec![0.0; x.len()];
    for function in [Unary::Tanh, Unary::Sigmoid, Unary::Exp, Unary::Erf, Unary::Ln] {
        let name = format!("{function:?} 1M").to_lowercase();
        bench.case(&name, || function.apply(InOut::between(&x, &mut y)));
    }
    let (x, y) = (&x[..128 * 1536], &mut y[..128 * 1536]);
    bench.case("gelu 128x1536", || Unary::Gelu.apply(InOut::between(x, y)));
    y.copy_from_slice(x);
    bench.case("gelu 128x1536, in place by activation", || Activation::Gelu.apply(y));
}

fn pairs(bench: &Bench) {
    let (x, mut y) = (numbers(1 << 20), vec![0.0; 1 << 20]);
    let mut case = |name: &str, left: &[usize], right: &[usize]| {
        let broadcast = Broadcast::new(left, right).expect("the shapes fit");
        let right = &x[..right.iter().product()];
        bench.case(name, || Binary::Add.apply(&broadcast, &x, right, &mut y));
    };
    case("add 1M", &[1 << 20], &[1 << 20]);
    case("add 1M, number", &[1 << 20], &[1]);
    case("add 1M, vector of 16", &[1 << 16, 16], &[16]);
    case("add 1M, vector of 1024", &[1 << 10, 1 << 10], &[1 << 10]);
    case("add 1M, column", &[1 << 14, 64], &[1 << 14, 1]);
}

fn rows(bench: &Bench) {
    for (rows, width) in [(12 * 128, 128), (128, 1000)] {
        let (x, mut y) = (numbers(rows * width), vec![0.0; rows * width]);
        bench.case(&format!("softmax {rows}x{width}"), || softmax(InOut::between(&x, &mut y), width));
    }
    for (rows, width) in [(128, 384), (1024, 768)] {
        let (x, mut y) = (numbers(rows * width), vec![0.0; rows * width]);
        let norm = LayerNorm { scale: &x[..width], bias: Some(&x[width..2 * width]), epsilon: 1e-5 };
        bench.case(&format!("layer_norm {rows}x{width}"), || layer_norm(InOut::between(&x, &mut y), &norm));
    }
    let (x, mut y) = (numbers(1 << 20), vec![0.0; 1 << 20]);
    let norm = GroupNorm { batch: 1, pixels: 56 * 56, groups: 32, scale: &x[..256], bias: &x[..256], epsilon: 1e-5 };
    bench.case("group_norm 56x56x256, 32 groups", || group_norm(&x[..COUNT], &norm, &mut y[..COUNT]));
    let extent = Extent { outer: 1, reduced: 56 * 56, inner: 256 };
    bench.case("mean 56x56 of 256", || Reduction::Mean.apply(&x[..COUNT], extent, &mut y[..256]));
    bench.case("sum 1M", || {
        Reduction::Sum.apply(&x[..1 << 20], Extent { outer: 1024, reduced: 1024, inner: 1 }, &mut y[..1024])
    });
}

fn attentions(bench: &Bench) {
    for (batch, heads, length, depth) in
        [(1, 12, 128, 32), (8, 12, 128, 32), (1, 12, 128, 64), (1, 12, 256, 64), (1, 12, 512, 64), (1, 12, 1024, 64)]
    {
        let count = batch * heads * length * depth;
        let small = || numbers(count).iter().map(|x| x * 0.3).collect::<Vec<f32>>();
        let (q, k, v, mut out) = (small(), small(), small(), vec![0.0; count]);
        let scale = 1.0 / (depth as f32).sqrt();
        let spec = AttentionSpec {
            batch,
            heads,
            queries: length,
            keys: length,
            depth,
            value_depth: depth,
            scale,
            guarded: false,
        };
        bench.case(&format!("attention b{batch} {heads}x{depth} of {length}"), || {
            attention(&spec, &q, &k, &v, None, &mut out)
        });
    }
}

fn recurrents(bench: &Bench) {
    for (input, hidden, steps, batch) in [(64, 128, 50, 1), (64, 128, 50, 8), (256, 512, 100, 1), (256, 512, 100, 8)] {
        let weights = |gates: usize, columns: usize| -> Vec<f32> {
            numbers(gates * hidden * columns).iter().map(|x| x * 0.02).collect()
        };
        let values = numbers(steps * batch * input);
        let sequences = Sequences { values: &values, steps, batch, lengths: None, initial: None };
        let layer = RecurrentSpec { input, hidden, direction: Direction::Forward };
        let (mut out, mut last, mut cell) =
            (vec![0.0; steps * batch * hidden], vec![0.0; batch * hidden], vec![0.0; batch * hidden]);
        let (w, r, b) = (weights(4, input), weights(4, hidden), weights(4, 2));
        bench.unit.force(|| {
            let lstm = Lstm::new(layer, &Weights { input: &w, recurrent: &r, bias: Some(&b) }, None);
            bench.case(&format!("lstm {input}-{hidden} s{steps} b{batch}"), || {
                lstm.run(&sequences, None, &mut out, LstmStates { hidden: &mut last, cell: &mut cell });
            });
            let (w, r, b) = (weights(3, input), weights(3, hidden), weights(3, 2));
            let spec = GruSpec { layer, linear_before_reset: true };
            let gru = Gru::new(spec, &Weights { input: &w, recurrent: &r, bias: Some(&b) });
            bench.case(&format!("gru {input}-{hidden} s{steps} b{batch}"), || gru.run(&sequences, &mut out, &mut last));
        });
    }
}
