//! Several commands at once, and several supervisors.

use std::process::Stdio;

use briq_deploy::Launch;

use crate::stage::{Stage, supervisor, version_at};

#[test]
fn a_second_deploy_waits_or_says_that_another_is_at_work() {
    let stage = Stage::new();
    let (slow, gate) = stage.held("1.0.0");
    let next = stage.serve("1.1.0");
    std::thread::scope(|scope| {
        let first = scope.spawn(|| stage.promote(&slow));
        let held = gate.wait();
        let launcher = || supervisor(stage.home());
        let impatient = Launch { supervisor: &launcher, wait: false };
        let error = stage.deployment.deploy(&next, &impatient).unwrap_err();
        assert!(error.is_busy() && error.is_retryable(), "{error}");
        assert!(stage.deployment.stop(false).unwrap_err().is_busy());

        let second = scope.spawn(|| stage.promote(&next));
        drop(held);
        let (first, second) = (first.join().unwrap(), second.join().unwrap());
        assert_eq!((first.revision.number, second.revision.number), (1, 2));
        assert_eq!(version_at(second.http), "1.1.0");
    });
}

#[test]
fn eight_deploys_at_once_each_get_their_own_revision() {
    let stage = Stage::new();
    let proposals: Vec<_> = (0..8).map(|minor| stage.serve(&format!("1.{minor}.0"))).collect();
    let mut numbers: Vec<_> = std::thread::scope(|scope| {
        let deploys: Vec<_> = proposals.iter().map(|proposal| scope.spawn(|| stage.promote(proposal))).collect();
        deploys.into_iter().map(|deploy| deploy.join().unwrap().revision.number).collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(stage.events().iter().filter(|event| *event == "supervised").count(), 1);
}

#[test]
fn a_second_supervisor_leaves_the_first_alone() {
    let stage = Stage::new();
    let http = stage.promote(&stage.serve("1.0.0")).http;
    let second = supervisor(stage.home()).stdin(Stdio::null()).output().unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("AlreadySupervised"));
    assert_eq!(version_at(http), "1.0.0");
}
