//! Verbs that the tutorial does not reach, and the forms that scripts rely on.

use std::fs;
use std::net::TcpListener;

use briq_tests::Briq;
use serde_json::Value;

/// A home with iris 1.0.0 and 1.1.0 published, from one training.
fn published() -> Briq {
    let briq = Briq::new();
    briq.run(["new", "iris", "--template", "iris"]).succeeds();
    version(&briq, "1.0.0");
    version(&briq, "1.1.0");
    briq
}

fn version(briq: &Briq, version: &str) {
    let path = briq.folder().join("iris/briq.toml");
    let recipe = fs::read_to_string(&path).expect("the project has a recipe");
    let line = |line: &str| match line.split_once(" = ").map(|(key, _)| key) {
        Some("version") => format!("version = \"{version}\""),
        Some("epochs") => "epochs = 3".to_owned(),
        _ => line.to_owned(),
    };
    fs::write(path, recipe.lines().map(line).collect::<Vec<_>>().join("\n")).expect("it is ours");
    briq.run(["train", "iris"]).succeeds();
    let file = format!("{version}.briq");
    briq.run(["pack", "iris", "-o", &file]).succeeds();
    briq.run(["publish", &file]).succeeds();
}

fn versions(briq: &Briq, reference: &str) -> Vec<String> {
    let lines = briq.run(["list", reference, "--json"]).succeeds().json();
    let text = |line: &Value| line["version"].as_str().expect("a version is a string").to_owned();
    lines.as_array().expect("a list").iter().map(text).collect()
}

#[test]
fn an_alias_stands_for_exactly_the_version_that_was_named() {
    let briq = published();
    briq.run(["alias", "iris@1.0.0", "production"]).succeeds();
    let resolved = briq.run(["resolve", "iris:production", "--json"]).succeeds().json();
    assert_eq!(resolved["version"], "1.0.0");
    briq.run(["alias", "iris@^1", "production"]).exits(4).says("one version");
    briq.run(["alias", "iris@1.2.0", "production"]).exits(3);
    briq.run(["alias", "iris", "production", "--remove"]).succeeds();
    briq.run(["resolve", "iris:production"]).exits(3);
}

#[test]
fn a_yanked_version_is_passed_over_until_it_is_offered_again() {
    let briq = published();
    let newest = || briq.run(["resolve", "iris@^1", "--json"]).succeeds().json()["version"].clone();
    for _ in 0..2 {
        briq.run(["yank", "iris@1.1.0"]).succeeds();
        assert_eq!(newest(), "1.0.0", "yanking twice is yanking once");
    }
    briq.run(["yank", "iris@1.1.0", "--undo"]).succeeds();
    assert_eq!(newest(), "1.1.0");
    briq.run(["yank", "iris@9.9.9"]).exits(3);
}

#[test]
fn list_shows_what_was_asked_for() {
    let briq = published();
    assert_eq!(versions(&briq, "iris"), ["1.0.0", "1.1.0"]);
    assert_eq!(versions(&briq, "iris@=1.0.0"), ["1.0.0"]);
    briq.run(["list", "iris@^2"]).exits(3);
    briq.run(["list", "gone"]).exits(3);
}

#[test]
fn a_lock_pins_what_a_later_version_would_change() {
    let briq = published();
    briq.run(["yank", "iris@1.1.0"]).succeeds();
    briq.run(["lock", "iris@^1"]).succeeds();
    briq.run(["yank", "iris@1.1.0", "--undo"]).succeeds();
    let pulled =
        briq.run(["pull", "iris@^1", "--locked", "briq.lock", "-o", "pinned.briq", "--json"]).succeeds().json();
    assert_eq!(pulled["version"], "1.0.0");
    assert_eq!((&pulled["moved"], &pulled["reused"]), (&0.into(), &0.into()));
    assert_eq!(fs::read(briq.folder().join("pinned.briq")).ok(), fs::read(briq.folder().join("1.0.0.briq")).ok());
    briq.run(["pull", "iris@^1", "--locked", "gone.lock"]).exits(3);
}

