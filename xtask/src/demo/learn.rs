//! Design and training: the project, a first version after a few epochs, a better one after all of them.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::stage::{NAME, Stage, word};
use crate::story::{Story, seconds};

/// Epochs of the first version: good enough to be published, and not as good as it gets.
const FEW_EPOCHS: u32 = 6;
/// Epochs of the better version, at most.
const MANY_EPOCHS: u32 = 14;

/// `briq new`: a project with real data and a network that is declared, not programmed.
pub(super) fn design(stage: &Stage, story: &mut Story) -> Result<()> {
    story.step("Design: a project with 1,797 handwritten digits");
    story.command(&format!("briq new {NAME} --template digits"));
    stage.briq.read(&["new", word(&stage.project)?, "--template", "digits"])?;
    let layers = recipe(stage)?.matches("[[layer]]").count();
    story.done(&format!("briq.toml declares the data, {layers} layers and how to train them"));
    Ok(())
}

/// `briq train` for a few epochs, then `briq pack`.
pub(super) fn train_first(stage: &Stage, story: &mut Story) -> Result<()> {
    story.step(&format!("Train 1.0.0, for {FEW_EPOCHS} epochs only"));
    train(stage, story, "1.0.0", FEW_EPOCHS, 0.95)
}

/// `briq evaluate`: any package, on any labelled table.
pub(super) fn evaluate(stage: &Stage, story: &mut Story) -> Result<()> {
    story.step("Evaluate it on all the data, what it learnt from included");
    story.command(&format!("briq evaluate {NAME}-1.0.0.briq --data {NAME}/data/digits.csv.gz"));
    let (file, data) = (stage.file("1.0.0"), stage.project.join("data").join("digits.csv.gz"));
    let figures = stage.briq.json(&["evaluate", word(&file)?, "--data", word(&data)?])?;
    let (examples, accuracy) = (&figures["examples"], figures["metrics"]["accuracy"].as_f64());
    let accuracy = accuracy.with_context(|| format!("an evaluation without accuracy: {figures}"))?;
    story.done(&format!("{:.2} % of {examples} digits", accuracy * 100.0));
    Ok(())
}

/// The same network for longer, published as a compatible version.
pub(super) fn train_better(stage: &Stage, story: &mut Story) -> Result<()> {
    story.step("Train 1.1.0, for as long as it gets better");
    train(stage, story, "1.1.0", MANY_EPOCHS, 0.97)?;
    stage.briq.read(&["publish", word(&stage.file("1.1.0"))?])?;
    story.tick("packed and published as digits 1.1.0");
    Ok(())
}

/// Trains, packs, and reads from the package how good it is on the part of the data that it has never seen.
fn train(stage: &Stage, story: &mut Story, version: &str, epochs: u32, least: f64) -> Result<()> {
    let versioned = set(&recipe(stage)?, "version", &format!("\"{version}\""));
    write_recipe(stage, &set(&versioned, "epochs", &epochs.to_string()))?;
    let project = word(&stage.project)?;
    story.command(&format!("briq train {NAME}"));
    stage.briq.show(&["train", project])?;
    story.done("trained, validated after each epoch, and kept where it was best");
    let file = stage.file(version);
    stage.briq.read(&["pack", project, "-o", word(&file)?])?;
    let package = stage.briq.json(&["inspect", word(&file)?])?;
    let accuracy = package.pointer("/manifest/metrics/accuracy").and_then(Value::as_f64);
    let accuracy = accuracy.with_context(|| format!("the package tells no accuracy: {package}"))?;
    story.tick(&format!("{:.2} % right on digits it has never seen", accuracy * 100.0));
    story.figure(&format!("test accuracy of {version}"), format!("{:.2} %", accuracy * 100.0));
    ensure!(accuracy >= least, "{version} is right on {accuracy} of the held-out digits only");
    Ok(())
}

/// A published network that was trained for one epoch.
pub(super) fn quickly(stage: &Stage) -> Result<()> {
    let (project, file) = (word(&stage.project)?, stage.file("1.0.0"));
    stage.briq.read(&["new", project, "--template", "digits"])?;
    write_recipe(stage, &set(&set(&recipe(stage)?, "version", "\"1.0.0\""), "epochs", "1"))?;
    stage.briq.read(&["train", project])?;
    stage.briq.read(&["pack", project, "-o", word(&file)?])?;
    stage.briq.read(&["publish", word(&file)?]).map(drop)
}

fn recipe(stage: &Stage) -> Result<String> {
    std::fs::read_to_string(stage.project.join("briq.toml")).context("read briq.toml")
}

fn write_recipe(stage: &Stage, text: &str) -> Result<()> {
    std::fs::write(stage.project.join("briq.toml"), text).context("write briq.toml")
}

/// The recipe with one key set to another value, comments and all else as they were.
fn set(recipe: &str, key: &str, value: &str) -> String {
    let line = |line: &str| match line.split_once('=') {
        Some((name, _)) if name.trim() == key => format!("{key} = {value}\n"),
        _ => format!("{line}\n"),
    };
    recipe.lines().map(line).collect()
}

/// How long a measured command took, for the table.
pub(super) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, String)> {
    let began = std::time::Instant::now();
    Ok((work()?, seconds(began.elapsed())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_one_key() {
        let recipe = "[package]\nversion = \"0.1.0\" # first\n[train]\nepochs = 60\nbatch-size = 8\n";
        let changed = set(&set(recipe, "version", "\"1.0.0\""), "epochs", "3");
        assert_eq!(changed, "[package]\nversion = \"1.0.0\"\n[train]\nepochs = 3\nbatch-size = 8\n");
    }
}
