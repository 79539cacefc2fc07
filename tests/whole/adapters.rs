//! Adapters: a network and a LoRA adapter that `peft` trained, laid upon one another as `peft` does it.
//!
//! `import/adapter/make.py` made the files with torch and peft, answers included: `plain` are the network's, `adapted` those
//! with the adapter. Its weights lie in both orientations, in shards and in the graph; ranks and scales differ by module.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use briq_tests::{Briq, Serving, peers};
use serde_json::Value;

pub(crate) fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("whole/import/adapter");
    folder.join(name).display().to_string()
}

/// Casts the network and its adapter into `base.briq` and `tuned.briq`.
fn cast(briq: &Briq) {
    briq.run(["import", "onnx", &sample("base.onnx"), "--name", "base", "--version", "1.2.0", "-o", "base.briq"])
        .succeeds();
    let adapter = sample("adapter");
    let target = ["--name", "tuned", "--version", "1.0.0", "-o", "tuned.briq"];
    briq.run(["import", "safetensors", &adapter, "--adapter-of", "base.briq"].iter().chain(&target)).succeeds();
}

/// How far a prediction is from what torch or peft answered, at most.
fn distance(briq: &Briq, reference: &str, backend: &str, whose: &str) -> f64 {
    let request = sample("request.json");
    let answer = briq.run(["predict", reference, "--input", &request, "--backend", backend]).succeeds().json();
    let text = std::fs::read_to_string(sample("answers.json")).expect("it is checked in");
    let answers: Value = serde_json::from_str(&text).expect("it is JSON");
    let numbers = |output: &Value| -> Vec<f64> {
        output["data"].as_array().expect("a list").iter().filter_map(Value::as_f64).collect()
    };
    let (got, due) = (numbers(&answer["outputs"][0]), numbers(&answers[whose]));
    assert_eq!(got.len(), due.len());
    got.iter().zip(due).map(|(got, due)| (got - due).abs()).fold(0.0, f64::max)
}

#[test]
fn an_adapter_answers_as_peft_does() {
    let briq = Briq::new();
    cast(&briq);
    briq.run(["publish", "tuned.briq"]).succeeds().says("is not in the local store");
    briq.run(["predict", "tuned@1", "--input", &sample("request.json")]).exits(3).says("briq pull HOST/base@blake3:");
    briq.run(["publish", "base.briq"]).succeeds();
    for backend in ["flex", "ndarray"] {
        assert!(distance(&briq, "base@1", backend, "plain") <= 1e-5, "{backend}");
        assert!(distance(&briq, "tuned@1", backend, "adapted") <= 1e-5, "{backend}");
    }
    assert!(distance(&briq, "tuned@1", "flex", "plain") > 0.1, "the adapter does something");
    briq.run(["verify", "tuned@1"]).succeeds();
    briq.run(["bench", "tuned@1", "--iterations", "2"]).succeeds();
    let inspected = briq.run(["inspect", "tuned@1", "--json"]).succeeds().json();
    let manifest = &inspected["manifest"];
    assert_eq!((&manifest["format"], &manifest["golden"]["examples"]), (&Value::from(2), &Value::from(4)));
    assert_eq!(manifest["adapter"]["requirement"], "^1.2.0");
    assert_eq!(manifest["adapter"]["updates"].as_array().map(Vec::len), Some(4));
}

/// ONNX Runtime on weights that NumPy merged.
#[test]
fn an_adapter_answers_as_onnx_runtime_does_on_merged_weights() {
    let Some(python) = peers::python(&["numpy", "onnx", "onnxruntime", "safetensors"]) else { return };
    let briq = Briq::new();
    cast(&briq);
    briq.run(["publish", "base.briq"]).succeeds();
    briq.run(["unpack", "tuned.briq", "-o", "tuned"]).succeeds();
    briq.run(["unpack", "base.briq", "-o", "plain"]).succeeds();
    let mut merge = std::process::Command::new(python);
    merge.arg(sample("merge.py")).arg(briq.folder()).arg(sample("request.json"));
    let merged = briq_tests::Outcome::of(&mut merge).succeeds().json();
    let request = sample("request.json");
    let answer = briq.run(["predict", "tuned.briq", "--input", &request, "--backend", "flex"]).succeeds().json();
    let numbers =
        |list: &Value| -> Vec<f64> { list.as_array().expect("a list").iter().filter_map(Value::as_f64).collect() };
    let (ours, theirs) = (numbers(&answer["outputs"][0]["data"]), numbers(&merged));
    assert_eq!(ours.len(), theirs.len());
    let worst = ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max);
    assert!(worst <= 1e-5, "{worst}");
    println!("the largest difference is {worst:e}");
}

#[test]
fn pulling_an_adapter_pulls_its_base_and_both_are_served() {
    let briq = Briq::new();
    cast(&briq);
    let root: PathBuf = briq.folder().join("registry");
    let root = root.display().to_string();
    let (registry, address) = Serving::start(&briq, &["registry", "serve", "--listen", "127.0.0.1:0", "--root", &root]);
    let team = format!("http://{address}/team");
    briq.run(["publish", "base.briq", "--registry", &team]).succeeds();
    briq.run(["publish", "tuned.briq", "--registry", &team]).succeeds();
    let other = Briq::new();
    other.run(["pull", &format!("{address}/team/tuned@1")]).succeeds();
    other.run(["gc"]).succeeds();
    let tuned = format!("{address}/team/tuned@=1.0.0");
    drop(registry);
    assert!(distance(&other, &tuned, "flex", "adapted") <= 1e-5);
    let (_server, _) = Serving::start(&other, &["serve", &tuned, "--http", "127.0.0.1:0", "--backend", "flex"]);
}

/// Removes a version as another registry's client does it.
fn removed(address: &str, name: &str, version: &str) {
    let mut stream = TcpStream::connect(address).expect("the registry listens");
    let request =
        format!("DELETE /v2/{name}/manifests/{version} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

#[test]
fn a_base_stays_while_an_adapter_names_it() {
    let briq = Briq::new();
    cast(&briq);
    briq.run(["publish", "base.briq"]).succeeds();
    briq.run(["publish", "tuned.briq"]).succeeds();
    let root = briq.home().join("store").display().to_string();
    let (registry, address) = Serving::start(&briq, &["registry", "serve", "--listen", "127.0.0.1:0", "--root", &root]);
    removed(&address, "base", "1.2.0");
    drop(registry);
    briq.run(["gc"]).succeeds();
    briq.run(["resolve", "base@1.2.0"]).exits(3);
    assert!(distance(&briq, "tuned@1", "flex", "adapted") <= 1e-5);
}

#[test]
fn rejects_adapters_of_other_networks() {
    let briq = Briq::new();
    cast(&briq);
    let import = |base: &str, folder: &str| {
        let target = ["--name", "n", "--version", "1.0.0", "-o", "n.briq"];
        briq.run(["import", "safetensors", folder, "--adapter-of", base].iter().chain(&target))
    };
    briq.run(["new", "iris", "--template", "iris"]).succeeds();
    briq.run(["train", "iris"]).succeeds();
    briq.run(["pack", "iris", "-o", "iris.briq"]).succeeds();
    import("iris.briq", &sample("adapter")).exits(4).says("do not fit the base");
    import("tuned.briq", &sample("adapter")).exits(4).says("is an adapter itself");
    import("base.briq", "iris").exits(3).says("adapter_config.json");
}
