//! `briq serve`: a server in the foreground.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use briq_engine::{EngineError, LoadedModel};
use briq_model::{Backend, Layered};
use briq_package::Package;
use briq_serve::{Options, PreparedListener, Server, Source};
use briq_spec::{Blake3Digest, Policy};
use briq_store::{Home, Store};

use crate::compute::{BackendArgument, share_weights};
use crate::context::Context;
use crate::{locate, trust};

/// Serve packages over the Open Inference Protocol, in the foreground
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The packages
    #[arg(value_name = "REF", required = true)]
    references: Vec<String>,
    /// Where to listen for HTTP; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    http: SocketAddr,
    #[command(flatten)]
    compute: BackendArgument,
    /// Threads that compute, for each model [default: one for each processor]
    #[arg(long)]
    threads: Option<usize>,
    /// Serve only what meets this policy, a TOML file
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let backend = arguments.compute.backend;
    let context = &context.on(backend);
    backend.device()?;
    let policy = arguments.policy.as_deref().map(trust::policy).transpose()?;
    let mut models = Vec::new();
    for reference in &arguments.references {
        let package = locate::stored(context, reference)?;
        trust::admit(policy.as_ref(), &package)?;
        locate::base(context, reference, &package)?;
        models.push(Source::new(locator(&package.digest(), context.home.path())));
    }
    let defaults = Options::default();
    let threads = arguments.threads.unwrap_or(defaults.threads);
    let options = Options { models, threads, locate: locator, ..defaults };
    let listener = PreparedListener::bind(arguments.http)?;
    let server = Server::bind(listener, loader(backend, policy), options)?;
    context.output.note(format!("serving on http://{}", server.address()));
    Ok(server.run()?)
}

/// What loader and server agree on: the store's home and the package in it.
pub(crate) fn locator(digest: &Blake3Digest, home: &Path) -> String {
    format!("{digest} {}", home.display())
}

/// Loads packages from the store that a locator names, where they meet the policy.
pub(crate) fn loader(
    backend: Backend,
    policy: Option<Policy>,
) -> impl Fn(&str) -> Result<LoadedModel, EngineError> + Send + Sync {
    move |locator| {
        let (home, digest) = parse(locator)?;
        let failed = |error| EngineError::load("cannot open the package in the store").with_source(error);
        let store = Store::open(home.store()).map_err(failed)?;
        let package = store.package(&digest).map_err(failed)?;
        if let Some(policy) = &policy {
            briq_package::policy::admit(policy, &package)
                .map_err(|error| EngineError::load("it may not be served here").with_source(error))?;
        }
        let base = base(&store, &package)?;
        let loaded = briq_model::load(Layered::new(&package, base.as_ref()), backend)
            .map_err(|error| EngineError::load("cannot load the package").with_source(error))?;
        // Nobody waits for that.
        std::thread::spawn(move || share_weights(&home));
        Ok(loaded)
    }
}

fn parse(locator: &str) -> Result<(Home, Blake3Digest), EngineError> {
    let unreadable = || EngineError::not_found(format!("`{locator}` is no locator"));
    let (digest, home) = locator.split_once(' ').ok_or_else(unreadable)?;
    let digest: Blake3Digest = digest.parse().map_err(|_| unreadable())?;
    Ok((Home::new(PathBuf::from(home)), digest))
}

/// The base of an adapter.
fn base(store: &Store, package: &Package) -> Result<Option<Package>, EngineError> {
    let manifest = package.manifest();
    let named = manifest.base().filter(|_| manifest.adapter.is_some());
    let failed = |error| EngineError::load("cannot open the base of the adapter in the store").with_source(error);
    named.map(|(_, digest)| store.package(&digest).map_err(failed)).transpose()
}
