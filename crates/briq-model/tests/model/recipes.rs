//! Projects written into a temporary directory.

use std::path::Path;

use briq_model::Project;

/// Two interleaved half-circles, by formula: small, and not separable by a line.
pub(crate) fn moons() -> String {
    let row = |index: usize| {
        let angle = std::f64::consts::PI * (index % 40) as f64 / 40.0;
        let noise = ((index * 7919) % 97) as f64 / 970.0;
        let (x, y, class) = match index % 2 {
            0 => (angle.cos() + noise, angle.sin() - noise, "upper"),
            _ => (1.0 - angle.cos() - noise, 0.5 - angle.sin() + noise, "lower"),
        };
        format!("{x:.4},{y:.4},{class}\n")
    };
    (0..160).map(row).collect()
}

pub(crate) const RECIPE: &str = r#"
[package]
name = "moons"
version = "1.0.0"

[data]
path = "moons.csv"
label = "last"
normalize = "standard"
seed = 3

[[layer]]
type = "dense"
units = 16
activation = "tanh"

[[layer]]
type = "dropout"
rate = 0.1

[[layer]]
type = "dense"
units = 2
activation = "softmax"

[train]
epochs = 30
batch-size = 16
optimizer = { type = "adam", learning-rate = 0.02 }
loss = "cross-entropy"
seed = 5
"#;

pub(crate) fn project(directory: &Path, recipe: &str) -> Project {
    std::fs::write(directory.join("moons.csv"), moons()).unwrap();
    std::fs::write(directory.join("briq.toml"), recipe).unwrap();
    Project::open(directory).unwrap()
}

fn mistake(recipe: &str, data: &str) -> (String, Option<String>) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("moons.csv"), data).unwrap();
    std::fs::write(directory.path().join("briq.toml"), recipe).unwrap();
    let error = Project::open(directory.path()).err().unwrap();
    let hint = error.hint().map(str::to_owned);
    let chain: Vec<String> = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    (chain.join(": "), hint)
}

#[test]
fn an_unknown_key_is_told_with_the_likely_one() {
    let (text, hint) = mistake(&RECIPE.replace("epochs", "epoch"), &moons());
    assert!(text.contains("line ") && text.contains("epoch"), "{text}");
    assert!(hint.unwrap().contains("epochs"));
}

#[test]
fn an_output_that_does_not_fit_the_classes_is_told_with_both_numbers() {
    let (text, hint) = mistake(&RECIPE.replace("units = 2", "units = 3"), &moons());
    assert!(text.contains("[3]") && text.contains("2 classes"), "{text}");
    assert!(hint.unwrap().contains("2 units"));
}

#[test]
fn layers_that_do_not_compose_are_told_with_position_and_shape() {
    let recipe = RECIPE.replace("type = \"dropout\"\nrate = 0.1", "type = \"max-pool2d\"\nsize = 2");
    let (text, _) = mistake(&recipe, &moons());
    assert!(text.contains("max-pool2d") && text.contains('2') && text.contains("[16]"), "{text}");
}

#[test]
fn a_missing_value_is_told_with_line_and_column() {
    let data = moons().replacen(&moons().lines().nth(4).unwrap().to_owned(), "0.5,,upper", 1);
    let (text, _) = mistake(RECIPE, &data);
    assert!(text.contains("moons.csv:5:2: a value is missing"), "{text}");
}

#[test]
fn a_directory_without_a_recipe_is_not_found() {
    let directory = tempfile::tempdir().unwrap();
    let error = Project::open(directory.path()).err().unwrap();
    assert!(error.is_not_found() && error.hint().is_some());
}
