//! What must hold after a rollout. The golden examples were the gate before it: a version that fails them never serves,
//! and `briq deploy` ends with an error.

use anyhow::{Context, Result, ensure};

use super::plan::Release;
use crate::briq::{Briq, at};
use crate::http::Connection;
use crate::story::Story;

/// Asks the supervisor and the server; undoes the rollout when an answer is not as it should be.
pub(super) fn hold(briq: &Briq, release: &Release, roll_back: bool, story: &Story) -> Result<()> {
    let Err(error) = ask(briq, release, roll_back) else {
        story.tick("ready, and the right version answers");
        return Ok(());
    };
    if !roll_back {
        return Err(error);
    }
    story.cross(&format!("{error:#}; rolling back"));
    briq.show(&["rollback", &release.deployment]).context("roll back after a gate did not hold")?;
    Err(error.context("a gate did not hold, and the rollout was undone"))
}

/// After a rollback any version may answer; after a release, only the one that was released.
fn ask(briq: &Briq, release: &Release, released: bool) -> Result<()> {
    let status = briq.json(&["status", &release.deployment])?;
    let running = at(&status, "/current/revision/version")?;
    ensure!(!released || running == release.version, "{running} is running, not {}", release.version);
    let address = at(&status, "/server/http")?.parse().context("not an address")?;
    let short = release.name.rsplit('/').next().unwrap_or(&release.name);
    for path in ["/v2/health/ready", &format!("/v2/models/{short}/ready")] {
        let answer = Connection::open(address)?.ask("GET", path, b"")?;
        ensure!(answer.status == 200, "GET {path} was answered {}", answer.status);
    }
    Ok(())
}
