//! The planner, as a table from what is to what is done.

use briq_deploy::{Observed, plan};
use briq_spec::Blake3Digest;
use briq_spec::deployment::{Desired, Revision};
use briq_spec::policy::{Policy, Requirement};
use expect_test::{Expect, expect};

fn revision(number: u64) -> Desired {
    let revision = Revision {
        number,
        package: "digits".parse().unwrap(),
        version: format!("1.{number}.0").parse().unwrap(),
        digest: Blake3Digest::from_bytes([u8::try_from(number).unwrap(); 32]),
        source: "digits".to_owned(),
    };
    let http = "127.0.0.1:8080".parse().unwrap();
    Desired { name: "digits".parse().unwrap(), revision, http, backend: "flex".to_owned(), policy: None }
}

fn check(desired: &Desired, supervised: bool, current: Option<Desired>, serving: Option<Desired>, expected: Expect) {
    expected.assert_eq(&plan(desired, &Observed { supervised, current, serving }).to_string());
}

#[test]
fn from_nothing() {
    check(
        &revision(1),
        false,
        None,
        None,
        expect![[r#"
        1. see that 127.0.0.1:8080 is free
        2. start a supervisor
        3. start a server on 127.0.0.1:8080 with digits 1.1.0 (revision 1) (backend flex)
        4. wait until revision 1 has proved its golden examples and is ready
        5. promote revision 1
    "#]],
    );
}

#[test]
fn to_what_serves_already() {
    check(
        &revision(1),
        true,
        Some(revision(1)),
        Some(revision(1)),
        expect![[r#"
        nothing to do
    "#]],
    );
}

#[test]
fn to_the_next_version() {
    check(
        &revision(2),
        true,
        Some(revision(1)),
        Some(revision(1)),
        expect![[r#"
        1. swap the running server to digits 1.2.0 (revision 2)
        2. promote revision 2
    "#]],
    );
}

#[test]
fn to_another_backend_address_or_package() {
    let mut backend = revision(2);
    backend.backend = "wgpu".to_owned();
    check(
        &backend,
        true,
        Some(revision(1)),
        Some(revision(1)),
        expect![[r#"
        1. start a server on 127.0.0.1:8080 with digits 1.2.0 (revision 2) (backend wgpu)
        2. wait until revision 2 has proved its golden examples and is ready
        3. promote revision 2
        4. drain and end the server of revision 1
    "#]],
    );
    let mut address = revision(2);
    address.http.set_port(8081);
    check(
        &address,
        true,
        Some(revision(1)),
        Some(revision(1)),
        expect![[r#"
        1. start a server on 127.0.0.1:8081 with digits 1.2.0 (revision 2) (backend flex)
        2. wait until revision 2 has proved its golden examples and is ready
        3. promote revision 2
        4. drain and end the server of revision 1
    "#]],
    );
    let mut package = revision(2);
    package.revision.package = "letters".parse().unwrap();
    check(
        &package,
        true,
        Some(revision(1)),
        Some(revision(1)),
        expect![[r#"
        1. start a server on 127.0.0.1:8080 with letters 1.2.0 (revision 2) (backend flex)
        2. wait until revision 2 has proved its golden examples and is ready
        3. promote revision 2
        4. drain and end the server of revision 1
    "#]],
    );
}

#[test]
fn after_a_crash_the_last_good_one_serves_first() {
    check(
        &revision(2),
        false,
        Some(revision(1)),
        None,
        expect![[r#"
        1. see that 127.0.0.1:8080 is free
        2. start a supervisor
        3. start a server on 127.0.0.1:8080 with digits 1.1.0 (revision 1) (backend flex)
        4. wait until revision 1 has proved its golden examples and is ready
        5. swap the running server to digits 1.2.0 (revision 2)
        6. promote revision 2
    "#]],
    );
    check(
        &revision(1),
        true,
        Some(revision(1)),
        None,
        expect![[r#"
        1. start a server on 127.0.0.1:8080 with digits 1.1.0 (revision 1) (backend flex)
        2. wait until revision 1 has proved its golden examples and is ready
    "#]],
    );
}

/// A process keeps its policy for life, so another policy is another process.
#[test]
fn to_another_policy() {
    let mut stricter = revision(2);
    stricter.policy = Some(Box::new(Policy { require: vec![Requirement::Golden], trusted: Vec::new() }));
    check(
        &stricter,
        true,
        Some(revision(1)),
        Some(revision(1)),
        expect![[r#"
        1. start a server on 127.0.0.1:8080 with digits 1.2.0 (revision 2) (backend flex)
        2. wait until revision 2 has proved its golden examples and is ready
        3. promote revision 2
        4. drain and end the server of revision 1
    "#]],
    );
}

#[test]
fn what_serves_but_is_not_recorded_is_promoted() {
    check(
        &revision(2),
        true,
        Some(revision(1)),
        Some(revision(2)),
        expect![[r#"
        1. promote revision 2
    "#]],
    );
}

#[test]
fn a_plan_reads_back_from_json() {
    let before = plan(&revision(2), &Observed { supervised: false, current: Some(revision(1)), serving: None });
    let json = serde_json::to_string(&before).unwrap();
    assert!(json.contains(r#"{"step":"check-address","http":"127.0.0.1:8080"}"#), "{json}");
    assert_eq!(serde_json::from_str::<briq_deploy::Plan>(&json).unwrap(), before);
}

/// Carried out step by step, every plan ends where it was to end, and a plan from there is empty.
#[test]
fn every_plan_arrives() {
    use briq_deploy::Step;
    for (supervised, current, serving) in [false, true].into_iter().flat_map(|supervised| {
        (0..3).flat_map(move |current| (0..3).map(move |serving| (supervised, current, serving)))
    }) {
        let some = |number: u64| (number > 0).then(|| revision(number));
        let serving = if supervised { some(serving) } else { None };
        let mut state = Observed { supervised, current: some(current), serving };
        let desired = revision(2);
        for step in plan(&desired, &state).steps {
            match step {
                Step::StartSupervisor => state.supervised = true,
                Step::StartServer { revision: started, .. } => state.serving = Some(revision(started.number)),
                Step::Swap { revision: next, .. } => state.serving = Some(revision(next.number)),
                Step::Promote { revision: number } => state.current = Some(revision(number)),
                _ => {}
            }
        }
        assert_eq!(state, Observed { supervised: true, current: some(2), serving: some(2) });
        assert!(plan(&desired, &state).steps.is_empty());
    }
}
