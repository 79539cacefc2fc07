//! A deployment on this machine, as a command sees it: propose, wait for the outcome, look, go back, stop.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use briq_spec::deployment::{DeploymentName, Desired, Revision};

use crate::error::{DeployError, DeployErrorKind};
use crate::folder::{Folder, deployments};
use crate::history::{Cause, Event, History};
use crate::ledger::{Entry, Ledger, Verdict};
use crate::link;
use crate::plan::{Observed, Plan, plan};
use crate::proposal::{Launch, Outcome, Promoted, Proposal};
use crate::protocol::{Report, Request, Response};
use crate::status::{Health, ServerStatus, Status};
use crate::why::Explanation;
use crate::{address, socket};

/// How long a supervisor or a server may take to say what it is doing.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// A deployment on this machine.
///
/// Holds nothing open: every call reads the files anew, and what another process does meanwhile is seen.
#[derive(Debug, Clone)]
pub struct Deployment {
    folder: Folder,
}

impl Deployment {
    /// The deployment `name` of the Briq home `home`, whether it exists or not.
    pub fn at(home: &Path, name: DeploymentName) -> Self {
        let home = std::path::absolute(home).unwrap_or_else(|_| home.to_owned());
        Self { folder: Folder::new(&home, name) }
    }

    /// The names of the deployments of a home, sorted, stopped ones too.
    ///
    /// # Errors
    /// When the folder cannot be read; one that does not exist holds no deployment.
    pub fn all(home: &Path) -> Result<Vec<DeploymentName>, DeployError> {
        let path = deployments(home);
        let entries = match std::fs::read_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(DeployError::io("read", &path))?,
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let mut names: Vec<DeploymentName> = names.collect();
        names.sort();
        Ok(names)
    }

    /// The deployment's name.
    pub fn name(&self) -> &DeploymentName {
        self.folder.name()
    }

    /// The file that its servers write their output to.
    pub fn server_log(&self) -> PathBuf {
        self.folder.file("server.log")
    }

    /// The file that a supervisor started by a command writes its output to.
    pub fn supervisor_log(&self) -> PathBuf {
        self.folder.file("supervisor.log")
    }

    /// What [`deploy`](Self::deploy) would do. Changes nothing.
    ///
    /// # Errors
    /// When the history cannot be read or trusted.
    pub fn plan(&self, proposal: &Proposal) -> Result<Plan, DeployError> {
        let ledger = Ledger::of(&self.folder.history()?);
        let desired = match already_desired(&ledger, proposal) {
            Some(desired) => desired.clone(),
            None => proposal.clone().into_desired(self.name().clone(), ledger.next_number()),
        };
        Ok(plan(&desired, &self.observe(&ledger)?))
    }

    /// What [`rollback`](Self::rollback) would do. Changes nothing.
    ///
    /// # Errors
    /// As `rollback`.
    pub fn plan_rollback(&self, to: Option<u64>) -> Result<Plan, DeployError> {
        let ledger = Ledger::of(&self.folder.existing_history()?);
        let (proposal, _) = self.rollback_proposal(&ledger, to)?;
        self.plan(&proposal)
    }

    /// Brings about what is proposed, and waits until it serves or is refused.
    ///
    /// Where no supervisor runs, one is started. Called again after a kill at any point, with the same proposal or a
    /// newer one, it goes on where it was.
    ///
    /// # Errors
    /// - [`DeployError::is_address_in_use`], before anything is changed, when another program listens there;
    /// - [`DeployError::is_busy`] when another command is at work and the caller does not wait;
    /// - [`DeployError::is_tampered`] when the history cannot be trusted;
    /// - [`DeployError::is_retryable`] when the supervisor ended before the revision was decided.
    pub fn deploy(&self, proposal: &Proposal, launch: &Launch<'_>) -> Result<Outcome, DeployError> {
        self.folder.create()?;
        let _command = self.command_lock(launch.wait)?;
        let ledger = Ledger::of(&self.folder.history()?);
        self.bring_about(&ledger, proposal, Cause::Deploy {}, launch)
    }

    /// Brings back the package and backend of an earlier revision, as a new revision through the same gates: the one
    /// with the number `to`, or else the one that served before the present one.
    ///
    /// # Errors
    /// As [`deploy`](Self::deploy); and [`DeployErrorKind::NoPrevious`], [`DeployErrorKind::NeverServed`] or
    /// [`DeployErrorKind::NoSuchRevision`] when there is nothing to go back to.
    pub fn rollback(&self, to: Option<u64>, launch: &Launch<'_>) -> Result<Outcome, DeployError> {
        self.folder.existing_history()?;
        let _command = self.command_lock(launch.wait)?;
        let ledger = Ledger::of(&self.folder.existing_history()?);
        let (proposal, to) = self.rollback_proposal(&ledger, to)?;
        self.bring_about(&ledger, &proposal, Cause::Rollback { to }, launch)
    }