#[test]
fn a_dry_run_changes_nothing() {
    let briq = Briq::new();
    briq.run(["new", "iris", "--template", "iris"]).succeeds();
    briq.run(["train", "iris"]).succeeds();
    briq.run(["pack", "iris", "-o", "iris.briq"]).succeeds();
    briq.run(["deploy", "iris.briq", "--dry-run", "--http", "127.0.0.1:0"]).succeeds();
    briq.run(["deploy", "iris.briq", "--systemd"]).succeeds();
    let listed = briq.run(["list", "--json"]).succeeds().json();
    assert_eq!(listed, Value::Array(Vec::new()), "the store is empty");
    briq.run(["status", "iris"]).exits(3);
}

#[test]
fn predict_tells_what_is_wrong_with_its_input() {
    let briq = published();
    let write = |name: &str, text: &str| fs::write(briq.folder().join(name), text).expect("the folder is ours");
    write("text.json", "not json");
    write("shape.json", r#"{"inputs":[{"name":"input","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}"#);
    write("type.json", r#"{"inputs":[{"name":"input","shape":[1,4],"datatype":"BYTES","data":["a"]}]}"#);
    write("words.json", r#"{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":["a",1,2,3]}]}"#);
    write("rows.csv", "1,2,3\n");
    let ask = |file: &str| briq.run(["predict", "iris", "--input", file]);
    ask("text.json").exits(4).says("hint: give");
    ask("shape.json").exits(4).says("[1, 3]");
    ask("type.json").exits(4).says("BYTES");
    ask("words.json").exits(4).says("something else than FP32");
    ask("rows.csv").exits(4).says("a row has 3 numbers, and `input` takes 4");
    ask("gone.json").exits(3);
    ask("picture.png").exits(4).says("not read yet");
    briq.run(["predict", "iris", "--input", "rows.csv", "--backend", "cuda"]).exits(2).says("flex");
}

#[test]
fn a_registry_whose_port_is_taken_is_told() {
    let briq = Briq::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    briq.run(["registry", "serve", "--listen", &address]).exits(7).says("choose another port");
}

#[test]
fn evaluate_repeats_the_figures_on_given_data() {
    let briq = published();
    let arguments = ["evaluate", "iris", "--data", "iris/data/iris.csv", "--skip-lines", "1", "--json"];
    let report = briq.run(arguments).succeeds().json();
    assert_eq!(report["examples"], 150);
    assert!(report["metrics"]["accuracy"].as_f64().is_some_and(|accuracy| accuracy > 0.5));
}

#[test]
fn the_network_of_the_worked_example_learns_the_digits() {
    let briq = Briq::new();
    briq.run(["new", "mlp", "--template", "mlp"]).succeeds();
    let report = briq.run(["train", "mlp", "--json"]).succeeds().json();
    assert!(report["metrics"]["accuracy"].as_f64().is_some_and(|accuracy| accuracy > 0.93), "{report}");
    assert!(report["metrics"]["mae"].as_f64().is_some_and(|error| error < 0.05), "{report}");
}

#[test]
fn every_verb_that_prints_prints_json_when_asked() {
    let briq = published();
    let verbs: [&[&str]; 14] = [
        &["new", "another"],
        &["train", "iris"],
        &["pack", "iris"],
        &["inspect", "iris"],
        &["verify", "1.0.0.briq"],
        &["unpack", "iris", "-o", "unpacked"],
        &["publish", "1.0.0.briq"],
        &["lock", "iris@^1"],
        &["alias", "iris@1.0.0", "stable"],
        &["yank", "iris@1.0.0"],
        &["gc", "--lock", "briq.lock"],
        &["backends"],
        &["status"],
        &["man", "-o", "manual"],
    ];
    for verb in verbs {
        briq.run(verb.iter().copied().chain(["--json"])).succeeds().json();
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    let briq = Briq::new();
    for shell in ["bash", "zsh", "fish"] {
        let outcome = briq.run(["completions", shell]).succeeds();
        assert!(outcome.stdout.contains("rollback"), "{shell}");
    }
}
