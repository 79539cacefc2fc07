//! `briq`: casts trained networks into verified files, publishes, deploys and updates them.
//!
//! Commands are thin: each module under `verb` reads its arguments, calls one library, and prints. Data goes to
//! standard output, everything else to standard error; `--json` makes the data machine-readable; the exit codes are
//! one table (`exit`).

mod arguments;
mod compute;
mod context;
mod exit;
mod input;
mod locate;
mod output;
mod parcel;
mod progress;
mod trust;
mod verb;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    quiet_the_vulkan_loader();
    let arguments = Arguments::parse();
    start_tracing(arguments.verbose);
    let context = match context::Context::new(&arguments) {
        Ok(context) => context,
        Err(error) => return exit::report(&error),
    };
    briq_model::keep_tuning_in(context.home.tuning());
    match verb::run(arguments.verb, &context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}

/// The Vulkan loader complains on standard error, from inside a library, where this variable is not set.
fn quiet_the_vulkan_loader() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: no other thread has been started yet that could read the environment meanwhile.
        unsafe { std::env::set_var("XDG_RUNTIME_DIR", std::env::temp_dir()) };
    }
}

fn start_tracing(verbose: u8) {
    use tracing_subscriber::filter::{EnvFilter, LevelFilter};
    let level = [LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG][usize::from(verbose.min(2))];
    let mut filter =
        EnvFilter::builder().with_default_directive(level.into()).with_env_var("BRIQ_LOG").from_env_lossy();
    if verbose == 0 && std::env::var_os("BRIQ_LOG").is_none() {
        // Where a GPU's tuning cannot be kept, or two processes tune at once, nothing is wrong but that it takes longer.
        let quieter = ["cubecl_environment=error", "cubecl_runtime=error"];
        for directive in quieter.into_iter().filter_map(|directive| directive.parse().ok()) {
            filter = filter.add_directive(directive);
        }
    }
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
