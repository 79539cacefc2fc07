//! Writes what the fuzzers begin with: `cargo run --example seeds` in `fuzz/`. Other seeds are samples of the crates' tests.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use briq_fuzz::sample;
use briq_package::{Build, Draft, Package, example, parcel, seal};

const RECIPE: &str = r#"[package]
name = "digits"
version = "1.0.0"

[[layer]]
type = "conv2d"
filters = 8
kernel = 3
padding = "same"
activation = "relu"

[[layer]]
type = "max-pool2d"
size = 2

[[layer]]
type = "flatten"

[[layer]]
type = "dense"
units = 10
activation = "softmax"
"#;

const LOCK: &str = r#"version = 1

[[package]]
name = "digits"
registry = "models.example"
requirement = "^1"
version = "1.0.0"
digest = "blake3:0707070707070707070707070707070707070707070707070707070707070707"
"#;

const SHARD: &str =
    r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I8","shape":[1,3],"data_offsets":[8,11]}}"#;

const CONFIG: &str = r#"{"peft_type":"LORA","r":1,"lora_alpha":2,"bias":"none","rank_pattern":{"q":2},"alpha_pattern":{},"use_rslora":true}"#;

const LORA: &str = r#"{"base_model.model.q.lora_A.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"base_model.model.q.lora_B.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]}}"#;

fn main() -> std::io::Result<()> {
    let folder = tempfile::tempdir()?;
    let target = folder.path().join("sample.briq");
    sample::write(&target);
    let package = &sample::PACKAGE;
    let bundle = seal::seal(package, &sample::key()).expect("the key has no certificates").bytes;
    let key = sample::key().public_key().to_pem();
    let policy = format!("require = [\"seal\", \"provenance\", \"golden\"]\n[[trusted]]\nkey = \"\"\"\n{key}\"\"\"\n");
    let references = ["digits@^1.2, <3", "models.example:5000/vision/digits:latest", "./digits-1.0.0.briq"];
    write("package", "sample", &std::fs::read(&target)?)?;
    write("package", "manifest", package.manifest_bytes())?;
    write("manifest", "sample", package.manifest_bytes())?;
    for name in ["adapter", "variant"] {
        let package = Package::open(&vectors().join(format!("{name}.briq"))).expect("it is a package");
        write("manifest", name, package.manifest_bytes())?;
    }
    write("lora", "sample", &lora())?;
    write("provenance", "sample", &provenance(&folder.path().join("stated.briq")))?;
    write("seal", "sample", &bundle)?;
    write("seal", "statement", &statement(&bundle))?;
    write("policy", "sample", policy.as_bytes())?;
    // One content of one chunk.
    write(
        "index",
        "sample",
        &[&b"briqidx\x01"[..], &[1, 0, 0, 0], &[7; 32], &[1, 0, 0, 0], &[5, 0, 0, 0], &[9; 32]].concat(),
    )?;
    write("recipe", "sample", RECIPE.as_bytes())?;
    write("lock", "sample", LOCK.as_bytes())?;
    for (name, base) in [("alone", None), ("based", Some(&**package))] {
        let mut parcel = Vec::new();
        parcel::encode(package, base, &mut parcel).expect("the sample is whole");
        // The target sets the digest at the end itself.
        write("delta", name, &parcel[..parcel.len() - 32])?;
    }
    let header = (SHARD.len() as u64).to_le_bytes();
    write("shard", "sample", &[&header, SHARD.as_bytes(), &[0; 11]].concat())?;
    let mut references = references.iter().enumerate();
    references.try_for_each(|(number, text)| write("reference", &number.to_string(), text.as_bytes()))
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/briq-package/tests/vectors")
}

/// A configuration, a zero byte, and the two matrices of one module.
fn lora() -> Vec<u8> {
    let header = (LORA.len() as u64).to_le_bytes();
    [CONFIG.as_bytes(), &[0], &header, LORA.as_bytes(), &[0; 24]].concat()
}

/// The statement of a package, which is written for it.
fn provenance(target: &Path) -> Vec<u8> {
    let mut draft = Draft::new(example::manifest());
    draft.record_build(Build::default());
    for path in ["model.onnx", "weights-00001-of-00001.safetensors"] {
        draft.add_bytes(path.parse().expect("the literal is a legal path"), vec![b'x'; 9]).expect("it is fresh");
    }
    draft.write(target).expect("the folder can be written");
    let statement = Package::open(target).and_then(|package| package.provenance()).expect("it was just written");
    statement.expect("a build was recorded").to_json()
}

/// The payload of a bundle.
fn statement(bundle: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bundle);
    let payload = text.split("\"payload\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let payload = payload.expect("a bundle has a payload");
    base64::engine::general_purpose::STANDARD.decode(payload).expect("the payload is base64")
}

fn write(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), bytes)
}
