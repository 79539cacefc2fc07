//! Publishing to the local store, resolving, locking, and pulling into another home.

use anyhow::{Result, ensure};

use super::stage::{NAME, Stage, word};
use crate::briq::at;
use crate::story::Story;

/// `briq publish`, `briq resolve`, `briq lock`.
pub(super) fn publish(stage: &Stage, story: &mut Story) -> Result<()> {
    story.step("Publish 1.0.0, resolve it by requirement, lock it");
    story.command(&format!("briq publish {NAME}-1.0.0.briq"));
    stage.briq.read(&["publish", word(&stage.file("1.0.0"))?])?;
    story.tick("in the local store, an OCI image layout");
    story.command(&format!("briq resolve {NAME}@^1"));
    let resolved = stage.briq.json(&["resolve", &format!("{NAME}@^1")])?;
    story.tick(&format!("{NAME} {}: {}", at(&resolved, "/version")?, at(&resolved, "/digest")?));
    let lock = stage.folder.join("briq.lock");
    story.command(&format!("briq lock {NAME}@^1"));
    stage.briq.read(&["lock", &format!("{NAME}@^1"), "--file", word(&lock)?])?;
    let written = std::fs::read_to_string(lock)?;
    ensure!(written.contains(&at(&resolved, "/digest")?), "briq.lock names another package:\n{written}");
    story.done("briq.lock holds the version and its digest");
    Ok(())
}

/// `briq pull` into another home: the identical file comes out there.
pub(super) fn pull(stage: &Stage, story: &mut Story) -> Result<()> {
    story.step("Pull it into another home");
    let pulled = stage.folder.join("pulled.briq");
    story.command(&format!("briq pull {NAME}@^1 -o pulled.briq"));
    stage.briq.read(&["pull", &format!("{NAME}@^1"), "-o", word(&pulled)?])?;
    ensure!(std::fs::read(&pulled)? == std::fs::read(stage.file("1.0.0"))?, "what was pulled is not what was packed");
    story.tick("the very file that was packed, byte for byte");
    stage.other.read(&["publish", word(&pulled)?])?;
    let there = stage.other.json(&["resolve", &format!("{NAME}@^1")])?;
    story.done(&format!("the other home resolves {NAME}@^1 to {}", at(&there, "/version")?));
    Ok(())
}
