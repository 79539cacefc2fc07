//! Commands that ask, and those that wait until a revision is decided.

use std::os::unix::net::UnixStream;

use super::events::reply;
use super::{Supervisor, with_causes};
use crate::ledger::{Ledger, Verdict};
use crate::protocol::{Report, Request, Response, ServerReport};

/// A command that waits for a revision.
pub(super) struct Waiter {
    revision: u64,
    stream: UnixStream,
}

impl Supervisor {
    pub(super) fn handle_call(&mut self, request: Request, stream: UnixStream) {
        match request {
            Request::Report => reply(stream, &Response::Report(self.report())),
            Request::Stop => self.stop_for(stream),
            Request::Reconcile { .. } if self.ending.is_some() => reply(stream, &being_stopped()),
            Request::Reconcile { revision } => self.reconcile(Waiter { revision, stream }),
        }
    }

    fn reconcile(&mut self, waiter: Waiter) {
        match self.folder.history() {
            Ok(history) => self.ledger = Ledger::of(&history),
            Err(error) => return reply(waiter.stream, &Response::Failed { reason: with_causes(&error) }),
        }
        self.waiters.push(waiter);
        // Somebody waits for it: try at once.
        self.retry_at = None;
    }

    fn report(&self) -> Report {
        let server = self.serving.as_ref().map(|server| ServerReport {
            pid: server.pid,
            revision: server.desired.revision.number,
            http: server.endpoint.http,
            socket: server.socket.clone(),
        });
        Report {
            pid: std::process::id(),
            server,
            under_way: self.operation.as_ref().map(|operation| operation.revision()),
            losses: self.losses,
            problem: self.problem.clone(),
        }
    }

    /// Answers those whose revision is decided.
    pub(super) fn answer_waiters(&mut self) {
        if self.has_ended() {
            // They are answered when the lock is free, so that their next command finds no supervisor.
            return;
        }
        for waiter in std::mem::take(&mut self.waiters) {
            match self.answer(waiter.revision) {
                Some(response) => reply(waiter.stream, &response),
                None => self.waiters.push(waiter),
            }
        }
    }

    /// What to answer about a revision; `None` while it is not decided.
    fn answer(&self, revision: u64) -> Option<Response> {
        let Some(entry) = self.ledger.entry(revision) else {
            return Some(Response::Failed { reason: format!("there is no revision {revision}") });
        };
        if let Some(Verdict::Refused { reason, .. }) = &entry.verdict {
            return Some(Response::Refused { revision, reason: reason.clone() });
        }
        let is_this = |number: Option<u64>| number == Some(revision);
        if !is_this(self.ledger.desired().map(|desired| desired.revision.number)) {
            return Some(Response::Failed { reason: format!("another revision took the place of {revision}") });
        }
        let promoted = is_this(self.ledger.current().map(|current| current.revision.number));
        let server = self.serving.as_ref().filter(|server| promoted && server.desired.revision.number == revision)?;
        Some(Response::Serving { revision, http: server.endpoint.http })
    }

    /// Answers those who wait for a revision that could not be brought back, with the problem at hand.
    pub(super) fn fail_waiters(&mut self, revision: u64) {
        let reason = self.problem.clone().unwrap_or_else(|| "it could not be done".to_owned());
        for waiter in self.waiters.extract_if(.., |waiter| waiter.revision == revision) {
            reply(waiter.stream, &Response::Failed { reason: reason.clone() });
        }
    }

    /// Answers all at the very end.
    pub(super) fn dismiss_waiters(&mut self) {
        for waiter in std::mem::take(&mut self.waiters) {
            let response = match self.answer(waiter.revision) {
                Some(refused @ Response::Refused { .. }) => refused,
                _ => being_stopped(),
            };
            reply(waiter.stream, &response);
        }
    }
}

fn being_stopped() -> Response {
    Response::Failed { reason: "the deployment is being stopped".to_owned() }
}
