//! `briq deploy`: lets a version serve, behind its gates.

use std::net::SocketAddr;

use briq_deploy::{Deployment, Launch, Outcome, Plan, Promoted, Proposal, systemd_unit};
use briq_model::Backend;
use briq_package::Package;
use briq_spec::deployment::DeploymentName;

use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::locate;
use crate::verb::supervise;

/// Deploy a package: load it, replay its golden examples on this host, then let it serve
///
/// A deployment that exists is updated: its server loads and proves the new version beside the old one, and moves to
/// it without a dropped request. A version that fails its golden examples is refused, and the old one serves on.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package
    #[arg(value_name = "REF")]
    reference: String,
    /// Where to: a supervised server on this machine
    #[arg(long, default_value = "local", value_parser = ["local"])]
    to: String,
    /// The deployment [default: the package's name]
    #[arg(long)]
    name: Option<DeploymentName>,
    /// Where to listen for HTTP; port 0 takes a free one [default: 127.0.0.1:8080, or where it listens already]
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// What computes: auto, flex, ndarray or wgpu
    #[arg(long, default_value = "auto")]
    backend: String,
    /// Print the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print a systemd unit that supervises the deployment, and change nothing
    #[arg(long)]
    systemd: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let backend: Backend = arguments.backend.parse()?;
    backend.device()?;
    let package = locate::stored(context, &arguments.reference)?;
    let name = name(arguments, &package)?;
    let supervisor = supervise::command(context, &name)?;
    if arguments.systemd {
        let command = supervisor();
        let words = std::iter::once(command.get_program()).chain(command.get_args()).map(Into::into);
        return context.output.raw(&systemd_unit(&name, context.home.path(), &words.collect::<Vec<_>>()));
    }
    let deployment = Deployment::at(context.home.path(), name);
    let proposal = proposal(arguments, &deployment, &package, backend)?;
    if arguments.dry_run {
        return plan(context, &deployment.plan(&proposal)?);
    }
    let outcome = deployment.deploy(&proposal, &Launch { supervisor: &supervisor, wait: true })?;
    report(context, &deployment, &outcome)
}

fn name(arguments: &Arguments, package: &Package) -> anyhow::Result<DeploymentName> {
    match &arguments.name {
        Some(name) => Ok(name.clone()),
        None => Ok(package.manifest().name.short().replace(['.', '_'], "-").parse()?),
    }
}

fn proposal(
    arguments: &Arguments,
    deployment: &Deployment,
    package: &Package,
    backend: Backend,
) -> anyhow::Result<Proposal> {
    let current = deployment.status().ok().and_then(|status| status.desired).map(|desired| desired.http);
    let default = SocketAddr::from(([127, 0, 0, 1], 8080));
    let manifest = package.manifest();
    Ok(Proposal {
        package: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: package.digest(),
        source: arguments.reference.clone(),
        http: arguments.http.or(current).unwrap_or(default),
        backend: backend.resolved().to_string(),
    })
}

/// Prints a plan.
pub(crate) fn plan(context: &Context, plan: &Plan) -> anyhow::Result<()> {
    context.output.data(plan, ToString::to_string)
}

/// Prints what became of a proposal; a refusal is an error.
pub(crate) fn report(context: &Context, deployment: &Deployment, outcome: &Outcome) -> anyhow::Result<()> {
    if let Outcome::Refused { revision, reason, serving } = outcome {
        if context.output.is_json() {
            context.output.data(outcome, |_| String::new())?;
        }
        let serving =
            serving.as_ref().map_or("nothing serves".into(), |old| format!("{} goes on serving", old.version));
        let message = format!(
            "revision {} ({} {}) was refused: {reason}; {serving}",
            revision.number, revision.package, revision.version
        );
        let hint = format!("`briq why {}` tells the whole story", deployment.name());
        return Err(Failure::new(Code::Refused, message).hint(hint).into());
    }
    context.output.data(outcome, |outcome| match outcome {
        Outcome::Promoted(promoted) => promotion(deployment, promoted),
        Outcome::Unchanged { revision, http } => {
            format!(
                "{} serves {} already (revision {}) on http://{http}",
                deployment.name(),
                revision.version,
                revision.number
            )
        }
        other => format!("{other:?}"),
    })
}

fn promotion(deployment: &Deployment, promoted: &Promoted) -> String {
    let from = promoted.previous.as_ref().map(|old| format!(", after {}", old.version)).unwrap_or_default();
    format!(
        "{} serves {} (revision {}{from}) on http://{}, {} ms after the first step",
        deployment.name(),
        promoted.revision.version,
        promoted.revision.number,
        promoted.http,
        promoted.took.total_ms,
    )
}
