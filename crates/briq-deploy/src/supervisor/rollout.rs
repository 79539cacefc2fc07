//! From one state to the next: plan, begin the first step, take up what became of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use briq_spec::deployment::Desired;

use super::backoff::STEADY;
use super::events::{SwapFailure, SwapTimes};
use super::server::{Endpoint, Server};
use super::{Supervisor, with_causes};
use crate::address;
use crate::history::Event as Recorded;
use crate::plan::{Observed, Step, plan};
use crate::proposal::Took;

/// What is under way.
pub(super) enum Operation {
    /// A server is starting; it takes the place of the serving one, if any, when it is ready.
    Starting(Server),
    /// The serving server is swapping to this revision.
    Swapping { desired: Desired, since: Instant },
}

impl Operation {
    pub(super) fn revision(&self) -> u64 {
        match self {
            Self::Starting(server) => server.desired.revision.number,
            Self::Swapping { desired, .. } => desired.revision.number,
        }
    }
}

impl Supervisor {
    /// Begins what is to be done next, unless something is under way or it is not yet time.
    pub(super) fn settle(&mut self) {
        while self.operation.is_none() && self.retry_at.is_none() && self.ending.is_none() {
            let Some(desired) = self.ledger.desired().cloned() else { return };
            let steps = plan(&desired, &self.observed()).steps;
            match steps.into_iter().next() {
                Some(Step::StartServer { revision, .. }) => self.start(revision.number),
                Some(Step::Swap { .. }) => self.swap(desired),
                Some(Step::Promote { .. }) => self.promote(&desired, Took::default()),
                _ => return,
            }
        }
    }

    fn observed(&self) -> Observed {
        let give_up = self.restore_failed && self.ledger.undecided().is_some();
        let current = if give_up { None } else { self.ledger.current().cloned() };
        Observed { supervised: true, current, serving: self.serving.as_ref().map(|server| server.desired.clone()) }
    }

    fn start(&mut self, number: u64) {
        let Some(desired) = self.ledger.entry(number).map(|entry| entry.desired.clone()) else { return };
        match self.start_server(desired) {
            Ok(server) => self.operation = Some(Operation::Starting(server)),
            Err(reason) => self.fail(number, reason),
        }
    }

    fn start_server(&mut self, desired: Desired) -> Result<Server, String> {
        let endpoint = self.endpoint_at(&desired)?;
        self.generation += 1;
        let (server, child) = Server::start(&self.options, &self.folder, self.generation, desired, endpoint)
            .map_err(|error| format!("its server could not be started: {error}"))?;
        server.watch(child, &self.options.timing, &self.sender);
        tracing::info!(pid = server.pid, revision = server.desired.revision.number, "server started");
        Ok(server)
    }

    fn endpoint_at(&self, desired: &Desired) -> Result<Arc<Endpoint>, String> {
        if let Some(endpoint) = self.endpoint.as_ref().filter(|endpoint| endpoint.is_at(desired.http)) {
            return Ok(endpoint.clone());
        }
        // The server of a supervisor that was just killed is ended by the system, but not in the same instant.
        let first = self.endpoint.is_none() && !self.restore_failed;
        let patience = if first { address::PATIENCE } else { Duration::ZERO };
        Endpoint::listen(desired.http, patience).map(Arc::new).map_err(|error| with_causes(&error))
    }

    fn swap(&mut self, desired: Desired) {
        let Some(server) = &self.serving else { return };
        server.swap(&desired, &self.options, &self.sender);
        tracing::info!(revision = desired.revision.number, "swap begun");
        self.operation = Some(Operation::Swapping { desired, since: Instant::now() });
    }

    pub(super) fn handle_ready(&mut self, generation: u64, result: Result<(), String>) {
        match self.operation.take() {
            Some(Operation::Starting(server)) if server.generation == generation => match result {
                Ok(()) => self.take_over(server),
                Err(reason) => {
                    server.kill();
                    let number = server.desired.revision.number;
                    self.retiring.push(server);
                    self.fail(number, reason);
                }
            },
            other => self.operation = other,
        }
    }

    /// A server that is ready takes the place of the serving one.
    fn take_over(&mut self, server: Server) {
        let desired = server.desired.clone();
        let number = desired.revision.number;
        let took = Took { total_ms: millis(server.started), load_ms: None, golden_ms: None };
        self.record(Recorded::ServerReady { revision: number, pid: server.pid });
        self.endpoint = Some(server.endpoint.clone());
        self.restore_failed = false;
        self.problem = None;
        if let Some(old) = self.serving.replace(server) {
            self.retire(old);
        }
        self.promote(&desired, took);
    }

