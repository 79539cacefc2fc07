//! `briq why`: the story of one revision.

use briq_deploy::Deployment;
use briq_spec::deployment::DeploymentName;

use crate::context::Context;

/// Explain what became of a revision
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The deployment
    name: DeploymentName,
    /// The revision [default: the newest]
    revision: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let deployment = Deployment::at(context.home.path(), arguments.name.clone());
    context.output.data(&deployment.why(arguments.revision)?, ToString::to_string)
}
