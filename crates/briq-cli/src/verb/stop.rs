//! `briq stop`: ends a deployment.

use briq_deploy::Deployment;
use briq_spec::deployment::DeploymentName;

use crate::context::Context;

/// Stop a deployment: its server finishes the requests under way; its history stays
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The deployment
    name: DeploymentName,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let stopped = Deployment::at(context.home.path(), arguments.name.clone()).stop(true)?;
    let state = if stopped { "is stopped" } else { "was not running" };
    context.output.note(format!("{} {state}", arguments.name));
    Ok(())
}
