//! `briq bench`: how long a package takes to load and to answer here, and the memory that it needs.

mod inputs;
mod memory;
mod profile;
mod rounds;
mod timing;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use briq_engine::{Engine as _, Tensor};
use briq_model::{BurnEngine, Layered, Optimization};
use briq_package::Package;
use briq_spec::recipe::PackageSection;
use serde::Serialize;

use self::inputs::{Dimension, Range};
use self::memory::Memory;
use self::profile::Share;
use self::timing::{Timing, Until};
use crate::compute::{BackendArgument, share_weights};
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::locate;
use crate::output::bytes;

/// Measure how fast a package answers, and what it needs
///
/// Inputs are random and seeded, made from the package's signature: numbers from -1 to 1, integers 0 or 1 where no
/// --range says otherwise. All times are in seconds where --json prints them.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package, or an .onnx file
    #[arg(value_name = "REF")]
    reference: String,
    #[command(flatten)]
    compute: BackendArgument,
    /// Threads that compute on the CPU [default: one for each processor]
    #[arg(long)]
    threads: Option<usize>,
    /// Examples in each prediction: the length of an open first dimension
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// The length of another open dimension; may be repeated
    #[arg(long = "dimension", value_name = "NAME=LENGTH")]
    dimensions: Vec<Dimension>,
    /// The integers that an input is drawn from, the last one excluded; may be repeated
    #[arg(long = "range", value_name = "INPUT=FIRST..END")]
    ranges: Vec<Range>,
    /// How long to measure
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Measure so many predictions, however long they take
    #[arg(long, conflicts_with = "seconds")]
    iterations: Option<usize>,
    /// Stay, and answer each line of standard input (`round`, `memory`, `outputs FILE`) with one line of JSON
    #[arg(long)]
    rounds: bool,
    /// Say which operators the time goes to
    #[arg(long, conflicts_with = "rounds")]
    profile: bool,
    /// Leave out a pass over the graph, or all `kernels` of Briq's own; may be repeated
    #[arg(long, value_name = "PASS")]
    without: Vec<String>,
    /// Run the graph as it stands, on Burn's kernels
    #[arg(long, conflicts_with = "without")]
    plain: bool,
}

/// A loaded network, its inputs, and what loading took.
struct Subject {
    engine: BurnEngine,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
    loaded: Loaded,
}

/// What is known once the first prediction is there.
#[derive(Serialize)]
struct Loaded {
    name: String,
    version: String,
    backend: String,
    threads: usize,
    batch: usize,
    /// Bytes of the shards of weights.
    weights: u64,
    load: Load,
    memory: Memory,
}

/// Seconds from the closed package to the first prediction, in parts.
#[derive(Serialize)]
struct Load {
    open: f64,
    engine: f64,
    first: f64,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    loaded: Loaded,
    latency: Timing,
    /// Examples each second, by the mean latency.
    throughput: f64,
    /// By operator, where it was asked for; those that take longest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Vec<Share>>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let context = &context.on(arguments.compute.backend);
    if let Some(threads) = arguments.threads {
        briq_model::limit_threads(threads);
    }
    let until = until(arguments)?;
    if Path::new(&arguments.reference).extension().is_some_and(|extension| extension == "onnx") {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let file = imported(Path::new(&arguments.reference), folder.path())?;
        return measure(arguments, context, &file.display().to_string(), until);
    }
    measure(arguments, context, &arguments.reference, until)
}

/// The network of an ONNX file as a package in a folder.
fn imported(source: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let package = PackageSection {
        name: "measured".parse().expect("it is a well-formed name"),
        version: semver::Version::new(0, 0, 0),
        description: None,
        license: None,
        authors: Vec::new(),
    };
    let imported = briq_model::import_onnx(source, &package, &[])?;
    Ok(imported.draft.write(&folder.join("measured.briq"))?.path)
}

fn until(arguments: &Arguments) -> anyhow::Result<Until> {
    let seconds = Duration::try_from_secs_f64(arguments.seconds).context("--seconds is no length of time")?;
    Ok(arguments.iterations.map_or(Until::Elapsed(seconds), Until::Count))
}

