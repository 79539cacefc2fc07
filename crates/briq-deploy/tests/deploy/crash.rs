//! Kills at every step: what was promised holds, and the same command goes on where it was.

use std::fs;

use briq_deploy::{Event, Health, Outcome, Proposal};
use rustix::process::Signal;

use crate::stage::{Stage, end, get, kill, version_at};

#[test]
fn connections_made_while_the_server_restarts_are_answered() {
    let stage = Stage::new();
    let proposal = stage.serve("1.0.0");
    let http = stage.promote(&proposal).http;
    for _ in 0..3 {
        let killed = stage.server_pid();
        kill(killed);
        let answers: Vec<_> = (0..20).map(|_| get(http)).filter(|answer| !was_cut(answer)).collect();
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap().0 == "1.0.0"));
        assert_ne!(answers.last().unwrap().as_ref().unwrap().1, killed);
        // The new server answers before the supervisor has heard that it is ready; this waits until it has.
        assert!(matches!(stage.deploy(&proposal).unwrap(), Outcome::Unchanged { .. }));
    }
    let status = stage.deployment.status().unwrap();
    assert_eq!((status.health, status.losses), (Health::Serving, 3));
    assert_eq!(stage.events().iter().filter(|event| *event == "lost 1").count(), 3);
}

/// A connection that the killed process had accepted is reset; none is refused.
fn was_cut(answer: &std::io::Result<(String, u32)>) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    answer.as_ref().is_err_and(|error| [BrokenPipe, ConnectionReset, UnexpectedEof].contains(&error.kind()))
}

#[test]
fn a_killed_supervisor_takes_its_server_along_and_the_same_deploy_recovers() {
    let stage = Stage::new();
    let mut proposal = stage.serve("1.0.0");
    proposal.http = stage.promote(&proposal).http;
    stage.promote(&proposal);
    stage.kill_supervisor();
    let status = stage.deployment.status().unwrap();
    assert_eq!((status.health, status.server.is_none()), (Health::Dead, true));
    assert!(status.hint().unwrap().contains("deploy it again"));
    // The port is the same: the killed server must have let go of it.
    assert!(matches!(stage.deploy(&proposal).unwrap(), Outcome::Unchanged { http, .. } if http == proposal.http));
    assert_eq!(version_at(proposal.http), "1.0.0");
    assert_eq!(stage.deployment.status().unwrap().health, Health::Serving);
}

#[test]
fn a_supervisor_killed_while_the_first_server_starts() {
    let stage = Stage::new();
    let (proposal, gate) = stage.held("1.0.0");
    std::thread::scope(|scope| {
        let deploying = scope.spawn(|| stage.deploy(&proposal));
        let _held = gate.wait();
        stage.kill_supervisor();
        let error = deploying.join().unwrap().unwrap_err();
        assert!(error.is_retryable(), "{error}");
    });
    gate.open();
    assert_eq!(stage.deployment.status().unwrap().health, Health::Dead);
    assert_eq!(stage.promote(&proposal).revision.number, 1);
    assert_eq!(stage.events(), ["proposed 1", "supervised", "supervised", "ready 1", "promoted 1"]);
}

#[test]
fn a_supervisor_killed_during_a_swap_tries_it_again_over_the_old_version() {
    let stage = Stage::new();
    stage.promote(&stage.serve("1.0.0"));
    let (proposal, gate) = stage.held("1.1.0");
    std::thread::scope(|scope| {
        let deploying = scope.spawn(|| stage.deploy(&proposal));
        let _held = gate.wait();
        assert_eq!(stage.deployment.status().unwrap().health, Health::Updating);
        stage.kill_supervisor();
        assert!(deploying.join().unwrap().unwrap_err().is_retryable());
    });
    gate.open();
    let second = stage.promote(&proposal);
    assert_eq!((second.revision.number, version_at(second.http).as_str()), (2, "1.1.0"));
    let tail = ["proposed 2", "supervised", "ready 1", "promoted 2"];
    assert_eq!(stage.events()[4..], tail);
}

#[test]
fn a_newer_proposal_after_a_kill_takes_the_place_of_the_undecided_one() {
    let stage = Stage::new();
    stage.promote(&stage.serve("1.0.0"));
    let (proposal, gate) = stage.held("1.1.0");
    std::thread::scope(|scope| {
        let deploying = scope.spawn(|| stage.deploy(&proposal));
        let _held = gate.wait();
        stage.kill_supervisor();
        assert!(deploying.join().unwrap().is_err());
    });
    let third = stage.promote(&stage.serve("1.2.0"));
    assert_eq!((third.revision.number, third.previous.unwrap().number), (3, 1));
    assert_eq!(stage.deployment.why(Some(2)).unwrap().entry.verdict, None);
}

#[test]
fn the_server_killed_during_a_swap_comes_back_with_the_old_version() {
    let stage = Stage::new();
    let http = stage.promote(&stage.serve("1.0.0")).http;
    let (proposal, gate) = stage.held("1.1.0");
    std::thread::scope(|scope| {
        let deploying = scope.spawn(|| stage.deploy(&proposal));
        let _held = gate.wait();
        kill(stage.server_pid());
        assert!(matches!(deploying.join().unwrap().unwrap(), Outcome::Refused { .. }));
    });
    assert_eq!(version_at(http), "1.0.0");
}

