//! An inference server over any [`briq_engine::Engine`]: the Open Inference Protocol v2 over HTTP, hot swap, metrics.
//!
//! The shape follows from three promises.
//!
//! - *A swap disturbs nobody.* Another version is loaded, warmed and proven on a thread of its own; then one atomic
//!   pointer moves. No connection is closed, no request waits, and the old version is freed after its last request.
//!   A version that cannot be loaded or fails its golden examples is refused, and what served goes on serving.
//! - *One request's misfortune is its own.* An engine that panics costs its request a 500; a queue that is full
//!   costs the newest a 503 with `Retry-After`; a body that is malformed costs a 400 that says what is wrong.
//! - *Nothing under way is lost.* A drain (SIGTERM, or the supervisor's word) finishes what was begun, and an
//!   inherited listening socket keeps new connections waiting for the next server rather than refusing them.
//!
//! It refuses to know where models come from or what computes them (a [`briq_engine::Loader`] does), to load models
//! at the word of an HTTP client (only the control socket, open to its owner alone, may), and to terminate TLS.
//!
//! # Example
//!
//! ```no_run
//! use briq_serve::{Options, PreparedListener, Server, Source};
//! # fn load(locator: &str) -> Result<briq_engine::LoadedModel, briq_engine::EngineError> {
//! #     Err(briq_engine::EngineError::not_found(locator))
//! # }
//!
//! let listener = PreparedListener::bind("127.0.0.1:8080".parse()?)?;
//! let options = Options { models: vec![Source::new("digits-1.0.0.briq")], ..Options::default() };
//! let server = Server::bind(listener, load, options)?;
//! println!("http://{}", server.address());
//! server.run()?; // until SIGTERM
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it answers
//!
//! | path | what |
//! |---|---|
//! | `GET /v2`, `/v2/health/live`, `/v2/health/ready` | server metadata, health |
//! | `GET /v2/models/{m}[/versions/{v}]`, `…/ready`, `…/stats` | model metadata, readiness, Triton's statistics |
//! | `POST /v2/models/{m}[/versions/{v}]/infer` | inference, JSON and binary tensors, `classification` |
//! | `POST /v2/repository/index` | the models that serve |
//! | `GET /metrics` | Prometheus text, with Triton's names |
//! | `GET /`, `/status` | a page for people, and the JSON that it polls |

mod options;
mod server;

mod error;
mod listener;
mod swap;

mod control;
mod http;
mod protocol;

mod metrics;
mod pool;
mod refusal;
mod repository;
mod shared;
mod state;

pub use error::{ServeError, ServeErrorKind};
pub use listener::PreparedListener;
pub use options::{Options, Source};
pub use server::{Handle, Server};
pub use swap::{Proof, SwapError, Swapped};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
