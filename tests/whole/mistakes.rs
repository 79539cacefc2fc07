//! What a person can get wrong: each has an exit code of the table, an error that says where, and nothing half-written.

use std::fs;
use std::path::PathBuf;

use briq_tests::Briq;

/// A project of the small template; it is trained in a moment.
fn project(briq: &Briq) -> PathBuf {
    briq.run(["new", "iris", "--template", "iris"]).succeeds();
    let project = briq.folder().join("iris");
    edit(&project, |recipe| set(recipe, "epochs", "epochs = 1"));
    project
}

/// The project trained and packed as `iris.briq`.
fn packed(briq: &Briq) -> PathBuf {
    project(briq);
    briq.run(["train", "iris"]).succeeds();
    briq.run(["pack", "iris", "-o", "iris.briq"]).succeeds();
    briq.folder().join("iris.briq")
}

fn edit(project: &std::path::Path, change: impl FnOnce(&str) -> String) {
    let path = project.join("briq.toml");
    let recipe = fs::read_to_string(&path).expect("the project has a recipe");
    fs::write(path, change(&recipe)).expect("it is ours");
}

/// Replaces the line that sets a key.
fn set(recipe: &str, key: &str, with: &str) -> String {
    let line = |line: &str| if line.trim_start().starts_with(key) { with.to_owned() } else { line.to_owned() };
    recipe.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Replaces one line of the data, counted from one.
fn spoil(project: &std::path::Path, number: usize, with: &str) {
    let path = project.join("data/iris.csv");
    let table = fs::read_to_string(&path).expect("the project has data");
    let line = |(at, line): (usize, &str)| if at + 1 == number { with.to_owned() } else { line.to_owned() };
    let table: Vec<_> = table.lines().enumerate().map(line).collect();
    fs::write(path, table.join("\n") + "\n").expect("it is ours");
}

#[test]
fn an_unknown_key_is_told_with_the_likely_one() {
    let briq = Briq::new();
    let project = project(&briq);
    edit(&project, |recipe| set(recipe, "batch-size", "batch-sise = 16"));
    briq.run(["train", "iris"]).exits(4).says("batch-sise").says("batch-size");
}

#[test]
fn layers_that_do_not_compose_are_named_with_both_shapes() {
    let briq = Briq::new();
    let project = project(&briq);
    edit(&project, |recipe| recipe.replacen("[[layer]]", "[[layer]]\ntype = \"max-pool2d\"\nsize = 2\n\n[[layer]]", 1));
    briq.run(["train", "iris"])
        .exits(4)
        .says("layer 1 (max-pool2d): it takes [channels, height, width], it is given [4]");
}

#[test]
fn bad_data_is_told_by_line_and_column() {
    let cases = [
        ("5.1,,1.4,0.2,0", "iris.csv:3:2: a value is missing"),
        ("5.1,x,1.4,0.2,0", "iris.csv:3:2: `x` is not a number"),
        ("5.1,3.5,1.4,0", "iris.csv:3:5: the row has 4 columns, 5 are expected"),
        ("5.1,3.5,1.4,0.2,9", "iris.csv:3:5: label 9 is out of range"),
    ];
    for (line, said) in cases {
        let briq = Briq::new();
        let project = project(&briq);
        spoil(&project, 3, line);
        briq.run(["train", "iris"]).exits(4).says(said);
    }
}

#[test]
fn a_class_that_never_occurs_is_named() {
    let briq = Briq::new();
    let project = project(&briq);
    edit(&project, |recipe| recipe.replace("\"virginica\"]", "\"virginica\", \"nobody\"]"));
    briq.run(["train", "iris"]).exits(4).says("class `nobody` is declared");
}

#[test]
fn a_damaged_package_is_refused_and_not_published() {
    let briq = Briq::new();
    let whole = fs::read(packed(&briq)).expect("it was packed");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for bytes in [&whole[..whole.len() / 2], &flipped] {
        fs::write(briq.folder().join("bad.briq"), bytes).expect("the folder is ours");
        briq.run(["verify", "bad.briq"]).exits(5).says("bad.briq");
        briq.run(["publish", "bad.briq"]).exits(5);
        briq.run(["resolve", "iris"]).exits(3);
    }
}

#[test]
fn a_version_never_changes_its_bytes() {
    let briq = Briq::new();
    packed(&briq);
    briq.run(["publish", "iris.briq"]).succeeds();
    let first = briq.run(["resolve", "iris", "--json"]).succeeds().json();
    edit(&briq.folder().join("iris"), |recipe| set(recipe, "epochs", "epochs = 2"));
    briq.run(["train", "iris"]).succeeds();
    briq.run(["pack", "iris", "-o", "other.briq"]).succeeds();
    briq.run(["publish", "other.briq"]).exits(6);
    assert_eq!(briq.run(["resolve", "iris", "--json"]).succeeds().json(), first);
}

#[test]
fn a_port_that_is_taken_is_told() {
    let briq = Briq::new();
    packed(&briq);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let name = briq.deployment("iris");
    briq.run(["deploy", "./iris.briq", "--name", name, "--http", &address]).exits(7).says(&address);
}

#[test]
fn what_is_not_there_is_told() {
    let briq = Briq::new();
    for words in [&["verify", "gone.briq"][..], &["resolve", "gone@^1"], &["status", "gone"], &["train", "gone"]] {
        briq.run(words).exits(3).says("gone");
    }
}

#[test]
fn a_packing_that_fails_leaves_what_was_there() {
    let briq = Briq::new();
    let before = fs::read(packed(&briq)).expect("it was packed");
    briq.run(["pack", "gone", "-o", "iris.briq"]).exits(3);
    assert_eq!(fs::read(briq.folder().join("iris.briq")).expect("it is still there"), before);
}

#[test]
fn there_is_nothing_to_go_back_to_after_one_revision() {
    let briq = Briq::new();
    packed(&briq);
    let name = briq.deployment("iris");
    briq.run(["deploy", "iris.briq", "--name", name, "--http", "127.0.0.1:0"]).succeeds();
    let refused = briq.run(["rollback", name]).exits(3).says("no other revision served before");
    assert_eq!(refused.stderr.matches("no other revision").count(), 1, "a cause is told once: {}", refused.stderr);
}
