//! `briq history`: everything that happened to a deployment.

use briq_deploy::Deployment;
use briq_spec::deployment::DeploymentName;

use crate::context::Context;

/// Show everything that happened to a deployment; its chain of hashes is verified first
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The deployment
    name: DeploymentName,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let history = Deployment::at(context.home.path(), arguments.name.clone()).history()?;
    context.output.data(&history.records(), |records| {
        let lines = records.iter().map(ToString::to_string).collect::<Vec<_>>();
        format!("{}\nverified: {} records, head {}", lines.join("\n"), records.len(), history.head())
    })
}
