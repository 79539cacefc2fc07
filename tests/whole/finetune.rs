//! Fine-tuning: a network of a package goes on learning, with its lineage told.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use briq_tests::{Briq, peers};
use serde_json::{Value, json};

/// A project of a template without layers, under another name: `NAME 2.0.0`.
fn tuned(briq: &Briq, template: &str, name: &str) -> PathBuf {
    briq.run(["new", name, "--template", template]).succeeds();
    let project = briq.folder().join(name);
    edit(&project, |recipe| {
        let layers = recipe.find("[[layer]]").expect("the template has layers");
        let train = recipe.find("[train]").expect("the template trains");
        let set = |line: &str| match line.split_once(" = ").map(|(key, _)| key) {
            Some("name") => format!("name = \"{name}\""),
            Some("version") => "version = \"2.0.0\"".to_owned(),
            _ => line.to_owned(),
        };
        let kept = format!("{}{}", &recipe[..layers], &recipe[train..]);
        kept.lines().map(set).collect::<Vec<_>>().join("\n")
    });
    project
}

fn edit(project: &Path, change: impl FnOnce(&str) -> String) {
    let path = project.join("briq.toml");
    let recipe = fs::read_to_string(&path).expect("the project has a recipe");
    fs::write(path, change(&recipe)).expect("it is ours");
}

/// `iris 1.0.0`, trained for some epochs and packed as `iris.briq`.
fn iris(briq: &Briq, epochs: usize) {
    briq.run(["new", "iris", "--template", "iris"]).succeeds();
    edit(&briq.folder().join("iris"), |recipe| recipe.replace("epochs = 200", &format!("epochs = {epochs}")));
    briq.run(["train", "iris", "--backend", "flex"]).succeeds();
    briq.run(["pack", "iris", "-o", "iris.briq"]).succeeds();
}

/// The bytes of each tensor in the shards of a package.
fn tensors(briq: &Briq, package: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = format!("{package}.unpacked");
    briq.run(["unpack", package, "-o", &folder]).succeeds();
    let shards = fs::read_dir(briq.folder().join(folder)).expect("it was unpacked").flatten().map(|entry| entry.path());
    shards.filter(|path| path.extension().is_some_and(|ending| ending == "safetensors")).flat_map(read).collect()
}

fn read(path: PathBuf) -> Vec<(String, Vec<u8>)> {
    let bytes = fs::read(path).expect("a shard can be read");
    let (length, rest) = bytes.split_at(8);
    let length = usize::try_from(u64::from_le_bytes(length.try_into().expect("eight bytes"))).expect("it fits");
    let header: Value = serde_json::from_slice(&rest[..length]).expect("the header is JSON");
    let tensors = header.as_object().expect("it lists tensors").iter().filter(|(name, _)| *name != "__metadata__");
    let tensor = |(name, place): (&String, &Value)| {
        let at = |end: usize| length + place["data_offsets"][end].as_u64().expect("an offset") as usize;
        (name.clone(), rest[at(0)..at(1)].to_vec())
    };
    tensors.map(tensor).collect()
}

#[test]
fn frozen_parameters_keep_their_bytes_and_the_lineage_is_told() {
    let briq = Briq::new();
    iris(&briq, 5);
    briq.run(["publish", "iris.briq"]).succeeds();
    tuned(&briq, "iris", "flowers");
    let report =
        briq.run(["train", "flowers", "--from", "iris@^1", "--freeze", "dense_1.*", "--json"]).succeeds().json();
    assert_eq!((&report["trained_parameters"], &report["frozen_parameters"]), (&json!(51), &json!(80)));
    assert_eq!(report["base"], "iris 1.0.0");
    briq.run(["pack", "flowers", "-o", "flowers.briq"]).succeeds();
    let (before, after) = (tensors(&briq, "iris.briq"), tensors(&briq, "flowers.briq"));
    let same = |name: &str| before[name] == after[name];
    assert!(same("dense_1.weight") && same("dense_1.bias") && !same("dense_2.weight") && !same("dense_2.bias"));
    let base = briq.run(["inspect", "iris.briq", "--json"]).succeeds().json();
    let manifest = briq.run(["inspect", "flowers.briq", "--json"]).succeeds().json()["manifest"].clone();
    let lineage = &manifest["lineage"];
    assert_eq!(lineage["base"], format!("iris@{}", base["digest"].as_str().expect("a digest")));
    assert_eq!((&lineage["base_version"], &lineage["frozen"]), (&json!("1.0.0"), &json!(["dense_1.*"])));
    let text = briq.run(["inspect", "flowers.briq"]).succeeds().stdout;
    assert!(text.contains("iris@blake3:") && text.contains("(1.0.0)") && text.contains("dense_1.*"), "{text}");
}

