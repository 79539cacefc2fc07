//! The server process of a deployment, started by its supervisor.

use std::path::PathBuf;

use briq_model::Backend;
use briq_serve::{Options, PreparedListener, Server, Source};
use briq_spec::deployment::DeploymentName;
use briq_spec::{Blake3Digest, Policy};

use super::serve::{loader, locator};
use crate::context::Context;

/// Serve a deployment: for its supervisor alone
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The deployment
    #[arg(long)]
    name: DeploymentName,
    /// The number of the listening socket
    #[arg(long)]
    listen_fd: i32,
    /// The control socket
    #[arg(long)]
    control: PathBuf,
    /// The package
    #[arg(long)]
    digest: Blake3Digest,
    /// The revision
    #[arg(long)]
    revision: u64,
    /// What computes
    #[arg(long)]
    backend: String,
    /// What every package must bring with it, as JSON
    #[arg(long)]
    policy: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let backend: Backend = arguments.backend.parse()?;
    let policy: Option<Policy> = arguments.policy.as_deref().map(serde_json::from_str).transpose()?;
    tracing::debug!(deployment = %arguments.name, revision = arguments.revision, "starting");
    let source = Source { locator: locator(&arguments.digest, context.home.path()), revision: arguments.revision };
    let options = Options {
        models: vec![source],
        control: Some(arguments.control.clone()),
        locate: locator,
        ..Options::default()
    };
    let listener = PreparedListener::inherited(arguments.listen_fd)?;
    Ok(Server::bind(listener, loader(backend, policy), options)?.run()?)
}