    /// Drains and ends the server and the supervisor, and waits for it. `false` when nothing was to run.
    ///
    /// # Errors
    /// When there is no such deployment, or the supervisor could not do it.
    pub fn stop(&self, wait: bool) -> Result<bool, DeployError> {
        self.folder.existing_history()?;
        let _command = self.command_lock(wait)?;
        if self.is_supervised()? {
            match self.stop_supervisor() {
                // It was killed before it answered: what remains to be done is to say that nothing is to run.
                Err(error) if error.is_retryable() && !self.is_supervised()? => {}
                stopped => return stopped.map(|()| true),
            }
        }
        let runs = Ledger::of(&self.folder.existing_history()?).desired().is_some();
        if runs {
            self.folder.record(Event::Stopped {})?;
        }
        Ok(runs)
    }

    /// What the deployment is doing at this moment.
    ///
    /// # Errors
    /// When there is no such deployment, or its history cannot be read or trusted.
    pub fn status(&self) -> Result<Status, DeployError> {
        let ledger = Ledger::of(&self.folder.existing_history()?);
        let supervised = self.is_supervised()?;
        let report = if supervised { self.report() } else { None };
        Ok(self.status_of(&ledger, supervised, report))
    }

    /// The verified history.
    ///
    /// # Errors
    /// When there is no such deployment, or [`DeployError::is_tampered`].
    pub fn history(&self) -> Result<History, DeployError> {
        self.folder.existing_history()
    }

    /// Why a revision serves or does not: the one with this number, or else the current one, or else the last.
    ///
    /// # Errors
    /// When there is no such deployment or revision, or the history cannot be trusted.
    pub fn why(&self, number: Option<u64>) -> Result<Explanation, DeployError> {
        let history = self.folder.existing_history()?;
        let ledger = Ledger::of(&history);
        let current = ledger.current().map(|current| current.revision.number);
        let number = number.or(current).unwrap_or(ledger.next_number() - 1);
        Explanation::of(number, &history, &ledger)
            .ok_or_else(|| self.error("explain", DeployErrorKind::NoSuchRevision(number)))
    }

    fn error(&self, verb: &str, kind: DeployErrorKind) -> DeployError {
        DeployError::new(format!("{verb} {}", self.name()), kind)
    }

    fn command_lock(&self, wait: bool) -> Result<File, DeployError> {
        self.folder.lock("command.lock", wait)?.ok_or_else(|| self.error("change", DeployErrorKind::Busy))
    }

    fn is_supervised(&self) -> Result<bool, DeployError> {
        self.folder.is_locked("supervisor.lock")
    }

    fn report(&self) -> Option<Report> {
        match socket::ask(&self.folder.file("control.sock"), &Request::Report, Some(REPORT_TIMEOUT)) {
            Ok(Response::Report(report)) => Some(report),
            _ => None,
        }
    }

    fn observe(&self, ledger: &Ledger) -> Result<Observed, DeployError> {
        let supervised = self.is_supervised()?;
        let server = if supervised { self.report().and_then(|report| report.server) } else { None };
        let entry = server.and_then(|server| ledger.entry(server.revision));
        let serving = entry.map(|entry| entry.desired.clone());
        Ok(Observed { supervised, current: ledger.current().cloned(), serving })
    }

    fn rollback_proposal(&self, ledger: &Ledger, to: Option<u64>) -> Result<(Proposal, u64), DeployError> {
        let entry = match to {
            Some(number) => self.served(ledger, number)?,
            None => ledger.previous().ok_or_else(|| self.error("roll back", DeployErrorKind::NoPrevious))?,
        };
        let mut proposal = Proposal::from_desired(&entry.desired);
        if let Some(current) = ledger.current() {
            // Address and policy belong to the deployment, not to what served there: going back lifts no requirement.
            proposal.http = current.http;
            proposal.policy = current.policy.as_deref().cloned();
        }
        Ok((proposal, entry.desired.revision.number))
    }

