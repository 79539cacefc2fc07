//! The server as its owner sees it: bind, run, and a handle to swap and drain it.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use axum::serve::ListenerExt;
use briq_engine::Loader;
use briq_spec::control::{Phase, ServerState};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::control::ControlSocket;
use crate::error::ServeError;
use crate::http;
use crate::listener::PreparedListener;
use crate::options::{Options, Source};
use crate::shared::Shared;
use crate::state;
use crate::swap::{SwapError, Swapped};

/// Threads that move bytes; computing has threads of its own.
const IO_THREADS: usize = 2;

/// An inference server that has its sockets and waits to be run.
pub struct Server {
    shared: Arc<Shared>,
    listener: PreparedListener,
    control: Option<ControlSocket>,
}

/// A way to swap, drain and ask a server while it runs; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Server {
    /// Takes the listening socket and opens the control socket. Nothing is loaded or answered yet.
    ///
    /// # Errors
    /// When the control socket cannot be opened, or another server answers on it.
    pub fn bind(
        listener: PreparedListener,
        loader: impl Loader + 'static,
        options: Options,
    ) -> Result<Self, ServeError> {
        let control = options.control.as_deref().map(ControlSocket::open).transpose()?;
        let shared = Shared::new(options, listener.address, Box::new(loader));
        Ok(Self { shared: Arc::new(shared), listener, control })
    }

    /// Where it listens for HTTP.
    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    /// A handle to it.
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    /// Runs it on a runtime of its own until it has drained, which SIGTERM, SIGINT or its supervisor begins.
    ///
    /// # Errors
    /// When a model does not come up, or the system refuses what is needed.
    pub fn run(self) -> Result<(), ServeError> {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(IO_THREADS).enable_all().build();
        let runtime = runtime.map_err(|error| ServeError::io("start the runtime", error))?;
        runtime.block_on(async {
            let signalled = termination().map_err(|error| ServeError::io("listen for signals", error))?;
            self.serve(signalled).await
        })
    }

    /// Runs it on the present runtime until it has drained, which `stop` or its supervisor begins.
    ///
    /// On a socket of its own it answers at once: health says that it is alive and not ready, and inference requests wait
    /// for the models. On an inherited one it accepts when the models are up.
    ///
    /// # Errors
    /// As for [`Server::run`].
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self { shared, listener, control } = self;
        let socket = TcpListener::from_std(listener.socket);
        let socket = socket.map_err(|error| ServeError::io("serve the socket", error))?;
        let control = control.map(|control| control.serve(Arc::clone(&shared))).transpose()?;
        let inherited = listener.inherited;
        let http = tokio::spawn(serve_http(Arc::clone(&shared), socket, inherited));
        let started = tokio::select! {
            started = start(Arc::clone(&shared)) => started,
            () = shared.wait_for_drain() => Ok(()),
        };
        if started.is_ok() {
            tokio::select! { () = stop => {}, () = shared.wait_for_drain() => {} }
        }
        shared.drain();
        finish(&shared, http).await;
        drop(control);
        started
    }
}

impl Handle {
    /// Brings up another version of a model on a thread of its own and, if it proves itself, puts it in place.
    ///
    /// # Errors
    /// When it was refused; what served before goes on serving.
    pub async fn swap(&self, source: Source) -> Result<Swapped, SwapError> {
        Arc::clone(&self.shared).swap(source).await
    }

    /// Begins to drain: no further connection is accepted, requests under way are finished.
    pub fn drain(&self) {
        self.shared.drain();
    }

    /// What the server is doing.
    pub fn state(&self) -> ServerState {
        state::of(&self.shared)
    }

    /// Waits until the models are up; false when the server ended before that.
    pub async fn ready(&self) -> bool {
        self.shared.wait_for_repository().await.is_some() && self.shared.phase() == Phase::Ready
    }
}

/// Starts the models on a thread where nothing else runs.
async fn start(shared: Arc<Shared>) -> Result<(), ServeError> {
    let (sender, receiver) = oneshot::channel();
    let work = move || {
        // Nobody listens when the server was drained before it started.
        let _ = sender.send(shared.start());
    };
    let thread = thread::Builder::new().name("briq-load".to_owned()).spawn(work);
    thread.map_err(|error| ServeError::io("start the loading thread", error))?;
    receiver.await.expect("the thread sends before it ends: loading catches panics")
}

async fn serve_http(shared: Arc<Shared>, socket: TcpListener, inherited: bool) {
    if inherited && shared.wait_for_repository().await.is_none() {
        return;
    }
    // Answers are small and whole: waiting to fill a packet only delays them.
    let socket = socket.tap_io(|connection| drop(connection.set_nodelay(true)));
    let router = http::router(Arc::clone(&shared));
    let drain = async move { shared.wait_for_drain().await };
    // Never fails: accept errors are retried inside.
    let _ = axum::serve(socket, router).with_graceful_shutdown(drain).into_future().await;
}

/// Waits for the requests under way, up to the drain timeout.
async fn finish(shared: &Shared, mut http: tokio::task::JoinHandle<()>) {
    if timeout(shared.options.drain_timeout, &mut http).await.is_err() {
        tracing::warn!("requests were still under way when the drain timed out");
        http.abort();
    }
}

/// A future that ends at the first SIGTERM or SIGINT.
fn termination() -> std::io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    })
}
