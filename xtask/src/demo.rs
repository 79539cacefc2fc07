//! `cargo xtask demo`: Briq's main job end to end, on real data, told as a story.
//!
//! Each chapter runs the verbs that a person would type, checks what they did by other means where there are any, and
//! keeps its figures for the table at the end.

mod digit;
mod handle;
mod learn;
mod package;
mod publish;
mod rollout;
mod serve;
mod stage;
mod tamper;

use std::path::Path;

use anyhow::Result;

use crate::load::Question;
use crate::story::{Story, seconds};
use crate::workspace::Workspace;
use stage::Stage;

/// What `cargo xtask demo` may be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leave the deployment running and the files in place
    #[arg(long)]
    keep: bool,
    /// How long the load runs before and after each rollout
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Connections of the load
    #[arg(long, default_value_t = 8)]
    connections: usize,
}

impl Arguments {
    /// The whole story with short loads.
    pub(crate) fn short() -> Self {
        Self { keep: false, seconds: 0.3, connections: 8 }
    }
}

/// Tells the whole story, and cleans up after it.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    println!("building briq; the first time takes a while");
    let program = workspace.build_briq()?;
    let mut story =
        Story::new("Briq", "from a table of numbers to a supervised deployment, its update and its rollback");
    let stage = Stage::set(&program, arguments.seconds, arguments.connections)?;
    let outcome = chapters(&stage, &mut story);
    if let Err(error) = &outcome {
        story.cross(&format!("{error:#}"));
    }
    finish(stage, arguments.keep, &mut story)?;
    outcome
}

fn chapters(stage: &Stage, story: &mut Story) -> Result<()> {
    learn::design(stage, story)?;
    learn::train_first(stage, story)?;
    learn::evaluate(stage, story)?;
    package::pack(stage, story)?;
    package::verify(stage, story)?;
    publish::publish(stage, story)?;
    publish::pull(stage, story)?;
    let digit = digit::Digit::pick(&stage.project)?;
    let served = serve::deploy(stage, story)?;
    serve::predict(stage, &served, &digit, story)?;
    learn::train_better(stage, story)?;
    let question = served.question(&digit);
    rollout::calm(stage, &question, story)?;
    rollout::update(stage, &question, story)?;
    rollout::roll_back(stage, &question, story)?;
    rollout::refuse(stage, &question, story)?;
    serve::tell(stage, story)
}

/// Serves a network of one epoch for as long as the work takes, and leaves nothing behind.
pub(crate) fn with_server<T>(program: &Path, work: impl FnOnce(&Question) -> Result<T>) -> Result<T> {
    let stage = Stage::set(program, 0.0, 1)?;
    let outcome = learn::quickly(&stage).and_then(|()| {
        let digit = digit::Digit::pick(&stage.project)?;
        work(&serve::quietly(&stage)?.question(&digit))
    });
    stage.clear()?;
    outcome
}

fn finish(stage: Stage, keep: bool, story: &mut Story) -> Result<()> {
    story.step(if keep { "Left running, as asked" } else { "Clean up" });
    if keep {
        let (home, program) = (stage.briq.home.clone().unwrap_or_default(), stage.briq.program.clone());
        stage.keep()?;
        story.note(&format!("export BRIQ_HOME={}\n{} stop {}", home.display(), program.display(), stage::NAME));
    } else {
        stage.clear()?;
        story.done("the deployment is stopped, the files are gone");
    }
    story.figure("the whole demo", seconds(story.elapsed()));
    story.close();
    Ok(())
}