    fn served<'a>(&self, ledger: &'a Ledger, number: u64) -> Result<&'a Entry, DeployError> {
        match ledger.entry(number) {
            None => Err(self.error("roll back", DeployErrorKind::NoSuchRevision(number))),
            Some(entry) if matches!(entry.verdict, Some(Verdict::Promoted { .. })) => Ok(entry),
            Some(_) => Err(self.error("roll back", DeployErrorKind::NeverServed(number))),
        }
    }

    fn bring_about(
        &self,
        ledger: &Ledger,
        proposal: &Proposal,
        cause: Cause,
        launch: &Launch<'_>,
    ) -> Result<Outcome, DeployError> {
        self.check_address(ledger, proposal)?;
        let number = match already_desired(ledger, proposal) {
            Some(desired) => desired.revision.number,
            None => self.propose(ledger.next_number(), proposal, cause)?,
        };
        let undecided = ledger.entry(number).is_none_or(|entry| entry.verdict.is_none());
        match self.reconcile(number, launch)? {
            Response::Serving { http, .. } => self.serving(number, http, undecided),
            Response::Refused { reason, .. } => self.refused(number, reason),
            Response::Failed { reason } => Err(self.error("deploy", DeployErrorKind::Failed(reason))),
            other => Err(self.error("deploy", DeployErrorKind::Protocol(format!("{other:?}")))),
        }
    }

    fn reconcile(&self, number: u64, launch: &Launch<'_>) -> Result<Response, DeployError> {
        link::reconcile(&self.folder, number, launch).or_else(|error| {
            // A supervisor with nothing left to serve ends, perhaps before it is asked: the history has its answer.
            let ledger = Ledger::of(&self.folder.history()?);
            match ledger.entry(number).and_then(|entry| entry.verdict.clone()) {
                Some(Verdict::Refused { reason, .. }) => Ok(Response::Refused { revision: number, reason }),
                _ => Err(error),
            }
        })
    }

    fn propose(&self, number: u64, proposal: &Proposal, cause: Cause) -> Result<u64, DeployError> {
        let desired = proposal.clone().into_desired(self.name().clone(), number);
        self.folder.record(Event::Proposed { desired, cause })?;
        Ok(number)
    }

    fn check_address(&self, ledger: &Ledger, proposal: &Proposal) -> Result<(), DeployError> {
        let supervised = self.is_supervised()?;
        if supervised && self.holds(ledger, proposal.http) {
            return Ok(());
        }
        // A server whose supervisor was just killed is ended by the system, but not in the same instant.
        let patience = if supervised || ledger.desired().is_none() { Duration::ZERO } else { address::PATIENCE };
        address::listen(proposal.http, patience).map(drop)
    }

    /// Whether the supervisor listens there already, by what was asked for or by the port that the system chose.
    fn holds(&self, ledger: &Ledger, http: SocketAddr) -> bool {
        let asked = [ledger.current(), ledger.desired()].into_iter().flatten().any(|desired| desired.http == http);
        asked || self.report().and_then(|report| report.server).is_some_and(|server| server.http == http)
    }

    fn serving(&self, number: u64, http: SocketAddr, was_undecided: bool) -> Result<Outcome, DeployError> {
        let ledger = Ledger::of(&self.folder.history()?);
        let revision = self.revision(&ledger, number)?;
        match ledger.entry(number).and_then(|entry| entry.verdict.as_ref()) {
            Some(&Verdict::Promoted { took, previous, .. }) if was_undecided => {
                let previous = previous.and_then(|previous| self.revision(&ledger, previous).ok());
                Ok(Outcome::Promoted(Promoted { revision, http, previous, took }))
            }
            _ => Ok(Outcome::Unchanged { revision, http }),
        }
    }

    fn refused(&self, number: u64, reason: String) -> Result<Outcome, DeployError> {
        let ledger = Ledger::of(&self.folder.history()?);
        let revision = self.revision(&ledger, number)?;
        let serving = ledger.current().map(|current| current.revision.clone());
        Ok(Outcome::Refused { revision, reason, serving })
    }

    fn revision(&self, ledger: &Ledger, number: u64) -> Result<Revision, DeployError> {
        let entry = ledger.entry(number).map(|entry| entry.desired.revision.clone());
        entry.ok_or_else(|| self.error("find a revision of", DeployErrorKind::NoSuchRevision(number)))
    }

    fn stop_supervisor(&self) -> Result<(), DeployError> {
        match link::ask(&self.folder, &Request::Stop)? {
            Response::Stopped => Ok(()),
            Response::Failed { reason } => Err(self.error("stop", DeployErrorKind::Failed(reason))),
            other => Err(self.error("stop", DeployErrorKind::Protocol(format!("{other:?}")))),
        }
    }

    fn status_of(&self, ledger: &Ledger, supervised: bool, report: Option<Report>) -> Status {
        let server = report.as_ref().and_then(|report| report.server.clone());
        let health = health(ledger, supervised, server.is_some());
        Status {
            name: self.name().clone(),
            health,
            desired: ledger.desired().cloned(),
            current: ledger.current().cloned(),
            supervisor: report.as_ref().map(|report| report.pid),
            server: server.map(|server| ServerStatus {
                pid: server.pid,
                revision: server.revision,
                http: server.http,
                state: link::server_state(&server.socket, REPORT_TIMEOUT).ok(),
            }),
            under_way: report.as_ref().and_then(|report| report.under_way),
            losses: report.as_ref().map_or(0, |report| report.losses),
            problem: report.and_then(|report| report.problem),
        }
    }
}

fn already_desired<'a>(ledger: &'a Ledger, proposal: &Proposal) -> Option<&'a Desired> {
    ledger.desired().filter(|desired| proposal.is(desired))
}

fn health(ledger: &Ledger, supervised: bool, serving: bool) -> Health {
    match (supervised, serving, ledger.down_since()) {
        (true, true, _) if ledger.undecided().is_some() => Health::Updating,
        (true, true, _) => Health::Serving,
        (true, false, _) => Health::Starting,
        _ if ledger.desired().is_none() => Health::Stopped,
        (false, _, Some(since)) => Health::Down(since),
        (false, _, None) => Health::Dead,
    }
}
