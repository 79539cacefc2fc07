//! `GET /metrics`: the Prometheus text format, with the names that Triton's dashboards know.

use std::fmt::{Display, Write};
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::metrics::{BOUNDS, Counters, Failure};
use crate::repository::{Repository, Slot};
use crate::shared::Shared;

/// A counter of one model version: its name, what it counts, and how to read it.
type Counter = (&'static str, &'static str, fn(&Counters) -> u64);

const COUNTERS: [Counter; 8] = [
    ("nv_inference_request_success", "Inference requests answered with tensors", Counters::success),
    ("nv_inference_count", "Inferences, a batch of n counting n", Counters::inferences),
    ("nv_inference_exec_count", "Calls of the engine", Counters::executions),
    ("nv_inference_request_duration_us", "Whole time of successful requests, in microseconds", |counters| {
        counters.request.timer.nanoseconds() / 1000
    }),
    ("nv_inference_queue_duration_us", "Time in the queue, in microseconds", |counters| {
        counters.queue.nanoseconds() / 1000
    }),
    ("nv_inference_compute_input_duration_us", "Time to read the inputs, in microseconds", |counters| {
        counters.input.nanoseconds() / 1000
    }),
    ("nv_inference_compute_infer_duration_us", "Time in the engine, in microseconds", |counters| {
        counters.infer.nanoseconds() / 1000
    }),
    ("nv_inference_compute_output_duration_us", "Time to write the outputs, in microseconds", |counters| {
        counters.output.nanoseconds() / 1000
    }),
];

pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let text = write(&shared);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn write(shared: &Shared) -> String {
    let mut text = Text(String::new());
    let empty = Repository::new();
    let repository = shared.repository().unwrap_or(&empty);
    for (name, help, read) in COUNTERS {
        text.family(name, "counter", help);
        each_version(repository, |labels, counters| text.sample(name, labels, read(counters)));
    }
    failures(&mut text, repository);
    pending(&mut text, repository);
    latency(&mut text, repository);
    info(&mut text, repository);
    swaps(&mut text, shared);
    text.0
}

fn each_version(repository: &Repository, mut visit: impl FnMut(&str, &Counters)) {
    for (name, slot) in repository {
        for version in slot.all_counters() {
            visit(&labels(&[("model", name), ("version", &version.version)]), &version.counters);
        }
    }
}

fn failures(text: &mut Text, repository: &Repository) {
    let name = "nv_inference_request_failure";
    text.family(name, "counter", "Inference requests that failed, by reason");
    each_version(repository, |labels, counters| {
        for (failure, reason) in Failure::ALL {
            let labels = format!("{labels},reason=\"{reason}\"");
            text.sample(name, &labels, counters.failure(failure));
        }
    });
}

fn pending(text: &mut Text, repository: &Repository) {
    let name = "nv_inference_pending_request_count";
    text.family(name, "gauge", "Inference requests that wait for a thread");
    each_slot(repository, |labels, slot| text.sample(name, labels, slot.pool.pending()));
}

fn each_slot(repository: &Repository, mut visit: impl FnMut(&str, &Slot)) {
    for (name, slot) in repository {
        let version = slot.serving().model.version.clone();
        visit(&labels(&[("model", name), ("version", &version)]), slot);
    }
}

fn latency(text: &mut Text, repository: &Repository) {
    let name = "http_server_request_duration_seconds";
    text.family(name, "histogram", "Whole time of successful inference requests");
    each_version(repository, |labels, counters| {
        let cumulative = counters.request.cumulative();
        for (bound, count) in BOUNDS.iter().zip(cumulative) {
            text.sample(&format!("{name}_bucket"), &format!("{labels},le=\"{bound}\""), count);
        }
        let count = cumulative[BOUNDS.len()];
        text.sample(&format!("{name}_bucket"), &format!("{labels},le=\"+Inf\""), count);
        text.sample(&format!("{name}_sum"), labels, counters.request.timer.nanoseconds() as f64 / 1e9);
        text.sample(&format!("{name}_count"), labels, count);
    });
}

fn info(text: &mut Text, repository: &Repository) {
    text.family("briq_model_info", "gauge", "The version that serves");
    each_slot(repository, |known, slot| {
        let serving = slot.serving();
        let (digest, backend) = (serving.model.digest.as_str(), serving.model.engine.backend());
        let more = labels(&[("digest", digest), ("backend", backend)]);
        text.sample("briq_model_info", &format!("{known},{more}"), 1);
    });
    text.family("briq_model_revision", "gauge", "The revision of the deployment that serves");
    each_slot(repository, |labels, slot| text.sample("briq_model_revision", labels, slot.serving().revision));
    text.family("briq_model_load_seconds", "gauge", "Time to load and warm the version that serves");
    each_slot(repository, |labels, slot| {
        text.sample("briq_model_load_seconds", labels, slot.serving().proof.load.as_secs_f64());
    });
    text.family("briq_model_golden_seconds", "gauge", "Time to replay its golden examples");
    each_slot(repository, |labels, slot| {
        text.sample("briq_model_golden_seconds", labels, slot.serving().proof.golden.as_secs_f64());
    });
}

fn swaps(text: &mut Text, shared: &Shared) {
    let (accepted, refused) = shared.swaps();
    text.family("briq_swaps_total", "counter", "Versions that were to be put in place, by outcome");
    text.sample("briq_swaps_total", "outcome=\"accepted\"", accepted);
    text.sample("briq_swaps_total", "outcome=\"refused\"", refused);
}

/// The text format under construction.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}.\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name}{{{labels}}} {value}");
    }
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    pairs.join(",")
}
