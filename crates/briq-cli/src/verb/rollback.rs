//! `briq rollback`: back to a revision that served.

use briq_deploy::{Deployment, Launch};
use briq_spec::deployment::DeploymentName;

use crate::context::Context;
use crate::verb::{deploy, supervise};

/// Go back to the revision before, or to a named one; it passes the same gates
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The deployment
    name: DeploymentName,
    /// The revision to go back to [default: the one that served before]
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    /// Print the plan and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let deployment = Deployment::at(context.home.path(), arguments.name.clone());
    if arguments.dry_run {
        return deploy::plan(context, &deployment.plan_rollback(arguments.to)?);
    }
    let supervisor = supervise::command(context, &arguments.name)?;
    let outcome = deployment.rollback(arguments.to, &Launch { supervisor: &supervisor, wait: true })?;
    deploy::report(context, &deployment, &outcome)
}
