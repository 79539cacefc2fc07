//! `POST …/infer`: read the body, compute in the model's pool, answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use briq_engine::{Tensor, infer_checked};
use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::body::read;
use super::path::ModelPath;
use crate::metrics::{Counters, Failure};
use crate::pool::Full;
use crate::protocol::decode::{Decoded, decode};
use crate::protocol::encode::{Encoded, encode};
use crate::refusal::Refusal;
use crate::repository::{Serving, Slot};
use crate::shared::{Shared, now_ms};

/// The header that tells where JSON ends and binary data begins.
const JSON_LENGTH: &str = "inference-header-content-length";

pub(super) async fn infer(
    State(shared): State<Arc<Shared>>,
    path: ModelPath,
    request: Request<Body>,
) -> Result<Response, Refusal> {
    let start = Instant::now();
    let deadline = shared.options.deadline;
    // A request that comes while the models come up waits for them, so that a restart fails nobody.
    let repository = timeout(deadline, shared.wait_for_repository()).await;
    let repository = repository.map_err(|_| Refusal::unavailable("the models are not up yet"))?;
    let (parts, body) = request.into_parts();
    let body = read(body, shared.options.max_body, deadline).await;
    let slot = path.slot(repository)?;
    let serving = slot.serving();
    path.check_version(&serving)?;
    let mut tally = Tally { counters: Arc::clone(&serving.counters), start, outcome: Err(Failure::Canceled) };
    let remaining = deadline.saturating_sub(start.elapsed());
    let answer = async { compute(slot, serving, &parts.headers, body?, remaining).await }.await;
    tally.outcome = answer.as_ref().map(|_| ()).map_err(failure);
    answer.map(respond)
}

/// Counts a request when it ends, also when it ends because its client left.
struct Tally {
    counters: Arc<Counters>,
    start: Instant,
    outcome: Result<(), Failure>,
}

impl Drop for Tally {
    fn drop(&mut self) {
        match self.outcome {
            Ok(()) => self.counters.succeeded(self.start.elapsed()),
            Err(failure) => self.counters.failed(failure),
        }
    }
}

fn failure(refusal: &Refusal) -> Failure {
    match refusal.status {
        StatusCode::SERVICE_UNAVAILABLE => Failure::Rejected,
        StatusCode::GATEWAY_TIMEOUT => Failure::Canceled,
        StatusCode::INTERNAL_SERVER_ERROR => Failure::Backend,
        _ => Failure::Other,
    }
}

async fn compute(
    slot: &Slot,
    serving: Arc<Serving>,
    headers: &HeaderMap,
    body: Bytes,
    remaining: Duration,
) -> Result<Encoded, Refusal> {
    check_encoding(headers)?;
    let json = json_length(headers)?;
    let (reply, answer) = oneshot::channel();
    let job = Job { serving, body, json, queued: Instant::now(), reply };
    slot.pool.submit(move || job.run()).map_err(|Full| Refusal::unavailable("the queue is full"))?;
    let answer = timeout(remaining, answer).await.map_err(|_| Refusal::deadline())?;
    answer.unwrap_or_else(|_| Err(Refusal::internal("the model's engine panicked on this request")))
}

/// Tensors hardly compress; a client that compresses them all the same must be told, not misread.
fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            let message = "a compressed body is not supported";
            Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
        }
        _ => Ok(()),
    }
}

fn json_length(headers: &HeaderMap) -> Result<Option<usize>, Refusal> {
    let invalid = || Refusal::bad_request("Inference-Header-Content-Length is not a number of bytes");
    let value = headers.get(JSON_LENGTH);
    value.map(|value| value.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(invalid)).transpose()
}

/// One request on its way through the pool.
struct Job {
    serving: Arc<Serving>,
    body: Bytes,
    json: Option<usize>,
    queued: Instant,
    reply: oneshot::Sender<Result<Encoded, Refusal>>,
}

impl Job {
    fn run(self) {
        // The client left, or its deadline passed, while the request was queued: nobody waits for an answer.
        if self.reply.is_closed() {
            return;
        }
        self.serving.counters.queue.record(self.queued.elapsed());
        let answer = self.answer();
        // The same may have happened while it was computed.
        let _ = self.reply.send(answer);
    }

    fn answer(&self) -> Result<Encoded, Refusal> {
        let Serving { model, counters, .. } = &*self.serving;
        let start = Instant::now();
        let mut request = decode(&self.body, self.json, model.engine.inputs())?;
        counters.input.record(start.elapsed());
        let start = Instant::now();
        let outputs = self.infer(&mut request)?;
        counters.infer.record(start.elapsed());
        let start = Instant::now();
        let encoded = encode(model, &request, outputs);
        counters.output.record(start.elapsed());
        encoded
    }

    fn infer(&self, request: &mut Decoded) -> Result<Vec<Tensor>, Refusal> {
        let Serving { model, counters, .. } = &*self.serving;
        let inputs = std::mem::take(&mut request.inputs);
        let batch = batch(&inputs);
        let outputs = infer_checked(model.engine.as_ref(), inputs)?;
        counters.executed(batch, now_ms());
        for output in &outputs {
            output.validate().map_err(|error| Refusal::internal(format!("the engine's output is unfit: {error}")))?;
        }
        Ok(outputs)
    }
}

/// How many inferences a request asks for: the first dimension of its first input.
fn batch(inputs: &[Tensor]) -> u64 {
    let first = inputs.first().and_then(|input| input.shape.first());
    first.map_or(1, |size| *size as u64)
}

fn respond(encoded: Encoded) -> Response {
    let content = if encoded.json.is_some() { "application/octet-stream" } else { "application/json" };
    let mut response = encoded.body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    if let Some(length) = encoded.json {
        headers.insert(JSON_LENGTH, HeaderValue::from(length));
    }
    response
}