#[test]
fn a_fine_tuning_goes_on_from_where_its_base_was() {
    let briq = Briq::new();
    iris(&briq, 200);
    tuned(&briq, "iris", "flowers");
    let told = briq.run(["train", "flowers", "--from", "iris.briq"]).succeeds();
    let first = told.stderr.lines().find(|line| line.starts_with("epoch")).unwrap_or_default();
    let accuracy = first.split("accuracy ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
    assert!(accuracy.is_some_and(|percent| percent > 90.0), "{first}");
    assert!(told.stdout.starts_with("from iris 1.0.0: 131 parameters trained, 0 frozen"), "{}", told.stdout);
}

#[test]
fn a_fine_tuning_that_was_killed_gives_the_same_package() {
    let briq = Briq::new();
    iris(&briq, 3);
    let arguments = ["--from", "iris.briq", "--freeze", "*.bias", "--backend", "flex"];
    let pack = |name: &str| {
        let file = format!("{name}.briq");
        briq.run(["pack", name, "-o", &file]).succeeds();
        tensors(&briq, &file)
    };
    tuned(&briq, "iris", "whole");
    briq.run(["train", "whole"].iter().chain(&arguments)).succeeds();
    tuned(&briq, "iris", "killed");
    for epochs in [2, 3] {
        let mut command = briq.command(["train", "killed"].iter().chain(&arguments));
        let mut training = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(training.stderr.take().expect("it is piped")).lines();
        let told = lines.map_while(Result::ok).filter(|line| line.starts_with("epoch")).take(epochs).count();
        assert_eq!(told, epochs, "the training ended before it could be killed");
        training.kill().expect("it runs");
        training.wait().expect("it was started");
    }
    // The project knows its base by now.
    briq.run(["train", "killed", "--backend", "flex"]).succeeds();
    assert_eq!(pack("whole"), pack("killed"));
}

#[test]
fn mistakes_are_told_with_what_would_be_right() {
    let briq = Briq::new();
    iris(&briq, 1);
    let project = tuned(&briq, "iris", "flowers");
    briq.run(["train", "flowers"]).exits(4).says("declares no network").says("--from");
    let from = |more: &[&str]| {
        let arguments: Vec<_> = ["train", "flowers", "--from", "iris.briq"].iter().chain(more).copied().collect();
        briq.run(arguments)
    };
    from(&["--freeze", "dense1.*"]).exits(4).says("no parameter's name matches `dense1.*`").says("`dense_1.weight`");
    briq.run(["train", "flowers", "--freeze", "dense_1.*"]).exits(2).says("--from");
    briq.run(["train", "flowers", "--from", "gone"]).exits(3);
    edit(&project, |recipe| recipe.replace("[train]", "[[layer]]\ntype = \"dense\"\nunits = 3\n\n[train]"));
    from(&[]).exits(4).says("the layers of briq.toml are not those of iris 1.0.0");
    tuned(&briq, "digits", "numbers");
    briq.run(["train", "numbers", "--from", "iris.briq"]).exits(4).says("64 features").says("[batch, 4]");
}

#[test]
fn layers_that_agree_with_the_base_are_no_mistake() {
    let briq = Briq::new();
    iris(&briq, 5);
    let report = briq.run(["train", "iris", "--from", "iris.briq", "--json"]).succeeds().json();
    assert_eq!(report["base"], "iris 1.0.0");
    let report = briq.run(["train", "iris", "--json"]).succeeds().json();
    assert_eq!(report["base"], Value::Null, "without --from, declared layers start from nothing");
}

#[test]
fn a_new_head_takes_other_classes() {
    let briq = Briq::new();
    iris(&briq, 100);
    let project = tuned(&briq, "iris", "pairs");
    let path = project.join("data/iris.csv");
    let table = fs::read_to_string(&path).expect("the project has data");
    let class = |line: &str| match line.rsplit_once(',') {
        Some((_, "0")) => None,
        Some((features, class @ ("1" | "2"))) => Some(format!("{features},{}\n", if class == "1" { 0 } else { 1 })),
        _ => Some(format!("{line}\n")),
    };
    fs::write(path, table.lines().filter_map(class).collect::<String>()).expect("it is ours");
    edit(&project, |recipe| recipe.replace("\"setosa\", ", ""));
    let refused = briq.run(["train", "pairs", "--from", "iris.briq"]).exits(4);
    refused.says("gives [3] for each example, and 2 classes need [2]").says("--replace-head");
    let report = briq.run(["train", "pairs", "--from", "iris.briq", "--replace-head", "--json"]).succeeds().json();
    assert!(report["metrics"]["accuracy"].as_f64().is_some_and(|accuracy| accuracy > 0.8), "{report}");
    briq.run(["pack", "pairs", "-o", "pairs.briq"]).succeeds();
    let manifest = briq.run(["inspect", "pairs.briq", "--json"]).succeeds().json();
    assert_eq!(manifest["manifest"]["signature"]["outputs"][0]["shape"], json!([-1, 2]));
}

/// A small convolutional classifier with batch normalisation and a final softmax, untrained, exported by PyTorch.
const EXPORT: &str = "import torch
from torch import nn
torch.manual_seed(3)
backbone = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
head = nn.Sequential(nn.Flatten(), nn.Linear(256, 10), nn.Softmax(1))
net = nn.Sequential()
net.add_module('backbone', backbone)
net.add_module('head', head)
torch.onnx.export(net.eval(), torch.zeros(1, 1, 8, 8), 'net.onnx', input_names=['image'], output_names=['scores'],
    dynamic_axes={'image': {0: 'batch'}, 'scores': {0: 'batch'}}, opset_version=14, training=torch.onnx.TrainingMode.PRESERVE)
";

fn exported(briq: &Briq) -> Option<()> {
    let python = std::env::var_os("BRIQ_TORCH_PYTHON").unwrap_or_else(|| "python3".into());
    let ready = Command::new(&python).args(["-c", "import torch"]).output().is_ok_and(|output| output.status.success());
    if !ready {
        peers::skip("torch for Python is not installed");
        return None;
    }
    let output = Command::new(python).args(["-c", EXPORT]).current_dir(briq.folder()).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

#[test]
fn a_network_of_pytorch_learns_the_digits() {
    let briq = Briq::new();
    if exported(&briq).is_none() {
        return;
    }
    let import = ["import", "onnx", "net.onnx", "--name", "net", "--version", "0.1.0", "-o", "net.briq"];
    briq.run(import).succeeds();
    tuned(&briq, "digits", "numbers");
    let train = ["train", "numbers", "--from", "net.briq", "--freeze", "backbone.0.*", "--json"];
    let report = briq.run(train).succeeds().json();
    assert_eq!(report["frozen_parameters"], 160);
    assert!(report["metrics"]["accuracy"].as_f64().is_some_and(|accuracy| accuracy > 0.93), "{report}");
    briq.run(["pack", "numbers", "-o", "numbers.briq"]).succeeds();
    let (before, after) = (tensors(&briq, "net.briq"), tensors(&briq, "numbers.briq"));
    assert_eq!(before.get("head.1.weight").map(Vec::len), after.get("head.1.weight").map(Vec::len));
    assert_ne!(before.get("head.1.weight"), after.get("head.1.weight"));
    let inputs = briq.run(["inspect", "numbers.briq", "--json"]).succeeds().json()["manifest"]["signature"].clone();
    assert_eq!(inputs["inputs"][0], json!({"name": "image", "datatype": "FP32", "shape": [-1, 1, 8, 8]}));
    let evaluate = ["evaluate", "numbers.briq", "--data", "numbers/data/digits.csv.gz", "--json"];
    let figures = briq.run(evaluate).succeeds().json();
    assert!(figures["metrics"]["accuracy"].as_f64().is_some_and(|accuracy| accuracy > 0.95), "{figures}");
}
