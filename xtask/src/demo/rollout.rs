//! Update, rollback and refusal, each while every connection of a load keeps asking.

use anyhow::{Context, Result, ensure};

use super::serve::running_version;
use super::stage::{NAME, Stage, word};
use super::tamper;
use crate::load::{Load, Question, Tally};
use crate::story::{Story, seconds};

/// The load alone: what the waits of the rollouts are to be compared with.
pub(super) fn calm(stage: &Stage, question: &Question, story: &mut Story) -> Result<()> {
    story.step("Ask it again and again, with nothing else going on");
    let tally = under_load(stage, question, story, || Ok(()))?;
    judge(story, &tally, "calm")?;
    story.done("this is what a rollout must not disturb");
    Ok(())
}

/// 1.1.0 replaces 1.0.0.
pub(super) fn update(stage: &Stage, question: &Question, story: &mut Story) -> Result<()> {
    story.step("Roll out 1.1.0 while people keep asking");
    let deploy = deploy_words("1.1.0");
    let tally = under_load(stage, question, story, || {
        story.command(&format!("briq {}", deploy.join(" ")));
        stage.briq.read(&words(&deploy)).map(drop)
    })?;
    ensure!(running_version(stage)? == "1.1.0", "1.1.0 should be serving");
    judge(story, &tally, "update")?;
    story.done("1.1.0 serves");
    Ok(())
}

/// Back to 1.0.0.
pub(super) fn roll_back(stage: &Stage, question: &Question, story: &mut Story) -> Result<()> {
    story.step("Roll back to 1.0.0, again under load");
    let tally = under_load(stage, question, story, || {
        story.command(&format!("briq rollback {NAME}"));
        stage.briq.read(&["rollback", NAME]).map(drop)
    })?;
    ensure!(running_version(stage)? == "1.0.0", "1.0.0 should be serving");
    judge(story, &tally, "rollback")?;
    story.done("1.0.0 serves again");
    Ok(())
}

/// A version whose golden examples fail never serves.
pub(super) fn refuse(stage: &Stage, question: &Question, story: &mut Story) -> Result<()> {
    story.step("Try 1.2.0, whose golden examples do not hold");
    tamper::swap_golden_outputs(&stage.file("1.1.0"), &stage.file("1.0.0"), &stage.file("1.2.0"))?;
    stage.briq.read(&["publish", word(&stage.file("1.2.0"))?])?;
    story.note("the network of 1.1.0, packed with the expected outputs of 1.0.0");
    let deploy = deploy_words("1.2.0");
    let mut refusal = None;
    let tally = under_load(stage, question, story, || {
        story.command(&format!("briq {}", deploy.join(" ")));
        refusal = Some(stage.briq.refused(&words(&deploy))?);
        Ok(())
    })?;
    let (code, error) = refusal.context("the rollout was tried")?;
    story.note(&error);
    ensure!(running_version(stage)? == "1.0.0", "1.0.0 should go on serving");
    ensure!(tally.versions.keys().all(|version| version == "1.0.0"), "answers came from {:?}", tally.versions);
    judge(story, &tally, "refusal")?;
    story.done(&format!("refused with exit code {code}; 1.0.0 went on serving"));
    Ok(())
}

/// Does something while the load runs, with a breath before and after.
fn under_load(stage: &Stage, question: &Question, story: &Story, work: impl FnOnce() -> Result<()>) -> Result<Tally> {
    let load = Load::start(question, stage.connections);
    story.note(&format!("{} connections keep asking", stage.connections));
    std::thread::sleep(stage.breath);
    let outcome = work();
    std::thread::sleep(stage.breath);
    let tally = load.stop()?;
    outcome.map(|()| tally)
}

/// No request may have failed; how long the slowest took is told.
fn judge(story: &mut Story, tally: &Tally, during: &str) -> Result<()> {
    let versions: Vec<_> = tally.versions.iter().map(|(version, count)| format!("{count} by {version}")).collect();
    let failed = tally.failures.len();
    story.tick(&format!("{} requests: {}; {failed} failed", tally.requests(), versions.join(", ")));
    story.tick(&format!(
        "half within {}, the slowest of all {}",
        seconds(tally.quantile(0.5)),
        seconds(tally.longest())
    ));
    let value = format!("{} sent, {failed} failed, longest wait {}", tally.requests(), seconds(tally.longest()));
    story.figure(&format!("requests during the {during}"), value);
    ensure!(failed == 0, "{failed} requests failed, the first so: {}", tally.failures[0]);
    ensure!(!tally.latencies.is_empty(), "the load got no answer at all");
    Ok(())
}

/// Without an address: the deployment keeps the one it has.
fn deploy_words(version: &str) -> Vec<String> {
    ["deploy", &format!("{NAME}@={version}"), "--to", "local", "--name", NAME].map(str::to_owned).to_vec()
}

fn words(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}
