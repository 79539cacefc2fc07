//! The supervisor process of a deployment.

use std::process::Command;

use briq_deploy::supervisor::{self, Options, Timing};
use briq_spec::deployment::DeploymentName;

use crate::context::Context;

/// Supervise a deployment until it is stopped
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The deployment
    #[arg(long)]
    name: DeploymentName,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let program = std::env::current_exe()?;
    let server = move || {
        let mut command = Command::new(&program);
        command.arg("serve-deployment");
        command
    };
    let options = Options {
        home: context.home_path(),
        name: arguments.name.clone(),
        server: Box::new(server),
        timing: Timing::default(),
    };
    Ok(supervisor::run(options)?)
}

/// The command line that starts a supervisor.
pub(crate) fn command(context: &Context, name: &DeploymentName) -> anyhow::Result<impl Fn() -> Command + use<>> {
    let program = std::env::current_exe()?;
    let (home, name) = (context.home_path(), name.to_string());
    Ok(move || {
        let mut command = Command::new(&program);
        command.arg("supervise").arg("--name").arg(&name).arg("--home").arg(&home);
        command
    })
}
