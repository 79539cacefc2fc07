//! The supervisor's end: by command, by signal, or because nothing is left to serve.

use std::os::unix::net::UnixStream;

use super::events::reply;
use super::rollout::Operation;
use super::{Supervisor, with_causes};
use crate::error::DeployError;
use crate::history::Event as Recorded;
use crate::protocol::Response;
use crate::socket;

/// Why it ends.
pub(super) enum Ending {
    /// By command: the deployment is over. These wait for it.
    Stop(Vec<UnixStream>),
    /// By signal: the next supervisor goes on where it was.
    Signal(&'static str),
}

impl Supervisor {
    pub(super) fn stop_for(&mut self, stream: UnixStream) {
        match &mut self.ending {
            Some(Ending::Stop(streams)) => streams.push(stream),
            _ => {
                self.wind_down();
                self.ending = Some(Ending::Stop(vec![stream]));
            }
        }
    }

    /// The first signal drains; a second one does not wait for it.
    pub(super) fn handle_signal(&mut self, signal: &'static str) {
        tracing::info!("{signal}: ending");
        if self.ending.is_some() {
            self.retiring.iter().for_each(|server| server.kill());
            return;
        }
        self.wind_down();
        self.ending = Some(Ending::Signal(signal));
    }

    fn wind_down(&mut self) {
        // Whoever connects from here on is refused at once, not left in a backlog that nobody will ever serve.
        self.endpoint = None;
        if let Some(Operation::Starting(server)) = self.operation.take() {
            server.kill();
            self.retiring.push(server);
        }
        if let Some(server) = self.serving.take() {
            self.retire(server);
        }
    }

    /// Whether there is nothing left to do, ever.
    pub(super) fn has_ended(&self) -> bool {
        let idle = self.serving.is_none() && self.operation.is_none() && self.retiring.is_empty();
        idle && (self.ending.is_some() || self.ledger.desired().is_none())
    }

    /// Leaves the deployment as one without a supervisor, then answers those who wait for that.
    pub(super) fn finish(mut self) -> Result<(), DeployError> {
        let ending = self.ending.take();
        let recorded = match &ending {
            Some(Ending::Stop(_)) => self.folder.record(Recorded::Stopped {}),
            Some(Ending::Signal(signal)) => {
                self.folder.record(Recorded::SupervisorEnded { reason: (*signal).to_owned() })
            }
            None => self.folder.record(Recorded::SupervisorEnded { reason: "nothing is to serve".to_owned() }),
        };
        let _ = socket::remove(&self.folder.file("control.sock"));
        if let Err(error) = self.lock.unlock() {
            tracing::warn!("the lock could not be released: {error}");
        }
        self.dismiss_waiters();
        if let Some(Ending::Stop(streams)) = ending {
            let response = match &recorded {
                Ok(_) => Response::Stopped,
                Err(error) => Response::Failed { reason: with_causes(error) },
            };
            streams.into_iter().for_each(|stream| reply(stream, &response));
        }
        recorded.map(drop)
    }
}
