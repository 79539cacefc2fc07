//! The deployment: started, asked, and asked about.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::digit::Digit;
use super::learn::timed;
use super::stage::{NAME, Stage, word};
use crate::briq::{at, find};
use crate::http;
use crate::load::Question;
use crate::story::Story;

/// The command that deploys for the first time; the server takes a free port.
const FIRST: [&str; 8] = ["deploy", "digits@=1.0.0", "--to", "local", "--name", NAME, "--http", "127.0.0.1:0"];

/// A model that answers.
pub(super) struct Served {
    address: SocketAddr,
    input: Value,
}

/// `briq deploy`: ready only after the golden examples were replayed on this machine.
pub(super) fn deploy(stage: &Stage, story: &mut Story) -> Result<Served> {
    story.step("Deploy 1.0.0 as a supervised server");
    story.command(&format!("briq {}", FIRST.join(" ")));
    let (served, took) = timed(|| quietly(stage))?;
    story.done("its golden examples were replayed on this machine, and it answers");
    story.figure("deployed, warm and proven in", took);
    Ok(served)
}

/// Deploys, and asks the server what it takes.
pub(super) fn quietly(stage: &Stage) -> Result<Served> {
    stage.briq.read(&FIRST)?;
    let address = at(&stage.briq.json(&["status", NAME])?, "/server/http")?.parse().context("not an address")?;
    let model = http::json(address, "GET", &format!("/v2/models/{NAME}"), b"")?;
    let input = model["inputs"][0].clone();
    ensure!(input.is_object(), "the model says nothing of its input: {model}");
    Ok(Served { address, input })
}

impl Served {
    /// What a load asks.
    pub(super) fn question(&self, digit: &Digit) -> Question {
        let body = digit.request(&self.input).to_string().into_bytes();
        Question { address: self.address, path: format!("/v2/models/{NAME}/infer"), body }
    }
}

/// A real digit over HTTP, and the same by `briq predict`.
pub(super) fn predict(stage: &Stage, served: &Served, digit: &Digit, story: &mut Story) -> Result<()> {
    story.step(&format!("Predict: row {} of the data", digit.row));
    story.note(&digit.picture());
    let Question { address, path, body } = served.question(digit);
    story.command(&format!("curl http://{address}{path} --data @digit.json"));
    let remote = scores(&http::json(address, "POST", &path, &body)?)?;
    let (class, score) = best(&remote).context("an empty prediction")?;
    story.tick(&format!("it is a {class}, says the server, with {:.1} %", score * 100.0));
    ensure!(class.to_string() == digit.label, "a person says that it is a {}", digit.label);

    let file = stage.folder.join("digit.json");
    std::fs::write(&file, body)?;
    story.command(&format!("briq predict {NAME}@=1.0.0 --input digit.json"));
    let printed = stage.briq.read(&["predict", &format!("{NAME}@=1.0.0"), "--input", word(&file)?])?;
    let local = scores(&serde_json::from_str(&printed).context("briq predict prints JSON")?)?;
    ensure!(local.len() == remote.len(), "briq predict gives {} scores, the server {}", local.len(), remote.len());
    let apart = local.iter().zip(&remote).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    ensure!(apart < 1e-5, "briq predict and the server are {apart} apart");
    story.done(&format!("briq predict says the same, within {apart:.0e}; so does the person who wrote it"));
    Ok(())
}

/// `briq status` and `briq history`: what runs, and how it came to.
pub(super) fn tell(stage: &Stage, story: &mut Story) -> Result<()> {
    story.step("What happened, told by Briq");
    for verb in ["status", "history"] {
        story.command(&format!("briq {verb} {NAME}"));
        story.note(&stage.briq.read(&[verb, NAME])?);
    }
    ensure!(running_version(stage)? == "1.0.0", "1.0.0 should be serving");
    story.done("1.0.0 serves, and the log of how it came to is chained by hashes");
    Ok(())
}

/// The version that `briq status` says is serving.
pub(super) fn running_version(stage: &Stage) -> Result<String> {
    at(&stage.briq.json(&["status", NAME])?, "/current/revision/version")
}

/// The first output of an answer, as numbers.
fn scores(answer: &Value) -> Result<Vec<f64>> {
    let output = find(answer, "outputs").and_then(|outputs| outputs.get(0));
    let data = output.and_then(|output| output["data"].as_array());
    let data = data.with_context(|| format!("no numbers in {answer}"))?;
    Ok(data.iter().filter_map(Value::as_f64).collect())
}

fn best(scores: &[f64]) -> Option<(usize, f64)> {
    scores.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
}