/// A kill leaves, at worst, the log as it was after some whole record, perhaps with a piece of the next, and the
/// copies and the head behind it. From each of these the same two commands lead to the same place.
#[test]
fn every_state_that_a_kill_can_leave_is_recovered_from() {
    let original = Stage::new();
    let (one, two) = (original.serve("1.0.0"), original.serve("1.1.0"));
    original.promote(&one);
    original.promote(&two);
    original.deploy(&original.package("1.2.0", "refuse no")).unwrap();
    original.rollback(None).unwrap();
    original.kill_supervisor();
    let log = fs::read_to_string(original.folder().join("history.jsonl")).unwrap();
    let lines: Vec<_> = log.split_inclusive('\n').collect();
    assert_eq!(lines.len(), 10, "{:?}", original.events());
    for whole in 0..=lines.len() {
        recover(&original, &lines, whole, &one, &two);
    }
}

fn recover(original: &Stage, lines: &[&str], whole: usize, one: &Proposal, two: &Proposal) {
    let stage = Stage::new();
    fs::remove_dir_all(stage.home().join("packages")).unwrap();
    std::os::unix::fs::symlink(original.home().join("packages"), stage.home().join("packages")).unwrap();
    fs::create_dir_all(stage.folder()).unwrap();
    let torn = lines.get(whole).map_or("", |line| &line[..line.len() / 2]);
    fs::write(stage.folder().join("history.jsonl"), lines[..whole].concat() + torn).unwrap();
    for (proposal, version) in [(one, "1.0.0"), (two, "1.1.0")] {
        let (Outcome::Promoted(briq_deploy::Promoted { http, .. }) | Outcome::Unchanged { http, .. }) =
            stage.deploy(proposal).unwrap()
        else {
            panic!("refused after {whole} records")
        };
        assert_eq!(version_at(http), version, "after {whole} records");
    }
}

/// From outside, as soon as each record appears: in the midst of whatever the supervisor does next.
#[test]
fn a_supervisor_killed_right_after_any_record_is_recovered_from() {
    for records in 2..=6 {
        let stage = Stage::new();
        let (one, two) = (stage.serve("1.0.0"), stage.serve("1.1.0"));
        std::thread::scope(|scope| {
            let deploying = scope.spawn(|| stage.deploy(&one).and_then(|_| stage.deploy(&two)));
            while stage.deployment.history().map_or(0, |history| history.records().len()) < records {
                std::thread::yield_now();
            }
            stage.kill_supervisor();
            // Killed before the end or just after it: both are allowed.
            if let Err(error) = deploying.join().unwrap() {
                assert!(error.is_retryable(), "after {records} records: {error}");
            }
        });
        for (proposal, version) in [(&one, "1.0.0"), (&two, "1.1.0")] {
            let (Outcome::Promoted(briq_deploy::Promoted { http, .. }) | Outcome::Unchanged { http, .. }) =
                stage.deploy(proposal).unwrap()
            else {
                panic!("refused after {records} records")
            };
            assert_eq!(version_at(http), version, "after {records} records");
        }
    }
}

#[test]
fn sigterm_drains_and_the_next_supervisor_goes_on() {
    let stage = Stage::new();
    let proposal = stage.serve("1.0.0");
    stage.promote(&proposal);
    end(stage.supervisor_pid(), Signal::TERM);
    assert!(matches!(stage.deployment.status().unwrap().health, Health::Down(_)));
    let history = stage.deployment.history().unwrap();
    assert!(
        matches!(&history.records().last().unwrap().event, Event::SupervisorEnded { reason } if reason == "SIGTERM")
    );
    assert!(matches!(stage.deploy(&proposal).unwrap(), Outcome::Unchanged { .. }));
}

#[test]
fn a_deployment_whose_supervisor_was_killed_can_be_stopped() {
    let stage = Stage::new();
    stage.promote(&stage.serve("1.0.0"));
    stage.kill_supervisor();
    assert!(stage.deployment.stop(true).unwrap());
    assert_eq!(stage.deployment.status().unwrap().health, Health::Stopped);
}

#[test]
fn a_package_that_is_gone_does_not_stand_in_the_way_of_a_newer_one() {
    let stage = Stage::new();
    let old = stage.serve("1.0.0");
    stage.promote(&old);
    stage.kill_supervisor();
    fs::remove_file(stage.home().join("packages").join(old.digest.to_hex())).unwrap();
    let error = stage.deploy(&old).unwrap_err();
    assert!(error.to_string().contains("revision 1 could not be brought back"), "{error}");
    let status = stage.deployment.status().unwrap();
    assert_eq!(status.health, Health::Starting);
    assert!(status.problem.unwrap().contains("no package"));
    assert_eq!(version_at(stage.promote(&stage.serve("1.1.0")).http), "1.1.0");
    assert_eq!(stage.deployment.status().unwrap().problem, None);
}

#[test]
fn a_supervisor_that_cannot_start_is_an_error_and_the_next_one_goes_on() {
    let stage = Stage::new();
    let proposal = stage.serve("1.0.0");
    let broken = || std::process::Command::new("false");
    let launch = briq_deploy::Launch { supervisor: &broken, wait: true };
    assert!(stage.deployment.deploy(&proposal, &launch).unwrap_err().is_retryable());
    assert_eq!(stage.deployment.status().unwrap().health, Health::Dead);
    assert_eq!(stage.promote(&proposal).revision.number, 1);
}
