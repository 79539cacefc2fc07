//! What must hold after a rollout. The golden examples were the gate before it: a version that fails them never serves,
//! and `briq deploy` ends with an error.

use anyhow::{Context, Result, ensure};

use super::plan::Release;
use crate::briq::{Briq, at};
use crate::http::{self, Connection};
use crate::story::Story;

/// Asks the server and the supervisor; undoes the rollout when an answer is not as it should be.
pub(super) fn hold(briq: &Briq, release: &Release, roll_back: bool, story: &Story) -> Result<()> {
    let outcome = healthy(release).and_then(|()| if roll_back { right_version(briq, release) } else { Ok(()) });
    match outcome {
        Ok(()) => story.tick("ready, and the right version answers"),
        Err(error) if roll_back => {
            story.cross(&format!("{error:#}; rolling back"));
            briq.show(&["rollback", &release.deployment]).context("roll back after a gate did not hold")?;
            return Err(error.context("a gate did not hold, and the rollout was undone"));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

fn healthy(release: &Release) -> Result<()> {
    let model = release.name.rsplit('/').next().unwrap_or(&release.name);
    for path in ["/v2/health/ready", &format!("/v2/models/{model}/ready")] {
        let answer = Connection::open(release.http)?.ask("GET", path, b"")?;
        ensure!(answer.status == 200, "GET {path} was answered {}", answer.status);
    }
    Ok(())
}

fn right_version(briq: &Briq, release: &Release) -> Result<()> {
    let running = at(&briq.json(&["status", &release.deployment])?, "/current/revision/version")?;
    ensure!(running == release.version, "{running} is running, not {}", release.version);
    let metadata = http::json(release.http, "GET", "/v2", b"")?;
    ensure!(metadata.is_object(), "the server does not say who it is");
    Ok(())
}
