//! `briq stop`: ends a deployment.

use briq_deploy::Deployment;
use briq_spec::deployment::DeploymentName;
use serde::Serialize;

use crate::context::Context;

/// Stop a deployment: its server finishes the requests under way; its history stays
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The deployment
    name: DeploymentName,
}

#[derive(Serialize)]
struct Report {
    name: String,
    stopped: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let stopped = Deployment::at(context.home.path(), arguments.name.clone()).stop(true)?;
    let report = Report { name: arguments.name.to_string(), stopped };
    context.output.data(&report, |report| {
        let state = if report.stopped { "is stopped" } else { "was not running" };
        format!("{} {state}", report.name)
    })
}
