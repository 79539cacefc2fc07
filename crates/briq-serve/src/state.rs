//! What the server tells its supervisor of itself.

use briq_spec::control::{Loaded, ServerState};

use crate::repository::{Repository, Serving, Slot};
use crate::shared::Shared;

/// The server's state as the control protocol has it. A deployment has one model; of several, the first is told.
pub(crate) fn of(shared: &Shared) -> ServerState {
    let repository = shared.repository();
    let first = repository.and_then(|repository| repository.values().next());
    let (requests, failures) = repository.map_or((0, 0), totals);
    ServerState {
        phase: shared.phase(),
        model: first.and_then(|slot| loaded(&slot.serving())),
        pid: std::process::id(),
        http: Some(shared.address),
        requests,
        failures,
    }
}

/// A model whose name, version and digest are those of a package; others have no place in the protocol.
fn loaded(serving: &Serving) -> Option<Loaded> {
    let model = &serving.model;
    Some(Loaded {
        name: model.name.parse().ok()?,
        version: model.version.parse().ok()?,
        digest: model.digest.parse().ok()?,
        revision: serving.revision,
    })
}

/// Requests answered and, among them, failed.
fn totals(repository: &Repository) -> (u64, u64) {
    let versions = repository.values().flat_map(Slot::all_counters);
    versions.fold((0, 0), |(requests, failures), version| {
        let failed = version.counters.all_failures();
        (requests + version.counters.success() + failed, failures + failed)
    })
}
