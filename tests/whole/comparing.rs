//! Two packages side by side, a package made anew, and where one comes from.

use std::fs;

use briq_tests::{Briq, peers};
use serde_json::{Value, json};

/// A project of the iris template, trained for so many epochs, packed under its name and version.
fn packed(briq: &Briq, name: &str, version: &str, epochs: usize) {
    if !briq.folder().join(name).exists() {
        briq.run(["new", name, "--template", "iris"]).succeeds();
    }
    let path = briq.folder().join(name).join("briq.toml");
    let recipe = fs::read_to_string(&path).expect("the project has a recipe");
    let line = |line: &str| match line.split_once(" = ").map(|(key, _)| key) {
        Some("name") => format!("name = \"{name}\""),
        Some("version") => format!("version = \"{version}\""),
        Some("epochs") => format!("epochs = {epochs}"),
        _ => line.to_owned(),
    };
    fs::write(path, recipe.lines().map(line).collect::<Vec<_>>().join("\n")).expect("it is ours");
    briq.run(["train", name, "--backend", "flex"]).succeeds();
    briq.run(["pack", name, "-o", &format!("{name}-{version}.briq")]).succeeds();
}

/// `flowers 2.0.0`, fine-tuned from `iris-1.0.0.briq` with its first layer frozen.
fn tuned(briq: &Briq) {
    briq.run(["new", "flowers", "--template", "iris"]).succeeds();
    let path = briq.folder().join("flowers/briq.toml");
    let recipe = fs::read_to_string(&path).expect("the project has a recipe");
    let recipe = recipe.replace("name = \"iris\"", "name = \"flowers\"").replace("\"1.0.0\"", "\"2.0.0\"");
    fs::write(path, recipe.replace("epochs = 200", "epochs = 3")).expect("it is ours");
    let train = ["train", "flowers", "--from", "iris-1.0.0.briq", "--freeze", "dense_1.*", "--backend", "flex"];
    briq.run(train).succeeds();
    briq.run(["pack", "flowers", "-o", "flowers-2.0.0.briq"]).succeeds();
}

