//! `briq registry serve`: the local store as an OCI registry.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use briq_store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::context::Context;
use crate::exit::{Code, Failure};

/// Run an OCI registry over a store
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Serve a store as an OCI registry, in the foreground
    Serve(Serve),
}

#[derive(clap::Args)]
struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:5000", value_name = "ADDR")]
    listen: SocketAddr,
    /// The store [default: the local one]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

pub(crate) fn run(arguments: Arguments, context: &Context) -> anyhow::Result<()> {
    let Verb::Serve(serve) = arguments.verb;
    let store = match &serve.root {
        Some(root) => Store::open(root)?,
        None => context.store()?,
    };
    context.wait(async {
        let listener = TcpListener::bind(serve.listen).await.map_err(|error| {
            let message = format!("cannot listen on {}", serve.listen);
            anyhow::Error::new(error).context(Failure::new(Code::Unavailable, message).hint("choose another port"))
        })?;
        context.output.note(format!("a registry is on {}", listener.local_addr()?));
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
        let stop = async move {
            tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
        };
        briq_registry_server::serve(listener, store, stop).await.context("the registry failed")
    })?
}
