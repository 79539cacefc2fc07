//! The verbs, one module each.

pub(crate) mod alias;
pub(crate) mod backends;
pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod delta;
pub(crate) mod deploy;
pub(crate) mod diff;
pub(crate) mod evaluate;
pub(crate) mod expand;
pub(crate) mod export;
pub(crate) mod gc;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod man;
pub(crate) mod new;
pub(crate) mod pack;
pub(crate) mod predict;
pub(crate) mod publish;
pub(crate) mod pull;
pub(crate) mod registry;
pub(crate) mod reproduce;
pub(crate) mod resolve;
pub(crate) mod rollback;
pub(crate) mod serve;
pub(crate) mod serve_deployment;
pub(crate) mod sign;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod supervise;
pub(crate) mod train;
pub(crate) mod unpack;
pub(crate) mod variant;
pub(crate) mod verify;
pub(crate) mod why;
pub(crate) mod yank;

use crate::arguments::Verb;
use crate::context::Context;

/// Carries out a verb.
pub(crate) fn run(verb: Verb, context: &Context) -> anyhow::Result<()> {
    match verb {
        Verb::New(arguments) => new::run(&arguments, context),
        Verb::Train(arguments) => train::run(&arguments, context),
        Verb::Evaluate(arguments) => evaluate::run(&arguments, context),
        Verb::Pack(arguments) => pack::run(&arguments, context),
        Verb::Import(arguments) => import::run(&arguments, context),
        Verb::Export(arguments) => export::run(&arguments, context),
        Verb::Inspect(arguments) => inspect::run(&arguments, context),
        Verb::Variant(arguments) => variant::run(&arguments, context),
        Verb::Diff(arguments) => diff::run(&arguments, context),
        Verb::Reproduce(arguments) => reproduce::run(&arguments, context),
        Verb::Verify(arguments) => verify::run(&arguments, context),
        Verb::Sign(arguments) => sign::run(&arguments, context),
        Verb::Delta(arguments) => delta::run(&arguments, context),
        Verb::Expand(arguments) => expand::run(&arguments, context),
        Verb::Unpack(arguments) => unpack::run(&arguments, context),
        Verb::Publish(arguments) => publish::run(&arguments, context),
        Verb::Resolve(arguments) => resolve::run(&arguments, context),
        Verb::Lock(arguments) => lock::run(&arguments, context),
        Verb::Pull(arguments) => pull::run(&arguments, context),
        Verb::List(arguments) => list::run(&arguments, context),
        Verb::Alias(arguments) => alias::run(&arguments, context),
        Verb::Yank(arguments) => yank::run(&arguments, context),
        Verb::Gc(arguments) => gc::run(&arguments, context),
        Verb::Predict(arguments) => predict::run(&arguments, context),
        Verb::Bench(arguments) => bench::run(&arguments, context),
        Verb::Serve(arguments) => serve::run(&arguments, context),
        Verb::Deploy(arguments) => deploy::run(&arguments, context),
        Verb::Status(arguments) => status::run(&arguments, context),
        Verb::History(arguments) => history::run(&arguments, context),
        Verb::Why(arguments) => why::run(&arguments, context),
        Verb::Rollback(arguments) => rollback::run(&arguments, context),
        Verb::Stop(arguments) => stop::run(&arguments, context),
        Verb::Backends(arguments) => backends::run(&arguments, context),
        Verb::Registry(arguments) => registry::run(arguments, context),
        Verb::Completions(arguments) => completions::run(&arguments, context),
        Verb::Man(arguments) => man::run(&arguments, context),
        Verb::Supervise(arguments) => supervise::run(&arguments, context),
        Verb::ServeDeployment(arguments) => serve_deployment::run(&arguments, context),
    }
}