#[test]
fn diff_tells_what_a_longer_training_changed() {
    let briq = Briq::new();
    packed(&briq, "iris", "1.0.0", 2);
    packed(&briq, "iris", "1.0.1", 4);
    let difference = briq.run(["diff", "iris-1.0.0.briq", "iris-1.0.1.briq", "--json"]).succeeds().json();
    assert_eq!((&difference["same"], &difference["signature"]["bump"]), (&json!(false), &json!("patch")));
    assert_eq!(difference["structure"]["changed"], json!([]));
    let tensors = difference["tensors"].as_array().expect("a list");
    let weight = tensors.iter().find(|tensor| tensor["name"] == "dense_1.weight").expect("it is there");
    assert_eq!((&weight["state"], &weight["elements"]), (&json!("changed"), &json!(64)));
    assert!(weight["relative"].as_f64().is_some_and(|size| size > 0.0 && size < 10.0), "{weight}");
    let text = briq.run(["diff", "iris-1.0.0.briq", "iris-1.0.1.briq", "--svg", "change.svg"]).succeeds().stdout;
    for line in ["- iris 1.0.0", "+ iris 1.0.1", "signature: the same, a patch is enough", "metrics", "dense_1.weight"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
    let svg = fs::read_to_string(briq.folder().join("change.svg")).expect("it was written");
    assert!(svg.starts_with("<svg") && svg.contains("dense_1.weight"));
}

#[test]
fn diff_exits_as_it_is_asked_to() {
    let briq = Briq::new();
    packed(&briq, "iris", "1.0.0", 1);
    packed(&briq, "iris", "1.0.1", 1);
    briq.run(["diff", "iris-1.0.0.briq", "iris-1.0.1.briq"]).succeeds();
    briq.run(["diff", "iris-1.0.0.briq", "iris-1.0.1.briq", "--exit-code"]).exits(10).says("are not the same");
    let text = briq.run(["diff", "iris-1.0.0.briq", "iris-1.0.0.briq", "--exit-code"]).succeeds().stdout;
    assert!(text.contains("the packages are the same"), "{text}");
    briq.run(["diff", "iris-1.0.0.briq", "gone.briq"]).exits(3);
}

#[test]
fn a_training_is_repeated_byte_for_byte() {
    let briq = Briq::new();
    packed(&briq, "iris", "1.0.0", 3);
    // The data are known by their digest, wherever they lie and whatever they are called.
    fs::create_dir(briq.folder().join("elsewhere")).expect("the folder is ours");
    fs::rename(briq.folder().join("iris/data/iris.csv"), briq.folder().join("elsewhere/table")).expect("it is there");
    fs::write(briq.folder().join("elsewhere/iris.csv"), "1,2,3,4,0\n").expect("the folder is ours");
    fs::remove_dir_all(briq.folder().join("iris")).expect("it is ours");
    let report = briq
        .run(["reproduce", "iris-1.0.0.briq", "--data", "elsewhere", "-o", "again.briq", "--json"])
        .succeeds()
        .json();
    assert_eq!((&report["verdict"], &report["digest"]), (&json!("identical"), &report["reproduced"]));
    let read = |name: &str| fs::read(briq.folder().join(name)).expect("it was written");
    assert_eq!(read("again.briq"), read("iris-1.0.0.briq"));

    briq.run(["reproduce", "iris-1.0.0.briq"]).exits(4).says("iris.csv, 150 rows, blake3:").says("--data");
    let other = ["reproduce", "iris-1.0.0.briq", "--data", "elsewhere/iris.csv"];
    briq.run(other).exits(4).says("elsewhere/iris.csv is not iris.csv with blake3:");
    briq.run(["reproduce", "iris-1.0.0.briq", "--data", "gone"]).exits(3);
}

#[test]
fn another_backend_gives_other_bytes_and_the_same_answers() {
    let briq = Briq::new();
    packed(&briq, "iris", "1.0.0", 3);
    let arguments = ["reproduce", "iris-1.0.0.briq", "--data", "iris/data", "--backend", "ndarray", "--json"];
    let report = briq.run(arguments).succeeds().json();
    assert_eq!(report["verdict"], "equivalent");
    assert!(report["largest_error"].as_f64().is_some_and(|error| error < 1e-3), "{report}");
}

#[test]
fn a_fine_tuning_is_repeated_from_its_base() {
    let briq = Briq::new();
    packed(&briq, "iris", "1.0.0", 3);
    tuned(&briq);
    let reproduce = ["reproduce", "flowers-2.0.0.briq", "--data", "flowers/data/iris.csv", "--json"];
    briq.run(reproduce).exits(3).says("was fine-tuned from iris@blake3:").says("--base");
    packed(&briq, "iris", "1.0.1", 1);
    let wrong = reproduce.iter().copied().chain(["--base", "iris-1.0.1.briq"]);
    briq.run(wrong).exits(4).says("the package was fine-tuned from iris@blake3:");
    let named = reproduce.iter().copied().chain(["--base", "iris-1.0.0.briq"]);
    assert_eq!(briq.run(named).succeeds().json()["verdict"], "identical");
    briq.run(["publish", "iris-1.0.0.briq"]).succeeds();
    assert_eq!(briq.run(reproduce).succeeds().json()["verdict"], "identical");
}

#[test]
fn lineage_is_a_tree_down_to_what_is_not_here() {
    let briq = Briq::new();
    packed(&briq, "iris", "1.0.0", 1);
    tuned(&briq);
    let lineage = |arguments: &[&str]| briq.run(["inspect", "flowers-2.0.0.briq", "--lineage"].iter().chain(arguments));
    let text = lineage(&[]).succeeds().stdout;
    assert!(text.contains("└─ base    iris 1.0.0  blake3:") && text.contains("(not here)"), "{text}");
    briq.run(["publish", "iris-1.0.0.briq"]).succeeds();
    let text = lineage(&[]).succeeds().stdout;
    assert!(!text.contains("(not here)") && text.contains("   ├─ data    iris.csv, 150 rows, blake3:"), "{text}");
    let tree = lineage(&["--json"]).succeeds().json();
    assert_eq!((&tree["base"]["name"], &tree["base"]["found"]), (&json!("iris"), &json!(true)));
    assert_eq!(tree["base"]["data"][0]["rows"], 150);
}

#[test]
fn publish_refuses_less_than_the_least_version() {
    let briq = Briq::new();
    packed(&briq, "iris", "1.0.0", 1);
    briq.run(["publish", "iris-1.0.0.briq"]).succeeds();
    let path = briq.folder().join("iris/briq.toml");
    let recipe = fs::read_to_string(&path).expect("it is there");
    // Two of three classes: the output becomes narrower.
    fs::write(&path, recipe.replace("\"setosa\", ", "").replace("units = 3", "units = 2")).expect("it is ours");
    let table = briq.folder().join("iris/data/iris.csv");
    let rows = fs::read_to_string(&table).expect("it is there");
    let kept = |line: &&str| !line.ends_with(",0");
    let renamed = |line: &str| match line.rsplit_once(',') {
        Some((features, "1")) => format!("{features},0\n"),
        Some((features, "2")) => format!("{features},1\n"),
        _ => format!("{line}\n"),
    };
    fs::write(&table, rows.lines().filter(kept).map(renamed).collect::<String>()).expect("it is ours");
    packed(&briq, "iris", "1.1.0", 1);
    let refused = briq.run(["publish", "iris-1.1.0.briq"]).exits(6);
    refused.says("1.1.0 would break callers of 1.0.0: output was").says("the least version for that is 2.0.0");
    packed(&briq, "iris", "2.0.0", 1);
    briq.run(["publish", "iris-2.0.0.briq"]).succeeds();
    let text = briq.run(["diff", "iris@1.0.0", "iris@2.0.0"]).succeeds().stdout;
    assert!(text.contains("signature: demands a major version, 2.0.0 or later after 1.0.0"), "{text}");
    assert!(text.contains("reshaped"), "{text}");
}

/// A network that `onnx` itself writes.
const MODEL: &str = "import numpy as np, onnx
from onnx import TensorProto as T, helper as h, numpy_helper as n
rng = np.random.default_rng(1)
weight = n.from_array(rng.standard_normal((4, 300), dtype=np.float32), 'weight')
graph = h.make_graph([h.make_node('MatMul', ['x', 'weight'], ['y'])], 'g',
    [h.make_tensor_value_info('x', T.FLOAT, ['batch', 4])], [h.make_tensor_value_info('y', T.FLOAT, ['batch', 300])], [weight])
onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid('', 17)], ir_version=8), 'model.onnx')
";

#[test]
fn an_import_is_repeated_from_its_file() {
    let Some(python) = peers::python(&["onnx", "numpy"]) else { return };
    let briq = Briq::new();
    let made = std::process::Command::new(python).args(["-c", MODEL]).current_dir(briq.folder()).status();
    assert!(made.is_ok_and(|status| status.success()));
    let import = ["import", "onnx", "model.onnx", "--name", "linear", "--version", "0.1.0", "-o", "linear.briq"];
    briq.run(import).succeeds();
    briq.run(["reproduce", "linear.briq"]).exits(4).says("model.onnx (onnx), blake3:");
    fs::rename(briq.folder().join("model.onnx"), briq.folder().join("other.onnx")).expect("it is there");
    let report = briq.run(["reproduce", "linear.briq", "--data", "other.onnx", "--json"]).succeeds().json();
    assert_eq!(report["verdict"], Value::from("identical"));
    let tree = briq.run(["inspect", "linear.briq", "--lineage", "--json"]).succeeds().json();
    assert_eq!(tree["source"]["framework"], "onnx");
}
