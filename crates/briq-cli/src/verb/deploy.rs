//! `briq deploy`: lets a version serve, behind its gates.

use std::net::SocketAddr;
use std::path::PathBuf;

use briq_deploy::{Deployment, Launch, Outcome, Plan, Promoted, Proposal, systemd_unit};
use briq_model::Backend;
use briq_package::Package;
use briq_spec::Policy;
use briq_spec::deployment::{DeploymentName, Desired};

use crate::compute;
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::verb::supervise;
use crate::{locate, trust};

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
    /// What computes [default: auto, or what computes there already]
    #[arg(long, value_parser = compute::parser())]
    backend: Option<Backend>,
    /// Let nothing serve that does not meet this policy, a TOML file [default: the policy that holds there already]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Lift the policy that holds there
    #[arg(long, conflicts_with = "policy")]
    no_policy: bool,
    /// Print the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print a systemd unit that supervises the deployment, and change nothing
    #[arg(long)]
    systemd: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let context = &context.on(arguments.backend.unwrap_or_default());
    let only_shows = arguments.dry_run || arguments.systemd;
    let find = if only_shows { locate::package } else { locate::stored };
    let package = find(context, &arguments.reference)?;
    let name = name(arguments, &package)?;
    let supervisor = supervise::command(context, &name)?;
    if arguments.systemd {
        let command = supervisor();
        let words = std::iter::once(command.get_program()).chain(command.get_args()).map(Into::into);
        return context.output.raw(&systemd_unit(&name, context.home.path(), &words.collect::<Vec<_>>()));
    }
    let deployment = Deployment::at(context.home.path(), name);
    let proposal = proposal(arguments, &deployment, &package)?;
    trust::admit(proposal.policy.as_ref(), &package)?;
    note_unproven(context, &package);
    if arguments.dry_run {
        return plan(context, &deployment.plan(&proposal)?);
    }
    locate::base(context, &arguments.reference, &package)?;
    let outcome = deployment.deploy(&proposal, &Launch { supervisor: &supervisor, wait: true })?;
    report(context, &deployment, &outcome)
}

fn name(arguments: &Arguments, package: &Package) -> anyhow::Result<DeploymentName> {
    match &arguments.name {
        Some(name) => Ok(name.clone()),
        None => Ok(package.manifest().name.short().replace(['.', '_'], "-").parse()?),
    }
}

fn proposal(arguments: &Arguments, deployment: &Deployment, package: &Package) -> anyhow::Result<Proposal> {
    let current = match deployment.status() {
        Ok(status) => status.desired,
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error.into()),
    };
    let there = current.as_ref().map(|desired| desired.http);
    let manifest = package.manifest();
    Ok(Proposal {
        package: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: package.digest(),
        source: arguments.reference.clone(),
        http: arguments.http.or(there).unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
        backend: backend(arguments.backend, current.as_ref())?.to_string(),
        policy: policy(arguments, current.as_ref())?,
    })
}

/// What is asked for, else what computes there already, else what `auto` is here; it has to be available.
fn backend(asked: Option<Backend>, current: Option<&Desired>) -> anyhow::Result<Backend> {
    let there = current.map(|desired| desired.backend.parse::<Backend>()).transpose()?;
    let backend = asked.or(there).unwrap_or_default().resolved();
    backend.device()?;
    Ok(backend)
}

/// What is asked for, else what holds there already.
fn policy(arguments: &Arguments, current: Option<&Desired>) -> anyhow::Result<Option<Policy>> {
    match &arguments.policy {
        Some(path) => Ok(Some(trust::policy(path)?)),
        None if arguments.no_policy => Ok(None),
        None => Ok(current.and_then(|desired| desired.policy.as_deref().cloned())),
    }
}

fn note_unproven(context: &Context, package: &Package) {
    if package.manifest().golden.is_none() {
        context.output.note("warning: the package has no golden examples, so nothing proves its answers on this host");
    }
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
