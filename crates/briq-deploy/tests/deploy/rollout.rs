//! Start, swap, refusal, replacement, rollback, stop.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};

use briq_deploy::{DeployErrorKind, Health, Outcome, Proposal};
use briq_spec::policy::{Policy, Requirement};

use crate::stage::{Stage, get, promoted, reason, version_at};

#[test]
fn the_first_revision_starts_a_server() {
    let stage = Stage::new();
    let first = stage.promote(&stage.serve("1.0.0"));
    assert_eq!((first.revision.number, first.previous), (1, None));
    assert_eq!(version_at(first.http), "1.0.0");
    let status = stage.deployment.status().unwrap();
    assert_eq!(status.health, Health::Serving);
    let server = status.server.unwrap();
    assert_eq!((server.revision, server.http), (1, first.http));
    assert_eq!(server.state.unwrap().requests, 1);
    assert_eq!(stage.events(), ["proposed 1", "supervised", "ready 1", "promoted 1"]);
}

#[test]
fn the_same_again_changes_nothing() {
    let stage = Stage::new();
    let proposal = stage.serve("1.0.0");
    let first = stage.promote(&proposal);
    let events = stage.events();
    assert!(matches!(stage.deploy(&proposal).unwrap(), Outcome::Unchanged { http, .. } if http == first.http));
    assert_eq!(stage.events(), events);
    assert!(stage.deployment.plan(&proposal).unwrap().steps.is_empty());
}

#[test]
fn a_new_version_is_swapped_into_the_same_process() {
    let stage = Stage::new();
    let first = stage.promote(&stage.serve("1.0.0"));
    let (_, pid) = get(first.http).unwrap();
    let second = stage.promote(&stage.serve("1.1.0"));
    assert_eq!(second.took.golden_ms, Some(2));
    assert_eq!(second.previous.unwrap().number, 1);
    assert_eq!(get(second.http).unwrap(), ("1.1.0".to_owned(), pid));
    assert_eq!(second.http, first.http);
}

#[test]
fn a_refused_swap_leaves_the_old_version_serving() {
    let stage = Stage::new();
    let first = stage.promote(&stage.serve("1.0.0"));
    let bad = stage.package("1.1.0", "refuse golden example 3 is off by 0.5");
    let Outcome::Refused { revision, reason, serving } = stage.deploy(&bad).unwrap() else { panic!("not refused") };
    assert_eq!((revision.number, serving.unwrap().number), (2, 1));
    assert_eq!(reason, "golden example 3 is off by 0.5");
    assert_eq!(version_at(first.http), "1.0.0");
    let status = stage.deployment.status().unwrap();
    assert_eq!((status.health, status.desired), (Health::Serving, status.current));
    let why = stage.deployment.why(Some(2)).unwrap().to_string();
    assert!(why.contains("refused: golden example 3 is off by 0.5"), "{why}");
    assert!(stage.deployment.why(None).unwrap().is_current);
}

#[test]
fn a_first_revision_that_is_refused_leaves_nothing_running() {
    let stage = Stage::new();
    let outcome = stage.deploy(&stage.package("1.0.0", "refuse golden example 0 is off")).unwrap();
    let reason = reason(outcome);
    assert!(reason.contains("ended with status 1") && reason.contains("golden example 0 is off"), "{reason}");
    assert_eq!(stage.deployment.status().unwrap().health, Health::Stopped);
    assert_eq!(stage.promote(&stage.serve("1.0.1")).revision.number, 2);
}

#[test]
fn a_package_that_kills_its_server_is_refused_and_the_old_one_comes_back() {
    let stage = Stage::new();
    let first = stage.promote(&stage.serve("1.0.0"));
    let reason = reason(stage.deploy(&stage.package("1.1.0", "die")).unwrap());
    assert!(reason.contains("was ended by signal 6 while it loaded it"), "{reason}");
    assert_eq!(version_at(first.http), "1.0.0");
}

#[test]
fn another_backend_gets_another_process_on_the_same_socket_without_a_failed_request() {
    let stage = Stage::new();
    let mut proposal = stage.serve("1.0.0");
    let http = stage.promote(&proposal).http;
    let (_, pid) = get(http).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let requests = std::iter::repeat_with(|| get(http)).take_while(|_| !done.load(Ordering::Relaxed));
            requests.map(|answer| answer.unwrap().0).fold(0, |count, version| count + usize::from(version == "1.0.0"))
        });
        proposal.backend = "ndarray".to_owned();
        assert_eq!(stage.promote(&proposal).http, http);
        assert_eq!(stage.promote(&stage.serve("1.1.0")).http, http);
        done.store(true, Ordering::Relaxed);
        load.join().unwrap();
    });
    assert_ne!(get(http).unwrap().1, pid);
}

