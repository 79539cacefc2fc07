//! The package: the same bytes every time, readable by anybody, and every byte of it checked.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::learn::timed;
use super::stage::{NAME, Stage, word};
use crate::briq::at;
use crate::process::succeeds;
use crate::story::{Story, bytes};

/// Packs a second time and compares; lets `unzip` look at it.
pub(super) fn pack(stage: &Stage, story: &mut Story) -> Result<()> {
    story.step("Pack: one file, the same bytes every time");
    let (first, second) = (stage.file("1.0.0"), stage.folder.join("again.briq"));
    story.command(&format!("briq pack {NAME} -o again.briq"));
    stage.briq.read(&["pack", word(&stage.project)?, "-o", word(&second)?])?;
    let (once, again) = (std::fs::read(&first)?, std::fs::read(&second)?);
    ensure!(once == again, "packed twice, and the bytes differ");
    story.done(&format!("packed twice: {} of identical bytes", bytes(once.len() as u64)));
    if succeeds("unzip", &["-v"]) {
        ensure!(succeeds("unzip", &["-tqq", word(&first)?]), "unzip -t finds a fault");
        story.tick("unzip -t: no errors detected");
    }
    story.figure("package", bytes(once.len() as u64));
    Ok(())
}

/// Inspects, verifies, and shows that one flipped byte is found.
pub(super) fn verify(stage: &Stage, story: &mut Story) -> Result<()> {
    story.step("Inspect, verify, and tamper with one byte");
    let file = stage.file("1.0.0");
    let path = word(&file)?;
    story.command(&format!("briq inspect {NAME}-1.0.0.briq"));
    story.note(&stage.briq.read(&["inspect", path])?);
    let digest = at(&stage.briq.json(&["inspect", path])?, "/digest")?;
    let (_, took) = timed(|| stage.briq.read(&["verify", path]))?;
    story.tick(&format!("every byte verified in {took}: {digest}"));
    let tampered = stage.folder.join("tampered.briq");
    let offset = flip_one_byte(&file, &tampered)?;
    story.command("briq verify tampered.briq");
    let (code, error) = stage.briq.refused(&["verify", word(&tampered)?])?;
    story.note(&error);
    story.done(&format!("one byte flipped at offset {offset}: found, exit code {code}"));
    Ok(())
}

/// Copies a file with one bit changed in the middle of its largest part, the weights.
fn flip_one_byte(from: &Path, to: &Path) -> Result<usize> {
    let mut content = std::fs::read(from).with_context(|| format!("read {}", from.display()))?;
    let offset = content.len() / 2;
    content[offset] ^= 1;
    std::fs::write(to, content).with_context(|| format!("write {}", to.display()))?;
    Ok(offset)
}
