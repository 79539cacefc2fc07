//! `briq`: casts trained networks into verified files, publishes, deploys and updates them.
//!
//! Commands are thin: each module under `verb` reads its arguments, calls one library, and prints. Data goes to
//! standard output, everything else to standard error; `--json` makes the data machine-readable; the exit codes are
//! one table (`exit`).

mod arguments;
mod context;
mod exit;
mod input;
mod locate;
mod output;
mod progress;
mod verb;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_tracing(arguments.verbose);
    let context = match context::Context::new(&arguments) {
        Ok(context) => context,
        Err(error) => return exit::report(&error),
    };
    match verb::run(arguments.verb, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}

fn start_tracing(verbose: u8) {
    use tracing_subscriber::filter::{EnvFilter, LevelFilter};
    let level = [LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG][usize::from(verbose.min(2))];
    let filter = EnvFilter::builder().with_default_directive(level.into()).with_env_var("BRIQ_LOG").from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
