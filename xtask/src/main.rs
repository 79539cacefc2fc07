//! Workspace automation: `cargo xtask VERB`.
//!
//! One module for each verb; what they share stands first. Everything a verb does to a package or a deployment it does
//! through the `briq` program, so that a person could have typed it.

mod process;
mod story;
mod workspace;

mod bench;
mod briq;
mod ci;
mod conformance;
mod demo;
mod deploy;
mod docs;
mod fuzz;
mod http;
mod load;
mod peers;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Build, test, prove, show and release Briq.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run Briq's main job end to end on real data
    Demo(demo::Arguments),
    /// Run the whole test suite, with the programs it compares itself with
    Test(test::Arguments),
    /// Run everything that must hold before a change is merged
    Ci(ci::Arguments),
    /// Prove what the architecture promises: tiers, documentation, metadata, sources
    Tidy(tidy::Arguments),
    /// Measure build times, sizes, packaging and serving; `runtime` compares predictions with peers
    Bench(bench::Arguments),
    /// Run ONNX's own backend tests on every backend, and on other runtimes
    Conformance(conformance::Arguments),
    /// Build the documentation and check its generated pages
    Docs(docs::Arguments),
    /// Hand bytes at random to the readers of bytes from outside, with cargo-fuzz
    Fuzz(fuzz::Arguments),
    /// Take a model from source to a gated rollout
    Deploy(deploy::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> anyhow::Result<()> {
    let workspace = workspace::Workspace::load()?;
    match verb {
        Verb::Demo(arguments) => demo::run(&workspace, &arguments),
        Verb::Test(arguments) => test::run(&workspace, &arguments),
        Verb::Ci(arguments) => ci::run(&workspace, &arguments),
        Verb::Tidy(arguments) => tidy::run(&workspace, &arguments),
        Verb::Bench(arguments) => bench::run(&workspace, &arguments),
        Verb::Conformance(arguments) => conformance::run(&workspace, &arguments),
        Verb::Docs(arguments) => docs::run(&workspace, &arguments),
        Verb::Fuzz(arguments) => fuzz::run(&workspace, &arguments),
        Verb::Deploy(arguments) => deploy::run(&workspace, &arguments),
    }
}