#[test]
fn another_address_is_opened_before_the_old_one_is_closed() {
    let stage = Stage::new();
    let mut proposal = stage.serve("1.0.0");
    let first = stage.promote(&proposal);
    proposal.http = "[::1]:0".parse().unwrap();
    let second = stage.promote(&proposal);
    assert_ne!(second.http, first.http);
    assert_eq!(version_at(second.http), "1.0.0");
}

#[test]
fn a_port_in_use_is_an_error_before_anything_is_changed() {
    let stage = Stage::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut proposal = stage.serve("1.0.0");
    proposal.http = other.local_addr().unwrap();
    let error = stage.deploy(&proposal).unwrap_err();
    assert!(error.is_address_in_use() && error.hint().is_some());
    assert_eq!(error.to_string(), format!("cannot listen on {0}: {0} is in use", proposal.http));
    assert!(stage.deployment.status().unwrap_err().is_not_found());

    let first = stage.promote(&stage.serve("1.0.0"));
    let events = stage.events();
    assert!(stage.deploy(&proposal).unwrap_err().is_address_in_use());
    assert_eq!(stage.events(), events);
    assert_eq!(version_at(first.http), "1.0.0");
}

/// The first revision came before the policy; going back to it lifts no requirement.
#[test]
fn a_rollback_keeps_the_policy_that_holds() {
    let stage = Stage::new();
    let policy = Some(Policy { require: vec![Requirement::Golden], trusted: Vec::new() });
    stage.promote(&stage.serve("1.0.0"));
    let pid = stage.server_pid();
    stage.promote(&Proposal { policy: policy.clone(), ..stage.serve("1.1.0") });
    assert_ne!(stage.server_pid(), pid, "another policy is another process");
    promoted(stage.rollback(None).unwrap());
    let current = stage.deployment.status().unwrap().current.unwrap();
    assert_eq!(
        (current.revision.version.to_string(), current.policy.as_deref()),
        ("1.0.0".to_owned(), policy.as_ref())
    );
}

#[test]
fn a_rollback_is_a_new_revision_through_the_same_gates() {
    let stage = Stage::new();
    let proposal = stage.serve("1.0.0");
    let http = stage.promote(&proposal).http;
    assert!(matches!(stage.rollback(None).unwrap_err().kind(), DeployErrorKind::NoPrevious));
    stage.promote(&stage.serve("1.1.0"));
    stage.deploy(&stage.package("1.2.0", "refuse no")).unwrap();

    let back = promoted(stage.rollback(None).unwrap());
    assert_eq!((back.revision.number, back.revision.version.to_string()), (4, "1.0.0".to_owned()));
    assert_eq!(version_at(http), "1.0.0");
    let why = stage.deployment.why(None).unwrap().to_string();
    assert!(why.contains("asked for by a rollback to revision 1"), "{why}");

    let forward = promoted(stage.rollback(Some(2)).unwrap());
    assert_eq!((forward.revision.number, version_at(http).as_str()), (5, "1.1.0"));
    assert!(matches!(stage.rollback(Some(3)).unwrap_err().kind(), DeployErrorKind::NeverServed(3)));
    assert!(matches!(stage.rollback(Some(9)).unwrap_err().kind(), DeployErrorKind::NoSuchRevision(9)));

    // The package of revision 1 no longer passes: its rollback is refused, and 1.1.0 serves on.
    std::fs::write(stage.home().join("packages").join(proposal.digest.to_hex()), "refuse spoilt").unwrap();
    assert_eq!(reason(stage.rollback(Some(1)).unwrap()), "spoilt");
    assert_eq!(version_at(http), "1.1.0");
}

#[test]
fn stop_ends_everything_and_a_deployment_can_begin_again() {
    let stage = Stage::new();
    let proposal = stage.serve("1.0.0");
    let http = stage.promote(&proposal).http;
    assert!(stage.deployment.stop(true).unwrap());
    assert!(get(http).is_err());
    assert_eq!(stage.deployment.status().unwrap().health, Health::Stopped);
    assert!(!stage.deployment.stop(true).unwrap());
    assert_eq!(stage.promote(&proposal).revision.number, 2);
    assert_eq!(stage.events()[4..], ["stopped", "proposed 2", "supervised", "ready 2", "promoted 2"]);
}