    pub(super) fn handle_swapped(&mut self, generation: u64, result: Result<SwapTimes, SwapFailure>) {
        let serves = |server: &Server| server.generation == generation;
        match self.operation.take() {
            Some(Operation::Swapping { desired, since }) if self.serving.as_ref().is_some_and(serves) => {
                self.complete_swap(desired, since, result);
            }
            other => self.operation = other,
        }
    }

    fn complete_swap(&mut self, desired: Desired, since: Instant, result: Result<SwapTimes, SwapFailure>) {
        match result {
            Ok(SwapTimes { load_ms, golden_ms }) => {
                let took = Took { total_ms: millis(since), load_ms: Some(load_ms), golden_ms: Some(golden_ms) };
                if let Some(server) = &mut self.serving {
                    server.desired = desired.clone();
                }
                self.problem = None;
                self.promote(&desired, took);
            }
            Err(SwapFailure::Refused(reason)) => self.fail(desired.revision.number, reason),
            Err(SwapFailure::Unknown(reason)) => {
                // What it serves is unknown: another server with the proven package takes its place.
                if let Some(server) = self.serving.take() {
                    self.retire(server);
                }
                self.fail(desired.revision.number, reason);
            }
        }
    }

    /// Records that a revision serves. When that is impossible it serves all the same, and is recorded later.
    fn promote(&mut self, desired: &Desired, took: Took) {
        let number = desired.revision.number;
        let current = self.ledger.current().map(|current| current.revision.number);
        if current == Some(number) {
            return;
        }
        if self.record(Recorded::Promoted { revision: number, took }) {
            tracing::info!(revision = number, "promoted");
        } else {
            self.try_later();
        }
    }

    /// A revision could not be brought up: a new one is refused, the current one is tried again later.
    fn fail(&mut self, number: u64, reason: String) {
        if self.ledger.entry(number).is_some_and(|entry| entry.verdict.is_none()) {
            tracing::warn!(revision = number, "refused: {reason}");
            if !self.record(Recorded::Refused { revision: number, reason }) {
                self.try_later();
            }
            return;
        }
        self.restore_failed = true;
        self.note_problem(format!("revision {number} could not be brought back: {reason}"));
        self.fail_waiters(number);
        if self.ledger.undecided().is_none() {
            self.try_later();
        }
    }

    fn try_later(&mut self) {
        self.retry_at = Some(Instant::now() + self.backoff.after_failure());
    }

    pub(super) fn retire(&mut self, server: Server) {
        server.drain(&self.options.timing);
        self.retiring.push(server);
    }

    pub(super) fn handle_ended(&mut self, generation: u64, how: &str) {
        self.forget_retired(generation);
        if self.serving.as_ref().is_some_and(|server| server.generation == generation) {
            self.lose_serving(how);
            return;
        }
        match self.operation.take() {
            Some(Operation::Starting(server)) if server.generation == generation => self.lose_starting(&server, how),
            other => self.operation = other,
        }
    }

    fn forget_retired(&mut self, generation: u64) {
        for server in self.retiring.extract_if(.., |server| server.generation == generation) {
            let _ = crate::socket::remove(&server.socket);
        }
    }

    fn lose_starting(&mut self, server: &Server, how: &str) {
        let _ = crate::socket::remove(&server.socket);
        let reason = match server.last_words(&self.folder) {
            Some(words) => format!("its server {how} before it was ready: {words}"),
            None => format!("its server {how} before it was ready"),
        };
        self.fail(server.desired.revision.number, reason);
    }

    fn lose_serving(&mut self, how: &str) {
        let Some(server) = self.serving.take() else { return };
        let _ = crate::socket::remove(&server.socket);
        if self.ending.is_some() {
            return;
        }
        let revision = server.desired.revision.number;
        self.losses += 1;
        self.note_problem(format!("the server of revision {revision} {how}"));
        self.record(Recorded::ServerLost { revision, pid: server.pid, how: how.to_owned() });
        if server.started.elapsed() > STEADY {
            self.backoff.reset();
        }
        self.try_later();
        if let Some(Operation::Swapping { desired, .. }) = self.operation.take_if(|operation| operation.is_swap()) {
            self.fail(desired.revision.number, format!("the server {how} while it loaded it"));
        }
    }
}

impl Operation {
    fn is_swap(&self) -> bool {
        matches!(self, Self::Swapping { .. })
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
