//! The chained history: what was written can be proved, what was changed is found.

use std::fs;
use std::path::Path;

use briq_deploy::{DeployErrorKind, Deployment, History};

use crate::stage::Stage;

/// A deployment that was made and stopped without any process: three records.
fn recorded() -> (Stage, String) {
    let stage = Stage::new();
    let nothing = || std::process::Command::new("false");
    let launch = briq_deploy::Launch { supervisor: &nothing, wait: true };
    for version in ["1.0.0", "1.1.0"] {
        assert!(stage.deployment.deploy(&stage.serve(version), &launch).unwrap_err().is_retryable());
    }
    assert!(stage.deployment.stop(true).unwrap());
    let log = fs::read_to_string(stage.folder().join("history.jsonl")).unwrap();
    (stage, log)
}

fn tampered_record(deployment: &Deployment) -> u64 {
    let error = deployment.history().unwrap_err();
    assert!(error.is_tampered() && error.hint().is_some(), "{error}");
    match error.kind() {
        DeployErrorKind::Tampered { record, .. } => *record,
        other => panic!("{other}"),
    }
}

fn write(folder: &Path, text: &str) {
    fs::write(folder.join("history.jsonl"), text).unwrap();
}

#[test]
fn rejects_any_changed_byte() {
    let (stage, log) = recorded();
    let name = stage.deployment.name();
    assert_eq!(History::verify(name, log.as_bytes()).unwrap().records().len(), 3);
    // What follows the last line end is left out, so that the last one is not to be changed here.
    for index in 0..log.len() - 1 {
        let mut bytes = log.clone().into_bytes();
        bytes[index] ^= 1;
        assert!(History::verify(name, &bytes).is_err(), "byte {index} of {log}");
    }
}

#[test]
fn rejects_removed_swapped_and_repeated_records() {
    let (stage, log) = recorded();
    let [one, two, three] = log.split_inclusive('\n').collect::<Vec<_>>()[..] else { panic!("{log}") };
    for (text, first_wrong) in [
        ([two, three].concat(), 1),
        ([one, three].concat(), 2),
        ([one, three, two].concat(), 2),
        ([one, one, two, three].concat(), 2),
        // A history without its end is a proper chain, but it lacks the head that was noted.
        ([one, two].concat(), 3),
        (String::new(), 1),
        (format!("{log}\n"), 4),
    ] {
        write(&stage.folder(), &text);
        assert_eq!(tampered_record(&stage.deployment), first_wrong, "{text}");
    }
    write(&stage.folder(), &log);
    assert_eq!(stage.deployment.history().unwrap().records().len(), 3);
}

#[test]
fn rejects_the_history_of_another_deployment() {
    let (stage, log) = recorded();
    let other = Deployment::at(stage.home(), "letters".parse().unwrap());
    let folder = stage.home().join("deployments/letters");
    fs::create_dir(&folder).unwrap();
    write(&folder, &log);
    assert_eq!(tampered_record(&other), 1);
}

#[test]
fn every_command_refuses_a_history_that_was_changed() {
    let (stage, log) = recorded();
    write(&stage.folder(), &log.replace("1.1.0", "1.9.0"));
    let proposal = stage.serve("2.0.0");
    assert!(stage.deploy(&proposal).unwrap_err().is_tampered());
    assert!(stage.rollback(None).unwrap_err().is_tampered());
    assert!(stage.deployment.plan(&proposal).unwrap_err().is_tampered());
    assert!(stage.deployment.status().unwrap_err().is_tampered());
    assert!(stage.deployment.why(None).unwrap_err().is_tampered());
    assert!(stage.deployment.stop(true).unwrap_err().is_tampered());
}

#[test]
fn a_record_whose_writer_was_killed_is_left_out_and_cut_off() {
    let (stage, log) = recorded();
    let (_, last) = log.trim_end().rsplit_once('\n').unwrap();
    write(&stage.folder(), &format!("{log}{}", &last[..40]));
    assert_eq!(stage.deployment.history().unwrap().records().len(), 3);
    stage.promote(&stage.serve("1.2.0"));
    assert_eq!(stage.events()[3..], ["proposed 3", "supervised", "ready 3", "promoted 3"]);
}

#[test]
fn an_older_head_proves_an_unbroken_continuation() {
    let (stage, log) = recorded();
    let noted = stage.deployment.history().unwrap().head();
    stage.promote(&stage.serve("1.2.0"));
    assert!(stage.deployment.history().unwrap().contains(&noted));
    let other = History::verify(stage.deployment.name(), log.split_inclusive('\n').next().unwrap().as_bytes()).unwrap();
    assert!(!other.contains(&noted));
}

#[test]
fn records_read_as_sentences() {
    let stage = Stage::new();
    stage.promote(&stage.serve("1.0.0"));
    stage.deploy(&stage.package("1.1.0", "refuse golden example 3 is off")).unwrap();
    stage.promote(&stage.serve("1.2.0"));
    stage.rollback(None).unwrap();
    stage.deployment.stop(true).unwrap();
    let history = stage.deployment.history().unwrap();
    let told: Vec<_> = history.records().iter().map(|record| without_figures(&record.event.to_string())).collect();
    expect_test::expect![[r#"
        smallest 1.0.0 (revision 1) asked for, by a deployment
        supervisor started (process N)
        server of revision 1 ready (process N)
        revision 1 promoted after N ms
        smallest 1.1.0 (revision 2) asked for, by a deployment
        revision 2 refused: golden example 3 is off
        smallest 1.2.0 (revision 3) asked for, by a deployment
        revision 3 promoted after N ms
        smallest 1.0.0 (revision 4) asked for, by a rollback to revision 1
        revision 4 promoted after N ms
        stopped"#]]
    .assert_eq(&told.join("\n"));
    let first = history.records()[0].to_string();
    assert!(first.starts_with("   1  20") && first.contains("Z  smallest"), "{first}");
}

/// Processes and milliseconds differ from run to run.
fn without_figures(text: &str) -> String {
    let replace = |text: String, before: &str, after: &str| match text.split_once(before) {
        Some((head, tail)) => {
            let rest = tail.trim_start_matches(|c: char| c.is_ascii_digit());
            if rest.starts_with(after) { format!("{head}{before}N{rest}") } else { text }
        }
        None => text,
    };
    let text = replace(text.to_owned(), "(process ", ")");
    replace(text, "promoted after ", " ms")
}

#[test]
fn copies_of_the_state_are_there_for_people_and_tools() {
    let stage = Stage::new();
    stage.promote(&stage.serve("1.0.0"));
    let read = |name: &str| fs::read_to_string(stage.folder().join(name)).unwrap();
    assert!(read("current.json").contains("\"number\": 1"));
    assert_eq!(read("desired.json"), read("current.json"));
    stage.deployment.stop(true).unwrap();
    assert_eq!(read("current.json"), "null\n");
}
