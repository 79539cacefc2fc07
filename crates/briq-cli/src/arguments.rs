//! The command line as a whole; each verb declares its own arguments.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::verb;

/// Package manager and deployer for neural networks.
///
/// REF is `[host[:port]/]path/name[@REQUIREMENT[+VARIANT] | :ALIAS | @blake3:HEX]`, or the path of a `.briq` or `.briqz` file. Without a host
/// it is looked up in the local store; no command uses the network unless a reference or option names a host.
#[derive(Parser)]
#[command(name = "briq", version, propagate_version = true, after_help = crate::exit::TABLE)]
pub(crate) struct Arguments {
    /// Print data as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Say more on standard error; twice for still more (BRIQ_LOG sets a filter)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Where Briq keeps its state [default: $XDG_DATA_HOME/briq, else ~/.local/share/briq]
    #[arg(long, global = true, env = "BRIQ_HOME", value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What `briq` can do, in the order of a model's life.
#[derive(Subcommand)]
pub(crate) enum Verb {
    New(verb::new::Arguments),
    Train(verb::train::Arguments),
    Evaluate(verb::evaluate::Arguments),
    Pack(verb::pack::Arguments),
    Import(verb::import::Arguments),
    Export(verb::export::Arguments),
    Inspect(verb::inspect::Arguments),
    Variant(verb::variant::Arguments),
    Diff(verb::diff::Arguments),
    Reproduce(verb::reproduce::Arguments),
    Verify(verb::verify::Arguments),
    Sign(verb::sign::Arguments),
    Delta(verb::delta::Arguments),
    Expand(verb::expand::Arguments),
    Unpack(verb::unpack::Arguments),
    Publish(verb::publish::Arguments),
    Resolve(verb::resolve::Arguments),
    Lock(verb::lock::Arguments),
    Pull(verb::pull::Arguments),
    List(verb::list::Arguments),
    Alias(verb::alias::Arguments),
    Yank(verb::yank::Arguments),
    Gc(verb::gc::Arguments),
    Predict(verb::predict::Arguments),
    Bench(verb::bench::Arguments),
    Serve(verb::serve::Arguments),
    Deploy(verb::deploy::Arguments),
    Status(verb::status::Arguments),
    History(verb::history::Arguments),
    Why(verb::why::Arguments),
    Rollback(verb::rollback::Arguments),
    Stop(verb::stop::Arguments),
    Backends(verb::backends::Arguments),
    Registry(verb::registry::Arguments),
    Completions(verb::completions::Arguments),
    Man(verb::man::Arguments),
    #[command(hide = true)]
    Supervise(verb::supervise::Arguments),
    #[command(hide = true)]
    ServeDeployment(verb::serve_deployment::Arguments),
}
