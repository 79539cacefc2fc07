//! `briq status`: what the deployments are doing.

use briq_deploy::{Deployment, Status};
use briq_spec::deployment::DeploymentName;

use crate::context::Context;

/// Show what a deployment, or each of them, is doing
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The deployment [default: all]
    name: Option<DeploymentName>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let home = context.home.path();
    if let Some(name) = &arguments.name {
        let status = Deployment::at(home, name.clone()).status()?;
        return context.output.data(&status, text);
    }
    let names = Deployment::all(home)?.into_iter();
    let statuses = names.map(|name| Deployment::at(home, name).status()).collect::<Result<Vec<_>, _>>()?;
    context.output.data(&statuses, |statuses| {
        if statuses.is_empty() {
            return "nothing is deployed here".into();
        }
        statuses.iter().map(text).collect::<Vec<_>>().join("\n")
    })
}

fn text(status: &Status) -> String {
    let hint = status.hint().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    format!("{status}{hint}")
}