fn measure(arguments: &Arguments, context: &Context, reference: &str, until: Until) -> anyhow::Result<()> {
    let subject = Subject::load(arguments, context, reference)?;
    if arguments.rounds {
        return rounds::answer(subject, until, context);
    }
    subject.warm_up(until)?;
    let latency = subject.time(until)?;
    let throughput = subject.loaded.batch as f64 / latency.mean;
    let memory = Memory { base: subject.loaded.memory.base, ..Memory::now() };
    let profile = if arguments.profile { Some(profile::shares(&subject.engine, &subject.inputs)?) } else { None };
    let report = Report { latency, throughput, profile, loaded: Loaded { memory, ..subject.loaded } };
    context.output.data(&report, text)
}

impl Arguments {
    fn optimization(&self) -> anyhow::Result<Optimization> {
        if self.plain {
            return Ok(Optimization::none());
        }
        Optimization::without(&self.without)
            .map_err(|reason| Failure::new(Code::Input, format!("--without: {reason}")).into())
    }
}

impl Subject {
    fn load(arguments: &Arguments, context: &Context, reference: &str) -> anyhow::Result<Self> {
        let base = Memory::now().resident;
        let optimization = arguments.optimization()?;
        let (package, open) = timed(|| locate::package(context, reference))?;
        let base_package = locate::base(context, reference, &package)?;
        let layered = Layered::new(&package, base_package.as_ref());
        let (engine, loading) =
            timed(|| Ok(briq_model::optimized(layered, arguments.compute.backend, &optimization)?))?;
        let symbols = inputs::symbols(&briq_model::structure(&package)?);
        let lengths = inputs::Lengths { batch: arguments.batch, dimensions: &arguments.dimensions };
        let inputs = inputs::random(engine.inputs(), &symbols, &lengths, &arguments.ranges)?;
        let (outputs, first) = timed(|| Ok(engine.infer(&inputs)?))?;
        // As a server does: then the memory is what a server would have.
        share_weights(&context.home);
        let loaded = Loaded {
            name: package.manifest().name.to_string(),
            version: package.manifest().version.to_string(),
            backend: engine.backend().to_owned(),
            threads: arguments.threads.unwrap_or_else(processors),
            batch: arguments.batch,
            weights: weights(&package),
            load: Load { open, engine: loading, first },
            memory: Memory { base, ..Memory::now() },
        };
        Ok(Self { engine, inputs, outputs, loaded })
    }

    fn warm_up(&self, until: Until) -> anyhow::Result<()> {
        self.time(until.tenth()).map(drop)
    }

    fn time(&self, until: Until) -> anyhow::Result<Timing> {
        timing::measure(until, || {
            std::hint::black_box(self.engine.infer(&self.inputs)?);
            Ok(())
        })
    }
}

fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, f64)> {
    let began = Instant::now();
    Ok((work()?, began.elapsed().as_secs_f64()))
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn weights(package: &Package) -> u64 {
    let shards = &package.manifest().model.weights;
    package.entries().iter().filter(|entry| shards.contains(&entry.path)).map(|entry| entry.size).sum()
}

fn text(report: &Report) -> String {
    let Report { loaded, latency, throughput, profile } = report;
    let Load { open, engine, first } = loaded.load;
    let size = |bytes_of: Option<u64>| bytes_of.map_or("unknown".to_owned(), bytes);
    let lines = [
        format!(
            "{} {} on {}, {} threads, batch {}",
            loaded.name, loaded.version, loaded.backend, loaded.threads, loaded.batch
        ),
        format!("latency     {} (median of {} predictions)", span(latency.median), latency.iterations),
        format!("            {} least, {} mean, {} for 95 %", span(latency.min), span(latency.mean), span(latency.p95)),
        format!("throughput  {throughput:.1} examples/s"),
        format!("load        {} to the engine, {} more to the first prediction", span(open + engine), span(first)),
        format!("memory      {} resident, {} at most", size(loaded.memory.resident), size(loaded.memory.peak)),
        format!("weights     {}", bytes(loaded.weights)),
    ];
    lines.into_iter().chain(profile.iter().flatten().map(Share::to_string)).collect::<Vec<_>>().join("\n")
}

/// Seconds in the unit that a person would choose.
fn span(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}
